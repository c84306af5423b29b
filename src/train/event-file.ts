import { floats, type TensorMap } from '../core/tensor.ts';
import { type Files, joinPath } from '../data/files.ts';
import type { Output } from '../data/output.ts';
import type { MetricsRow } from '../result/report.ts';
import { eventFileHead, eventRecord, type SummaryValue, wholeRecords } from '../result/tensorboard/events.ts';
import { histogramOf } from '../result/tensorboard/histogram.ts';
import type { FolderAccess } from './folder.ts';

/** The event file of a run, which TensorBoard shows. */
export interface EventFile {
  add(step: number, values: readonly SummaryValue[]): Promise<void>;
}

/** What a sitting goes on from. */
export interface EventsSoFar {
  /** Steps made; what a file says of later ones is dropped, since they are made again. */
  readonly step: number;
  /** Their metrics, which are written anew where no file is left. */
  readonly metrics: readonly MetricsRow[];
}

const NAME = /^events\.out\.tfevents\.(\d+)\.farsight$/;
/** The most bytes of an event file that are taken over by a new sitting. */
const MAX_BYTES = 2 ** 30;

/**
 * Begins the event file of a sitting in a run's folder: a new one that holds what the one before said of the steps so far,
 * after which the old one is removed. TensorBoard, which reads the file of the last name, then sees no step twice.
 */
export async function beginEvents(folder: string, access: FolderAccess, so: EventsSoFar): Promise<EventFile> {
  const { files, output } = access;
  const found = (await files.list(folder)).map((e) => e.name).filter((name) => NAME.test(name));
  const old = found.sort((a, b) => timeOf(a) - timeOf(b));
  const newest = old.at(-1);
  const now = Math.max(Math.floor(Date.now() / 1000), newest === undefined ? 0 : timeOf(newest) + 1);
  const path = joinPath(folder, `events.out.tfevents.${now}.farsight`);
  const kept = so.step === 0 ? [] : await takenOver(files, newest && joinPath(folder, newest), so);
  await output.write(path, [eventFileHead(now), ...kept]);
  for (const name of old) await output.remove(joinPath(folder, name));
  return eventFileAt(path, output);
}

function timeOf(name: string): number {
  return Number(NAME.exec(name)![1]);
}

async function takenOver(files: Files, path: string | undefined, so: EventsSoFar): Promise<readonly Uint8Array[]> {
  if (path !== undefined) {
    const records = wholeRecords(await files.read(path, MAX_BYTES));
    // The first two are the old file's head.
    return records.slice(2).flatMap(({ step, bytes }) => (step <= so.step ? [bytes] : []));
  }
  const wallTime = Date.now() / 1000;
  return so.metrics.map((row) => eventRecord({ wallTime, step: row.step, values: scalarsOf(row) }));
}

function eventFileAt(path: string, output: Output): EventFile {
  return {
    add: async (step, values) => {
      if (values.length > 0) await output.append(path, eventRecord({ wallTime: Date.now() / 1000, step, values }));
    },
  };
}

/** Where each measure stands in TensorBoard; what is before the slash is drawn together. */
const TAGS: Readonly<Record<string, string>> = {
  loss: 'loss/training',
  heldOutLoss: 'loss/held-out',
  accuracy: 'accuracy/training',
  heldOutAccuracy: 'accuracy/held-out',
  heldOutBalancedAccuracy: 'accuracy/held-out-balanced',
  heldOutMeanAveragePrecision: 'accuracy/held-out-mean-average-precision',
  epoch: 'step/epoch',
  learningRate: 'step/learning-rate',
  gradientNorm: 'step/gradient-norm',
  imagesPerSecond: 'machine/images-per-second',
  memory: 'machine/memory-bytes',
};

/** The measures of a row of metrics as scalars. */
export function scalarsOf(row: MetricsRow): readonly SummaryValue[] {
  return Object.entries(row).flatMap(([name, value]): SummaryValue[] =>
    name !== 'step' && typeof value === 'number' && Number.isFinite(value)
      ? [{ kind: 'scalar', tag: TAGS[name] ?? `more/${name}`, value }]
      : [],
  );
}

/** Histograms of all tensors of more than one number, under `GROUP/NAME`. */
export function histogramsOf(group: string, tensors: TensorMap): readonly SummaryValue[] {
  return [...tensors].flatMap(([name, t]): SummaryValue[] => {
    const histogram = t.dtype === 'float32' && t.data.length > 1 ? histogramOf(floats(t)) : null;
    return histogram ? [{ kind: 'histogram', tag: `${group}/${name}`, histogram }] : [];
  });
}

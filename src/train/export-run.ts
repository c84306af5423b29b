import { Fault } from '../core/fault.ts';
import { float32 } from '../core/tensor.ts';
import { joinPath } from '../data/files.ts';
import type { ImageWorkers } from '../data/load.ts';
import { type CalibrationMethod, calibrate } from '../engine/calibrate.ts';
import type { Frozen } from '../engine/frozen.ts';
import { halve } from '../engine/half.ts';
import { planQuantisation, quantise } from '../engine/quantise.ts';
import type { Feeds } from '../engine/runtime.ts';
import { formatPercent } from '../result/format.ts';
import { type Classifier, readClassifier } from './classifier.ts';
import { checkExport, encodeFrozen, ONNX_PRECISION } from './export.ts';
import { compareModels, type PrecisionLoss } from './export-judge.ts';
import { type ExportPictures, exportPictures, inBatches } from './export-pictures.ts';
import { PIXEL_VALUES, transformersFiles, transformersPath } from './export-transformers.ts';
import { freezeClassifier } from './freeze.ts';
import type { Platform } from './platform.ts';
import { classifierFile } from './predict.ts';
import { goOn, type WorkOptions } from './work.ts';

/** What the numbers of an exported model are. */
export type Precision = 'float32' | 'float16' | 'int8';

/** What to export. */
export interface ExportRequest extends WorkOptions {
  /** A run's folder or a file of its weights. */
  readonly run: string;
  /** The file to write; with format `transformers.js` the folder. */
  readonly output: string;
  /** `onnx`: one file. `transformers.js`: a folder that `pipeline('image-classification')` loads. */
  readonly format?: 'onnx' | 'transformers.js';
  /** `float32` where absent. A file has one; a folder may have all, and always has `float32`. */
  readonly precisions?: readonly Precision[];
  /** Whether height and width stay open. */
  readonly dynamicSize?: boolean;
  /** A folder of classes to calibrate with and to judge on; the run's own pictures where absent. */
  readonly folder?: string;
  /** How ranges of activations are found, for int8. */
  readonly calibration?: {
    /** How many pictures; 256. */
    readonly pictures?: number;
    /** The share 0.9999 of all numbers where absent. */
    readonly method?: CalibrationMethod;
    /** Modules that stay float32: regular expressions of paths. */
    readonly keep?: readonly string[];
  };
  /** How many held-out pictures the loss is measured on at most; 2000. */
  readonly judged?: number;
  /** Points that a model of fewer bits may lose; 2. */
  readonly maxLoss?: number;
  /** Writes it though it lost more. */
  readonly force?: boolean;
}

/** A model that was written. */
export interface ExportedModel {
  readonly path: string;
  readonly precision: Precision;
  readonly bytes: number;
  /** Largest difference from our own forward on pictures of noise, relative to the largest logit. */
  readonly difference: number;
  /** What fewer bits cost; absent for float32. */
  readonly loss?: PrecisionLoss;
}

/** Every model of an export. */
export interface ExportResult {
  readonly models: readonly ExportedModel[];
}

/** By how much logits of pictures of noise may differ from our own forward: rounding, half precision, eight bits. */
const TOLERANCES: Readonly<Record<Precision, number>> = {
  float32: 1e-4,
  float16: 0.05,
  int8: Number.POSITIVE_INFINITY,
};

/** Writes a trained classifier for other programs; nothing is written unless every model is good enough. */
export async function exportRun(request: ExportRequest, platform: Platform): Promise<ExportResult> {
  const precisions = wantedPrecisions(request);
  const classifier = await readClassifier(platform.files, await classifierFile(request.run, platform));
  const input = request.format === 'transformers.js' ? PIXEL_VALUES : 'x';
  goOn(request, { what: 'tracing', done: 0, total: precisions.length });
  const { dynamicSize = false } = request;
  const frozen = await freezeClassifier(platform.runtime, classifier, { input, dynamicSize });
  const job: Job = { request, platform, classifier, frozen, input };
  const models = await variants(job, precisions);
  await write(job, models);
  return { models: models.map(({ bytes, ...model }) => ({ ...model, bytes: bytes.length })) };
}

interface Job {
  readonly request: ExportRequest;
  readonly platform: Platform;
  readonly classifier: Classifier;
  readonly frozen: Frozen;
  /** The name of the graph's input. */
  readonly input: string;
}

interface Made extends Omit<ExportedModel, 'bytes'> {
  readonly bytes: Uint8Array;
}

function wantedPrecisions({ format = 'onnx', precisions = ['float32'] }: ExportRequest): readonly Precision[] {
  if (format === 'onnx' && precisions.length !== 1) {
    throw new Fault('config', `export: expected one precision for a file, got ${precisions.join(', ') || 'none'}.`);
  }
  return format === 'onnx' ? precisions : [...new Set<Precision>(['float32', ...precisions])];
}

async function variants(job: Job, precisions: readonly Precision[]): Promise<readonly Made[]> {
  const { request, platform, classifier, frozen } = job;
  const exact = encodeFrozen(frozen, classifier);
  if (precisions.every((p) => p === 'float32')) return [await made(job, 'float32', exact)];
  const pictures = await exportPictures(
    {
      run: request.run,
      classes: classifier.facts.classes,
      ...(request.folder !== undefined && { folder: request.folder }),
      calibration: request.calibration?.pictures ?? 256,
      judged: request.judged ?? 2000,
    },
    platform,
  );
  const workers = await platform.startWorkers(Math.min(Math.max(platform.cores - 1, 1), 8));
  const models: Made[] = [];
  try {
    for (const precision of precisions) {
      const narrowing = { exact, pictures, workers };
      models.push(await (precision === 'float32' ? made(job, precision, exact) : fewerBits(job, precision, narrowing)));
    }
  } finally {
    await workers.close();
  }
  return models;
}

interface Narrowing {
  readonly exact: Uint8Array;
  readonly pictures: ExportPictures;
  readonly workers: ImageWorkers;
}

/** A model of fewer bits, judged beside the exact one; a fault if it lost too much. */
async function fewerBits(job: Job, precision: Exclude<Precision, 'float32'>, narrowing: Narrowing): Promise<Made> {
  const { request, platform, classifier, frozen, input } = job;
  const { exact, pictures, workers } = narrowing;
  const [narrow, how] =
    precision === 'float16'
      ? [halve(frozen), {}]
      : await quantised(job, pictures.calibration.samples.length, () =>
          inBatches(workers, pictures.calibration, transformAnd(job)),
        );
  const { size } = classifier.facts.transform;
  const judging = {
    ...{ exact, other: encodeFrozen(narrow, classifier), input, size },
    classes: classifier.facts.classes.length,
    pictures: inBatches(workers, pictures.judged, transformAnd(job)),
    total: pictures.judged.samples.length,
  };
  const loss = await compareModels(platform.runtime, judging, request);
  refuseLoss(precision, loss, request);
  const told = JSON.stringify({ precision, ...how, loss });
  return { ...(await made(job, precision, encodeFrozen(narrow, classifier, { [ONNX_PRECISION]: told }))), loss };
}

function transformAnd({ request, classifier }: Job): Parameters<typeof inBatches>[2] {
  return { transform: classifier.facts.transform, ...(request.signal && { signal: request.signal }) };
}

/** The graph in eight bits, with the ranges that pictures showed. */
async function quantised(
  { request, platform, classifier, frozen, input }: Job,
  total: number,
  pictures: () => ReturnType<typeof inBatches>,
): Promise<readonly [Frozen, Readonly<Record<string, unknown>>]> {
  const { method = { kind: 'percentile', share: 0.9999 }, keep = [] } = request.calibration ?? {};
  const patterns = keep.map((pattern) => new RegExp(pattern));
  const plan = planQuantisation(frozen, (path) => patterns.some((p) => p.test(path)));
  const { size } = classifier.facts.transform;
  const feeds = async function* (): AsyncGenerator<Feeds> {
    let done = 0;
    for await (const { images, labels } of pictures()) {
      goOn(request, { what: 'calibrating', done, total });
      yield { [input]: float32([labels.length, 3, size, size], images) };
      done += labels.length;
    }
  };
  const wanted = { constants: frozen.constants, values: new Set(plan.points.values()) };
  const ranges = await calibrate(platform.runtime, wanted, feeds, method);
  return [quantise(frozen, plan, ranges), { calibration: { pictures: total, method, keep } }];
}

function refuseLoss(precision: Precision, loss: PrecisionLoss, { maxLoss = 2, force = false }: ExportRequest): void {
  if (force || loss.points <= maxLoss) return;
  const got = `${formatPercent(loss.before)} to ${formatPercent(loss.after)} on ${loss.pictures} pictures`;
  throw new Fault(
    'data',
    `export: expected ${precision} to lose at most ${maxLoss} points of ${loss.metric}, got ${loss.points.toFixed(1)} (${got}). Keep some modules in float32, calibrate with more pictures, or force it.`,
  );
}

async function made(
  { request, platform, classifier, input }: Job,
  precision: Precision,
  bytes: Uint8Array,
): Promise<Made> {
  const { dynamicSize = false, format, output } = request;
  const tolerance = TOLERANCES[precision];
  const difference = await checkExport(platform.runtime, bytes, classifier, { input, dynamicSize, tolerance });
  const path = format === 'transformers.js' ? transformersPath(output, precision) : output;
  return { path, precision, bytes, difference };
}

async function write({ request, platform, classifier }: Job, models: readonly Made[]): Promise<void> {
  const { output } = platform;
  if (request.format === 'transformers.js') {
    await output.makeFolder(joinPath(request.output, 'onnx'));
    for (const [name, bytes] of transformersFiles(classifier.facts)) {
      await output.write(joinPath(request.output, name), [bytes]);
    }
  }
  for (const { path, bytes } of models) await output.write(path, [bytes]);
}

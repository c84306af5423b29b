import { Fault } from '../core/fault.ts';
import type { Tensor } from '../core/tensor.ts';
import { describeSkipped, type SkippedFile } from '../data/batch.ts';
import { describeDataset } from '../data/image-folder.ts';
import { initialise } from '../model/init.ts';
import type { Traced } from '../model/scope.ts';
import type { Fact } from '../result/report.ts';
import { loadTensors } from '../weights/load.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { pixelBaseline } from './baseline.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import type { RunConfig } from './config.ts';
import type { Evaluation } from './evaluate.ts';
import type { OnEvent } from './events.ts';
import { beginFolder, FILES, folderAt, makeFolder } from './folder.ts';
import { trainLoop } from './loop.ts';
import { classifier, traceTraining } from './network.ts';
import { openPictures } from './pictures.ts';
import type { Platform } from './platform.ts';
import { nextCommands } from './report.ts';
import { finish, load, loopParts, type Sitting, type Work } from './sitting.ts';
import { BEGINNING, type Standing } from './standing.ts';

/** How to run. */
export interface RunRequest {
  /** Folder of the run; made if need be. */
  readonly folder: string;
  readonly onEvent?: OnEvent;
  /** Ends the run after the step under way, with a checkpoint to go on from. */
  readonly signal?: AbortSignal;
  /** Writes the runtime's profile of training steps to a file with this prefix. */
  readonly profile?: string;
}

/** What came of a run. */
export interface RunResult {
  readonly folder: string;
  readonly config: RunConfig;
  /** False where the signal ended it; it can be resumed. */
  readonly finished: boolean;
  readonly standing: Standing;
  readonly classes: readonly string[];
  /** Scores of the kept weights; null where the run was ended. */
  readonly evaluation: Evaluation | null;
  /** Balanced accuracy of logistic regression on pixels, where it was asked for. */
  readonly baseline: number | null;
  readonly skipped: readonly SkippedFile[];
  /** Commands to try next. */
  readonly next: readonly Fact[];
}

/** Trains a classifier and leaves a folder: weights, ONNX model, metrics, configuration, report, checkpoints. */
export async function startRun(config: RunConfig, platform: Platform, request: RunRequest): Promise<RunResult> {
  return sit(prepare(settle(config, platform), platform, request), null);
}

/** Goes on with a run that was ended: to the same weights, bit by bit, as if it had not been. */
export async function resumeRun(platform: Platform, request: RunRequest): Promise<RunResult> {
  const checkpoint = await readCheckpoint(platform.files, folderAt(request.folder).at(FILES.last));
  return sit(prepare(checkpoint.config, platform, request), checkpoint);
}

/** The configuration with the machine's threads and the embedded pictures' licence filled in. */
export function settle(config: RunConfig, platform: Pick<Platform, 'cores'>): RunConfig {
  const { data, engine } = config;
  return {
    ...config,
    data: { ...data, workers: data.workers ?? Math.min(Math.max(platform.cores - 1, 1), 8) },
    engine: { ...engine, threads: engine.threads ?? platform.cores },
  };
}

function prepare(config: RunConfig, platform: Platform, request: RunRequest): Sitting {
  return { config, platform, folder: folderAt(request.folder), emit: request.onEvent ?? (() => undefined), request };
}

async function sit(s: Sitting, from: Checkpoint | null): Promise<RunResult> {
  const { config, platform, folder, emit } = s;
  const pictures = await openPictures(config, platform);
  if (from && (from.data !== pictures.fingerprint || from.classes.join() !== pictures.classes.join())) {
    throw new Fault(
      'data',
      `${folder.path}: expected the pictures that the run was begun with, got others in ${config.data.folder}. Put them back, or begin a new run.`,
    );
  }
  const { network } = classifier(config.model, pictures.classes.length);
  const { batchSize: batch, size } = config.data;
  const { labelSmoothing, engine } = config;
  const traced = traceTraining(network, { batch, size, labelSmoothing, provider: engine.provider });
  const state = from
    ? loadTensors(traced.state, from.state, { where: folder.at(FILES.last) }).tensors
    : await firstState(s, traced);
  if (!from) await makeFolder(folder, platform.output);
  await beginFolder(folder, platform.output, { config, metrics: from?.standing.metrics ?? [] });
  emit({ kind: 'start', folder: folder.path, config, step: from?.step ?? 0 });
  emit({ kind: 'data', train: describeDataset(pictures.train), test: describeDataset(pictures.test) });
  const workers = await platform.startWorkers(config.data.workers!);
  try {
    return await work(s, { pictures, network, traced, state, workers, from });
  } finally {
    await workers.close();
  }
}

/** Fresh weights, or those of the file that the configuration names. */
async function firstState({ config, platform, emit }: Sitting, traced: Traced): Promise<Map<string, Tensor>> {
  const fresh = new Map(traced.state.map((spec) => [spec.name, initialise(spec, config.seed)]));
  const { weights: path, partial } = config.model;
  if (path === null) return fresh;
  const { tensors } = readSafetensors(await platform.files.read(path, 2 ** 31 - 1), path);
  const loaded = loadTensors(traced.state, tensors, { where: path, mode: partial ? 'partial' : 'strict' });
  for (const [name, t] of loaded.tensors) fresh.set(name, { ...t, data: t.data.slice() });
  emit({ kind: 'note', text: `Took ${loaded.tensors.size} of ${traced.state.length} tensors from ${path}.` });
  return fresh;
}

async function work(s: Sitting, w: Work): Promise<RunResult> {
  const { config, folder, emit } = s;
  const { pictures, workers } = w;
  const side = config.baseline;
  if (side !== null) emit({ kind: 'note', text: `Fitting logistic regression on ${side} x ${side} pixels.` });
  const baseline = side === null ? null : await pixelBaseline(workers, pictures, config, side);
  const loaded = await load(s, w);
  try {
    const end = await trainLoop(loopParts(s, loaded), w.from?.standing ?? BEGINNING);
    const skipped = [...loaded.training.skipped(), ...loaded.heldOut.skipped()];
    const total = pictures.train.samples.length + pictures.test.samples.length;
    if (skipped.length > 0) emit({ kind: 'skipped', files: skipped, summary: describeSkipped(skipped, total) });
    const evaluation = end.finished ? await finish(s, loaded, { ...end, baseline }) : null;
    const next = nextCommands(folder.path, pictures);
    const { standing, finished } = end;
    const { classes } = pictures;
    return { folder: folder.path, config, finished, standing, classes, evaluation, baseline, skipped, next };
  } finally {
    if (s.request.profile !== undefined) loaded.stepper.session.endProfiling();
    await loaded.stepper.release();
    await loaded.judge.release();
  }
}

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
import { beginFolder, FILES, folderAt, makeFolder, refuseTaken } from './folder.ts';
import { trainLoop } from './loop.ts';
import { classifier, traceTraining } from './network.ts';
import { openPictures, type RunPictures } from './pictures.ts';
import type { Platform } from './platform.ts';
import { nextCommands } from './report.ts';
import { finish, type Loaded, load, loopParts, type Sitting, type Work } from './sitting.ts';
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

/** The configuration with the machine's threads filled in. */
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
  checkProvider(s);
  const pictures = await openPictures(config, platform);
  if (from) checkSamePictures(s, pictures, from);
  const { network } = classifier(config.model, pictures.classes.length);
  const { batchSize: batch, size } = config.data;
  const { labelSmoothing, engine } = config;
  const traced = traceTraining(network, { batch, size, labelSmoothing, provider: engine.provider });
  const state = from
    ? loadTensors(traced.state, from.state, { where: folder.at(FILES.last) }).tensors
    : await firstState(s, traced);
  if (!from) await refuseTaken(folder, platform.output);
  emit({ kind: 'start', folder: folder.path, config, step: from?.step ?? 0 });
  emit({ kind: 'data', train: describeDataset(pictures.train), test: describeDataset(pictures.test) });
  const workers = await platform.startWorkers(config.data.workers!);
  try {
    return await work(s, { pictures, network, traced, state, workers, from });
  } finally {
    await workers.close();
  }
}

function checkProvider({ config, platform }: Sitting): void {
  const { name, providers } = platform.runtime;
  const { provider } = config.engine;
  if (providers.includes(provider)) return;
  const wanted = `one that ${name} has (${providers.join(', ')})`;
  throw new Fault('config', `engine.provider: expected ${wanted}, got "${provider}".`);
}

function checkSamePictures({ config, folder }: Sitting, pictures: RunPictures, from: Checkpoint): void {
  if (from.data === pictures.fingerprint && from.classes.join() === pictures.classes.join()) return;
  const where = config.data.folder ?? 'the embedded data';
  throw new Fault(
    'data',
    `${folder.path}: expected the pictures that the run was begun with, got others in ${where}. Put them back, or begin a new run.`,
  );
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
  const { config, platform, folder } = s;
  const { output } = platform;
  // The runtime begins its profile's file as soon as a session is made.
  if (s.request.profile !== undefined) await output.makeFolder(folder.path);
  const loaded = await load(s, w);
  try {
    if (!w.from) await makeFolder(folder, output);
    await beginFolder(folder, output, { config, metrics: w.from?.standing.metrics ?? [] });
    return await trainToEnd(s, loaded);
  } finally {
    if (s.request.profile !== undefined) loaded.stepper.session.endProfiling();
    await loaded.stepper.release();
    await loaded.judge.release();
  }
}

async function trainToEnd(s: Sitting, loaded: Loaded): Promise<RunResult> {
  const { config, folder, emit } = s;
  const { pictures, workers, training, heldOut, from } = loaded;
  const side = config.baseline;
  if (side !== null) emit({ kind: 'note', text: `Fitting logistic regression on ${side} x ${side} pixels.` });
  const baseline = side === null ? null : await pixelBaseline(workers, pictures, config, side);
  const end = await trainLoop(loopParts(s, loaded), from?.standing ?? BEGINNING);
  const skipped = [...training.skipped(), ...heldOut.skipped()];
  const total = pictures.train.samples.length + pictures.test.samples.length;
  if (skipped.length > 0) emit({ kind: 'skipped', files: skipped, summary: describeSkipped(skipped, total) });
  const evaluation = end.finished ? await finish(s, loaded, { ...end, baseline }) : null;
  const next = nextCommands(folder.path, pictures);
  const { standing, finished } = end;
  const { classes } = pictures;
  return { folder: folder.path, config, finished, standing, classes, evaluation, baseline, skipped, next };
}

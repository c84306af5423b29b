import { Fault } from '../core/fault.ts';
import { describeSkipped, type SkippedFile } from '../data/batch.ts';
import { describeDataset } from '../data/dataset.ts';
import type { Fact } from '../result/report.ts';
import { loadTensors } from '../weights/load.ts';
import { pixelBaseline } from './baseline.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { RunConfig } from './config.ts';
import type { Evaluation } from './evaluate.ts';
import type { OnEvent } from './events.ts';
import { firstState } from './first-state.ts';
import { cleanFolder, FILES, folderAt, makeFolder, readBegun, refuseTaken } from './folder.ts';
import { newestCheckpoint, openHistory } from './history.ts';
import { trainLoop } from './loop.ts';
import { classifier } from './network.ts';
import { type Outcome, readOutcome } from './outcome.ts';
import { openPictures, type RunPictures } from './pictures.ts';
import type { Platform } from './platform.ts';
import { recipeNotes } from './recipe.ts';
import { Records } from './records.ts';
import { nextCommands } from './report.ts';
import { settle } from './settle.ts';
import { finish, type Loaded, load, loopParts, type Sitting, type Work } from './sitting.ts';
import { BEGINNING, type Standing } from './standing.ts';
import { traceRun } from './trace-run.ts';

/** How to run. */
export interface RunRequest {
  /** Folder of the run; made if need be. */
  readonly folder: string;
  readonly onEvent?: OnEvent;
  /** Ends the run after the step under way, with a checkpoint to go on from. */
  readonly signal?: AbortSignal;
  /** Writes the runtime's profile of training steps to a file with this prefix. */
  readonly profile?: string;
  /** Whether published weights may only come from what was downloaded before; as the environment says where absent. */
  readonly offline?: boolean;
}

/** What came of a run. */
export interface RunResult {
  readonly folder: string;
  readonly config: RunConfig;
  /** False where the signal ended it; it can be resumed. */
  readonly finished: boolean;
  readonly standing: Standing;
  readonly classes: readonly string[];
  /** Scores of the kept weights; null where the run was ended, or had finished before this sitting. */
  readonly evaluation: Evaluation | null;
  /** What was written down when the run finished before this sitting; absent where it did not. */
  readonly outcome?: Outcome;
  /** Balanced accuracy of logistic regression on pixels, where it was asked for. */
  readonly baseline: number | null;
  readonly skipped: readonly SkippedFile[];
  /** Commands to try next. */
  readonly next: readonly Fact[];
}

/** Trains a classifier and leaves a folder: weights, ONNX model, metrics, configuration, report, checkpoints. */
export async function startRun(config: RunConfig, platform: Platform, request: RunRequest): Promise<RunResult> {
  await refuseTaken(folderAt(request.folder), platform.output);
  checkProvider(config, platform);
  const pictures = await openPictures(config, platform);
  const settled = settle(config, platform, pictures);
  const notes = [...recipeNotes(config), ...settled.notes];
  return sit(prepare(settled.config, platform, request), { from: null, pictures, notes });
}

/** Goes on with a run that was ended: to the same weights, bit by bit, as if it had not been. */
export async function resumeRun(platform: Platform, request: RunRequest): Promise<RunResult> {
  const { files, output } = platform;
  const folder = folderAt(request.folder);
  const note = (text: string): void => request.onEvent?.({ kind: 'note', text });
  const outcome = await readOutcome(folder, platform);
  if (outcome) return finishedBefore(folder.path, await readBegun(folder, platform), outcome);
  const found = await newestCheckpoint({ files, output, folder });
  for (const sentence of found?.damaged ?? []) note(`${sentence} Goes on from the checkpoint before.`);
  const checkpoint = found?.checkpoint ?? null;
  const last = found?.isLast ? found.checkpoint.step : null;
  const config = checkpoint?.config ?? (await readBegun(folder, platform));
  if (!found) note('No checkpoint was written before the run ended: it begins again.');
  checkProvider(config, platform);
  const pictures = await openPictures(config, platform);
  return sit(prepare(config, platform, request, last), { from: checkpoint, pictures, notes: [] });
}

/** The result of a run that ended by itself, as it was written down then. */
function finishedBefore(folder: string, config: RunConfig, outcome: Outcome): RunResult {
  const { seconds, epochs, best, classes, baseline, next } = outcome;
  const standing = { ...BEGINNING, epoch: epochs, seconds, best };
  return { folder, config, finished: true, outcome, standing, classes, evaluation: null, baseline, skipped: [], next };
}

/** `last`: the step of a whole `last.safetensors` in the folder. */
function prepare(config: RunConfig, platform: Platform, request: RunRequest, last: number | null = null): Sitting {
  const folder = folderAt(request.folder);
  const history = openHistory({ ...platform, folder }, config.keepCheckpoints, last);
  const records = new Records({ config, platform, folder });
  return { config, platform, folder, emit: request.onEvent ?? (() => undefined), history, records, request };
}

/** What a sitting begins with. */
interface Start {
  readonly from: Checkpoint | null;
  readonly pictures: RunPictures;
  /** What was chosen for the run, in words. */
  readonly notes: readonly string[];
}

async function sit(s: Sitting, { from, pictures, notes }: Start): Promise<RunResult> {
  const { config, platform, folder, emit } = s;
  if (from) checkSamePictures(s, pictures, from);
  const { network } = classifier(config.model, pictures.classes.length);
  const traced = traceRun(config, network, pictures);
  const state = from
    ? loadTensors(traced.state, from.state, { where: folder.at(FILES.last) }).tensors
    : await firstState(s, traced.state, pictures.classes.length);
  emit({ kind: 'start', folder: folder.path, config, step: from?.step ?? 0 });
  emit({ kind: 'data', train: describeDataset(pictures.train), test: describeDataset(pictures.test) });
  for (const text of notes) emit({ kind: 'note', text });
  if (pictures.leftOut !== '') emit({ kind: 'note', text: pictures.leftOut });
  const workers = await platform.startWorkers(config.data.workers!);
  try {
    return await work(s, { pictures, network, traced, state, workers, from });
  } finally {
    await workers.close();
  }
}

function checkProvider(config: RunConfig, platform: Platform): void {
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

async function work(s: Sitting, w: Work): Promise<RunResult> {
  const { platform, folder } = s;
  const { output } = platform;
  // The runtime begins its profile's file as soon as a session is made.
  if (s.request.profile !== undefined) await output.makeFolder(folder.path);
  const loaded = await load(s, w);
  try {
    await makeFolder(folder, output);
    await cleanFolder(folder, platform);
    await s.history.tidy();
    await s.records.begin(w);
    return await trainToEnd(s, loaded);
  } finally {
    if (s.request.profile !== undefined) loaded.stepper.session.endProfiling();
    await s.records.halt();
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

import { Fault } from '../core/fault.ts';
import type { Tensor, TensorMap } from '../core/tensor.ts';
import { describeSkipped, type ImageLoader, type SkippedFile } from '../data/batch.ts';
import { describeDataset } from '../data/image-folder.ts';
import type { ImageWorkers } from '../data/load.ts';
import { imageLoader } from '../data/loader.ts';
import { textBytes } from '../data/output.ts';
import { initialise } from '../model/init.ts';
import type { Network, Traced } from '../model/scope.ts';
import type { Fact } from '../result/report.ts';
import { loadTensors } from '../weights/load.ts';
import { readSafetensors } from '../weights/safetensors.ts';
import { pixelBaseline } from './baseline.ts';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { type Classifier, type ClassifierFacts, readClassifier, writeClassifier } from './classifier.ts';
import { evaluationTransform, type RunConfig, trainingTransform } from './config.ts';
import { firstNonFinite } from './diagnose.ts';
import { createJudge, type Evaluation, engineOptions, type Judge } from './evaluate.ts';
import type { OnEvent, TrainEvent } from './events.ts';
import { checkExport, encodeClassifier } from './export.ts';
import { beginFolder, FILES, type Folder, folderAt, makeFolder, metricsLine } from './folder.ts';
import { judgedWeights, type LoopResult, trainLoop } from './loop.ts';
import { classifier, parameterSettings, traceTraining } from './network.ts';
import { openPictures, type RunPictures } from './pictures.ts';
import type { Platform } from './platform.ts';
import { nextCommands, runReport } from './report.ts';
import { BEGINNING, type Standing } from './standing.ts';
import { createStepper, type Stepper } from './step.ts';

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

interface Sitting {
  readonly config: RunConfig;
  readonly platform: Platform;
  readonly folder: Folder;
  readonly emit: (event: TrainEvent) => void;
  readonly request: RunRequest;
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

interface Work {
  readonly pictures: RunPictures;
  readonly network: Network;
  readonly traced: Traced;
  readonly state: Map<string, Tensor>;
  readonly workers: ImageWorkers;
  readonly from: Checkpoint | null;
}

interface Loaded extends Work {
  readonly training: ImageLoader;
  readonly heldOut: ImageLoader;
  readonly stepper: Stepper;
  readonly judge: Judge;
  readonly average: Map<string, Tensor> | null;
  readonly facts: ClassifierFacts;
}

async function work(s: Sitting, w: Work): Promise<RunResult> {
  const { config, folder, emit } = s;
  const { pictures, workers } = w;
  const side = config.baseline;
  if (side !== null) emit({ kind: 'note', text: `Fitting logistic regression on ${side} x ${side} pixels.` });
  const baseline = side === null ? null : await pixelBaseline(workers, pictures, config, side);
  const loaded = await load(s, w);
  try {
    const end = await trainLoop(
      {
        config,
        ...loopParts(s, loaded),
        onEvent: (event) => emit(event),
        ...(s.request.signal && { signal: s.request.signal }),
      },
      w.from?.standing ?? BEGINNING,
    );
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

async function load({ config, platform, request }: Sitting, w: Work): Promise<Loaded> {
  const { data, engine, seed, model, licence } = config;
  const { pictures, network, traced, state, workers, from } = w;
  const { strict, cacheBytes, sampling, batchSize, evaluationBatchSize, size } = data;
  const common = { seed, strict, cacheBytes };
  const training = imageLoader(workers, pictures.train, {
    ...common,
    batchSize,
    sampling,
    transform: trainingTransform(data),
  });
  const transform = evaluationTransform(data);
  const heldOut = imageLoader(workers, pictures.test, {
    ...common,
    batchSize: evaluationBatchSize,
    sampling: 'in-order',
    transform,
  });
  const { classes, parts } = pictures;
  const stepper = await createStepper(
    platform.runtime,
    traced,
    {
      optimizer: config.optimizer,
      settings: parameterSettings(config),
      outputs: true,
      ...(config.clipNorm !== null && { clipNorm: config.clipNorm }),
    },
    { state, ...(from && { slots: from.slots, step: from.step }) },
    { ...engineOptions(engine), ...(request.profile !== undefined && { profile: request.profile }) },
  );
  const judge = await createJudge(platform.runtime, network, {
    batch: evaluationBatchSize,
    size,
    classes: classes.length,
    parts,
    engine,
  });
  const average = config.ema ? new Map(from?.average ?? floatCopies(stepper.state)) : null;
  const facts = { model: { name: model.name, overrides: model.overrides }, classes, transform, licence };
  return { ...w, training, heldOut, stepper, judge, average, facts: { ...facts, version: platform.version } };
}

/** Copies of parameters and buffers; counters are not averaged. */
function floatCopies(state: TensorMap): Map<string, Tensor> {
  return new Map(
    [...state].filter(([, t]) => t.dtype === 'float32').map(([name, t]) => [name, { ...t, data: t.data.slice() }]),
  );
}

function loopParts({ config, platform, folder, emit }: Sitting, w: Loaded) {
  const { stepper, average, training, heldOut, judge, traced, pictures, facts } = w;
  const { output, runtime } = platform;
  return {
    stepper,
    average,
    pictures: training,
    evaluate: (weights: TensorMap, signal?: AbortSignal) => judge.score(heldOut, weights, signal),
    explain: (batch: Readonly<Record<string, Tensor>>, state: TensorMap) =>
      firstNonFinite(runtime, traced, { batch, state }, engineOptions(config.engine)),
    save: async (standing: Standing) => {
      const { state, slots, step } = stepper;
      const { classes, fingerprint: data } = pictures;
      await writeCheckpoint(output, folder.at(FILES.last), {
        ...{ config, standing, step, classes, data },
        ...{ state, slots, average },
      });
    },
    saveBest: async (weights: TensorMap) => {
      if (config.keep === 'best') await writeClassifier(output, folder.at(FILES.best), facts, weights);
    },
    record: async (row: Parameters<typeof metricsLine>[0]) => {
      await output.append(folder.at(FILES.metrics), metricsLine(row));
      emit({ kind: 'metrics', row });
    },
  };
}

/** Writes weights, ONNX model and report of a run whose last epoch is over; gives the scores of the kept weights. */
async function finish(
  s: Sitting,
  w: Loaded,
  end: LoopResult & { readonly baseline: number | null },
): Promise<Evaluation> {
  const { config, platform, folder, emit } = s;
  const { network, facts, pictures, workers, judge, heldOut, stepper, average } = w;
  const best = config.keep === 'best' ? await readClassifier(platform.files, folder.at(FILES.best)) : null;
  const kept: Classifier = best ?? { facts, network, weights: judgedWeights(stepper, average) };
  const evaluation = (best ? null : end.evaluation) ?? (await judge.score(heldOut, kept.weights));
  emit({ kind: 'note', text: `Writing ${FILES.weights}, ${FILES.onnx}, ${FILES.report}.` });
  const model = encodeClassifier(kept);
  await checkExport(platform.runtime, model, kept);
  await writeClassifier(platform.output, folder.at(FILES.weights), facts, kept.weights);
  await platform.output.write(folder.at(FILES.onnx), [model]);
  const { standing, baseline } = end;
  const parts = { folder, config, pictures, classifier: kept, evaluation, standing, baseline, workers, platform };
  await platform.output.write(folder.at(FILES.report), [textBytes(await runReport(parts))]);
  return evaluation;
}

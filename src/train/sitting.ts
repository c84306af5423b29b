import type { Tensor, TensorMap } from '../core/tensor.ts';
import type { ImageLoader } from '../data/batch.ts';
import type { ImageWorkers } from '../data/load.ts';
import { imageLoader } from '../data/loader.ts';
import { textBytes } from '../data/output.ts';
import type { Network, Traced } from '../model/scope.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type Classifier, readClassifier, writeClassifier } from './classifier.ts';
import type { ClassifierFacts } from './classifier-facts.ts';
import type { RunConfig } from './config.ts';
import { batchOptions, evaluationTransform, trainingTransform } from './data-config.ts';
import { firstNonFinite } from './diagnose.ts';
import { engineOptions } from './engine-options.ts';
import { createJudge, type Evaluation, type Judge } from './evaluate.ts';
import type { OnEvent } from './events.ts';
import { checkExport, encodeClassifier } from './export.ts';
import { FILES, type Folder } from './folder.ts';
import type { History } from './history.ts';
import { judgedWeights, type LoopParts, type LoopResult } from './loop.ts';
import type { RunPictures } from './pictures.ts';
import type { Platform } from './platform.ts';
import { preciseNorm } from './precise-norm.ts';
import type { Records } from './records.ts';
import { nextCommands, runReport } from './report.ts';
import { createStepper, type Stepper } from './step.ts';
import { stepOptions } from './trace-run.ts';

/** What stays the same from the beginning of a sitting to its end. */
export interface Sitting {
  readonly config: RunConfig;
  readonly platform: Platform;
  readonly folder: Folder;
  readonly emit: OnEvent;
  /** Where its checkpoints go. */
  readonly history: History;
  /** Metrics, event file, first batches and the report while it goes on. */
  readonly records: Records;
  readonly request: { readonly signal?: AbortSignal; readonly profile?: string; readonly offline?: boolean };
}

/** What is trained, on what, from where. */
export interface Work {
  readonly pictures: RunPictures;
  readonly network: Network;
  readonly traced: Traced;
  readonly state: Map<string, Tensor>;
  readonly workers: ImageWorkers;
  readonly from: Checkpoint | null;
}

/** All of it, loaded and ready. */
export interface Loaded extends Work {
  readonly training: ImageLoader;
  readonly heldOut: ImageLoader;
  readonly stepper: Stepper;
  readonly judge: Judge;
  readonly average: Map<string, Tensor> | null;
  readonly facts: ClassifierFacts;
}

/** Loads what a run needs: pictures, the training step, and the judge of its weights. */
export async function load(s: Sitting, w: Work): Promise<Loaded> {
  const { config, platform } = s;
  const { data, engine, model, licence } = config;
  const { pictures, network, from } = w;
  const stepper = await loadStepper(s, w);
  const judge = await createJudge(platform.runtime, network, {
    batch: data.evaluationBatchSize,
    size: data.size,
    classes: pictures.classes.length,
    parts: pictures.parts,
    engine,
  });
  const average = config.ema ? new Map(from?.average ?? floatCopies(stepper.state)) : null;
  const facts: ClassifierFacts = {
    model: { name: model.name, overrides: model.overrides },
    classes: pictures.classes,
    transform: evaluationTransform(data),
    ...(pictures.train.multiLabel && { multiLabel: true }),
    licence,
    version: platform.version,
  };
  return { ...w, ...loaders(s, w), stepper, judge, average, facts };
}

function loaders({ config, records }: Sitting, { pictures, workers }: Work): Pick<Loaded, 'training' | 'heldOut'> {
  const { data, seed } = config;
  const { strict, cacheBytes, batchSize, evaluationBatchSize } = data;
  const common = { seed, strict, cacheBytes };
  const training = { ...common, batchSize, ...batchOptions(data), transform: trainingTransform(data) };
  const judging = { ...common, batchSize: evaluationBatchSize, transform: evaluationTransform(data) };
  return {
    training: records.watch(imageLoader(workers, pictures.train, training), pictures.classes),
    heldOut: imageLoader(workers, pictures.test, { ...judging, sampling: 'in-order' }),
  };
}

function loadStepper({ config, platform, request }: Sitting, { traced, state, from }: Work): Promise<Stepper> {
  const how = stepOptions(config, traced.state);
  const start = { state, ...(from && { slots: from.slots, step: from.step }) };
  const profile = request.profile === undefined ? {} : { profile: request.profile };
  return createStepper(platform.runtime, traced, how, start, { ...engineOptions(config.engine), ...profile });
}

/** Copies of parameters and buffers; counters are not averaged. */
function floatCopies(state: TensorMap): Map<string, Tensor> {
  return new Map(
    [...state].filter(([, t]) => t.dtype === 'float32').map(([name, t]) => [name, { ...t, data: t.data.slice() }]),
  );
}

/** The weights that are judged and exported after so many epochs. */
async function judged({ config, platform }: Sitting, w: Loaded, epochs: number): Promise<TensorMap> {
  const { stepper, average, traced, training: pictures } = w;
  const weights = judgedWeights(stepper, average);
  if (config.preciseNorm === 0) return weights;
  const { seed, engine, preciseNorm: batches } = config;
  const over = { traced, pictures, batches, seed, epoch: epochs - 1 };
  return preciseNorm(platform.runtime, weights, { ...over, session: engineOptions(engine) });
}

/** What the loop is given of a run. */
export function loopParts(s: Sitting, w: Loaded): LoopParts {
  const { config, platform, folder, emit, request, history, records } = s;
  const { stepper, average, training, heldOut, judge, traced, pictures, facts } = w;
  const { output, runtime } = platform;
  return {
    config,
    stepper,
    ...{ average, traced },
    pictures: training,
    judged: (epochs) => judged(s, w, epochs),
    evaluate: async (weights, signal) => {
      const evaluation = await judge.score(heldOut, weights, signal);
      await records.evaluated(evaluation, stepper);
      return evaluation;
    },
    explain: (batch, state) => firstNonFinite(runtime, traced, { batch, state }, engineOptions(config.engine)),
    save: async (standing) => {
      const { state, slots, step } = stepper;
      const { classes, fingerprint: data } = pictures;
      await history.save({ ...{ config, standing, step, classes, data }, ...{ state, slots, average } });
    },
    saveBest: async (weights) => {
      if (config.keep === 'best') await writeClassifier(output, folder.at(FILES.best), facts, weights);
    },
    measure: () => (platform.memory ? { memory: platform.memory() } : {}),
    record: async (row) => {
      await records.row(row);
      emit({ kind: 'metrics', row });
    },
    onEvent: (event) => {
      records.hear(event);
      emit(event);
    },
    ...(request.signal && { signal: request.signal }),
  };
}

/** Writes weights, ONNX model and report of a run whose last epoch is over; gives the scores of the kept weights. */
export async function finish(
  s: Sitting,
  w: Loaded,
  end: LoopResult & { readonly baseline: number | null },
): Promise<Evaluation> {
  const { config, platform, folder, emit } = s;
  const { network, facts, pictures, workers, judge, heldOut, stepper } = w;
  const best = config.keep === 'best' ? await readClassifier(platform.files, folder.at(FILES.best)) : null;
  const kept: Classifier = best ?? { facts, network, weights: await judged(s, w, end.standing.epoch) };
  const evaluation = (best ? null : end.evaluation) ?? (await judge.score(heldOut, kept.weights));
  emit({ kind: 'note', text: `Writing ${FILES.weights}, ${FILES.onnx}, ${FILES.report}.` });
  const model = await encodeClassifier(platform.runtime, kept);
  await checkExport(platform.runtime, model, kept);
  await writeClassifier(platform.output, folder.at(FILES.weights), facts, kept.weights);
  await platform.output.write(folder.at(FILES.onnx), [model]);
  const { standing, baseline } = end;
  await s.records.close();
  const { firstBatches } = s.records;
  const about = { folder, config, pictures, classifier: kept, evaluation, standing, baseline };
  const parts = { ...about, workers, platform, firstBatches };
  await platform.output.write(folder.at(FILES.report), [textBytes(await runReport(parts))]);
  const { classes } = pictures;
  await s.records.end({
    evaluation,
    standing,
    steps: stepper.step,
    baseline,
    classes,
    next: nextCommands(folder.path, pictures),
  });
  return evaluation;
}

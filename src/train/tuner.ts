import { Fault } from '../core/fault.ts';
import { random } from '../core/random.ts';
import type { RgbImage } from '../core/resize.ts';
import { floats, type Tensor } from '../core/tensor.ts';
import type { ImageBatch } from '../data/batch.ts';
import { epochOrder } from '../data/order.ts';
import { transformInto } from '../data/transform.ts';
import { readTransform, type TransformConfig } from '../data/transform-config.ts';
import type { Runtime } from '../engine/runtime.ts';
import { initialise } from '../model/init.ts';
import type { Traced } from '../model/scope.ts';
import type { Classifier } from './classifier.ts';
import type { ClassifierFacts } from './classifier-facts.ts';
import type { EngineConfig, FreezeConfig } from './config.ts';
import { engineOptions } from './engine-options.ts';
import { batchFeeds, countCorrect } from './feeds.ts';
import { classifier, frozenNorms, parameterSettings, traceTraining } from './network.ts';
import { networkParts } from './network-parts.ts';
import type { OptimizerConfig } from './optimizers/optimizer.ts';
import { createStepper, type Stepper } from './step.ts';
import type { WorkOptions } from './work.ts';

/** How a classifier goes on learning. */
export interface TunerOptions {
  /** What it shall tell apart; its own classes where absent. Of others its last layer starts fresh. */
  readonly classes?: readonly string[];
  /** Pictures of a step; 8. */
  readonly batch?: number;
  /** 0.001. */
  readonly learningRate?: number;
  /** AdamW. */
  readonly optimizer?: OptimizerConfig;
  /** Decay of weights; tensors of one axis are spared. 0.01. */
  readonly weightDecay?: number;
  /** Share of the target that is spread over all classes; 0. */
  readonly labelSmoothing?: number;
  /** What is not trained; all batch norms use running statistics, since few pictures give bad ones. */
  readonly freeze?: Partial<FreezeConfig>;
  /**
   * Options of the training transform beside size, filter, mean and deviation, which are the classifier's; crops of 35 %
   * of the area or more, mirrored or not. Null: pictures as they are judged.
   */
  readonly transform?: Readonly<Record<string, unknown>> | null;
  /** Of the last layer's first weights, of order, crops and drop-out; 0. */
  readonly seed?: number;
}

/** A picture and its class, by name or by place among the classes. */
export interface LabelledPicture {
  readonly image: RgbImage;
  readonly label: string | number;
}

/** What came of a training step. */
export interface TunerStep {
  /** Steps made so far. */
  readonly step: number;
  /** Mean of the step's pictures, before it changed the weights. */
  readonly loss: number;
  /** Pictures that were told rightly, of the step's. */
  readonly correct: number;
}

/** A classifier that goes on learning, from pictures held in memory. */
export interface Tuner {
  /** What the classifier is by now. */
  readonly facts: ClassifierFacts;
  /** Pictures of a step. */
  readonly batch: number;
  /** One step on exactly `batch` pictures. */
  step(pictures: readonly LabelledPicture[]): Promise<TunerStep>;
  /** Steps on pictures drawn from these, every class equally often; stopped by a signal it stays as it is by then. */
  fit(pictures: readonly LabelledPicture[], options: FitOptions): Promise<readonly TunerStep[]>;
  /** The classifier as it is by now: a copy, to predict with or to save. */
  classifier(): Classifier;
  release(): Promise<void>;
}

/** How long {@link Tuner.fit} goes on. */
export interface FitOptions extends WorkOptions {
  readonly steps: number;
  readonly onStep?: (step: TunerStep) => void;
}

/** Options of which none is left out. */
type Settled = Required<Omit<TunerOptions, 'classes' | 'freeze' | 'transform'>>;

const DEFAULTS: Settled = {
  batch: 8,
  learningRate: 1e-3,
  weightDecay: 0.01,
  labelSmoothing: 0,
  seed: 0,
  optimizer: { kind: 'adamw' },
};

/** Loads a classifier to go on learning, in Node, a page or a worker: the training step is a graph like any other. */
export async function createTuner(
  runtime: Runtime,
  from: Classifier,
  { engine, ...given }: TunerOptions & { readonly engine: EngineConfig },
): Promise<Tuner> {
  const options = { ...DEFAULTS, ...given };
  const { batch, labelSmoothing, weightDecay, optimizer } = options;
  const facts = tunedFacts(from.facts, options);
  const transform = transformOf(facts, given);
  const { network } = classifier(facts.model, facts.classes.length);
  const freeze: FreezeConfig = { stages: null, norms: true, ...options.freeze };
  const { size } = facts.transform;
  const frozenNorm = frozenNorms({ freeze, data: { size }, engine }, network);
  const shape = { batch, size, labelSmoothing, provider: engine.provider, ...(frozenNorm && { frozenNorm }) };
  const traced = traceTraining(network, shape);
  const settings = parameterSettings(
    { groups: [], weightDecay, decayAll: false, layerDecay: null, freeze },
    traced.state,
  );
  const stepper = await createStepper(
    runtime,
    traced,
    { optimizer, settings, outputs: true },
    { state: firstState(from, facts, options.seed) },
    engineOptions(engine),
  );
  return tunerOf({ stepper, traced, facts, network, options, transform });
}

function tunedFacts(facts: ClassifierFacts, { classes = facts.classes, batch }: TunerOptions): ClassifierFacts {
  if (facts.multiLabel) {
    throw new Fault(
      'config',
      'tuner: expected a classifier of one label a picture, got one of several. Train it anew.',
    );
  }
  if (classes.length < 2 || new Set(classes).size !== classes.length) {
    throw new Fault('config', `tuner.classes: expected at least two, each once, got ${JSON.stringify(classes)}.`);
  }
  if (!Number.isInteger(batch) || batch! < 1) {
    throw new Fault('config', `tuner.batch: expected a whole number of at least 1, got ${batch}.`);
  }
  return { ...facts, classes };
}

function transformOf({ transform }: ClassifierFacts, { transform: said }: TunerOptions): TransformConfig {
  if (said === null) return transform;
  const { size, interpolation, mean, std } = transform;
  const own = { kind: 'training', size, interpolation, mean, std };
  return readTransform({ scale: [0.35, 1], ...said, ...own }, 'tuner.transform');
}

/** Copies of the weights; of other classes the last layer starts fresh. */
function firstState(from: Classifier, { model, classes }: ClassifierFacts, seed: number): Map<string, Tensor> {
  const parts = networkParts({ ...model, overrides: { ...model.overrides, classes: classes.length } });
  const same = classes.length === from.facts.classes.length && classes.every((c, i) => c === from.facts.classes[i]);
  return new Map(
    parts.state.map((spec) => {
      const known = same || !parts.head.has(spec.name) ? from.weights.get(spec.name) : undefined;
      return [spec.name, known ? { ...known, data: known.data.slice() } : initialise(spec, seed)];
    }),
  );
}

interface Parts extends Pick<Classifier, 'facts' | 'network'> {
  readonly stepper: Stepper;
  readonly traced: Traced;
  readonly options: Settled;
  readonly transform: TransformConfig;
}

function tunerOf({ stepper, traced, facts, network, options, transform }: Parts): Tuner {
  const { batch, seed, learningRate } = options;
  const step: Tuner['step'] = async (pictures) => {
    if (pictures.length !== batch) {
      throw new Fault('data', `tuner: expected ${batch} pictures for a step, got ${pictures.length}.`);
    }
    const prepared = prepare(pictures, { facts, transform, seed, step: stepper.step });
    const keys = { seed, epoch: 0, batch: stepper.step };
    const { loss, logits } = await stepper.run(batchFeeds(prepared, traced, keys), learningRate);
    const value = floats(loss!)[0]!;
    if (Number.isFinite(value)) {
      return { step: stepper.step, loss: value, correct: countCorrect(floats(logits!), prepared) };
    }
    throw new Fault(
      'engine',
      `tuner: expected a finite loss, got ${value} in step ${stepper.step}. Learn more slowly.`,
    );
  };
  const fit: Tuner['fit'] = async (pictures, { steps, onStep, signal, onProgress }) => {
    const order = places(pictures, { facts, seed, count: steps * batch });
    const made: TunerStep[] = [];
    const say = (): void => onProgress?.({ what: 'training', done: made.length, total: steps });
    say();
    while (made.length < steps) {
      signal?.throwIfAborted();
      const next = order.slice(made.length * batch, (made.length + 1) * batch);
      made.push(await step(next.map((place) => pictures[place]!)));
      onStep?.(made.at(-1)!);
      say();
    }
    return made;
  };
  const copy = (t: Tensor): Tensor => ({ ...t, data: t.data.slice() });
  return {
    facts,
    batch,
    step,
    fit,
    classifier: () => ({ facts, network, weights: new Map([...stepper.state].map(([name, t]) => [name, copy(t)])) }),
    release: () => stepper.release(),
  };
}

interface Drawing extends Pick<Classifier, 'facts'> {
  readonly seed: number;
}

/** Which pictures come, one after the other: epochs in which classes take turns. */
function places(
  pictures: readonly LabelledPicture[],
  { facts, seed, count }: Drawing & { readonly count: number },
): readonly number[] {
  const labels = pictures.map((p) => labelOf(p, facts));
  if (labels.length === 0) throw new Fault('data', 'tuner: expected labelled pictures, got none.');
  const out: number[] = [];
  for (let epoch = 0; out.length < count; epoch++)
    out.push(...epochOrder(labels, { sampling: 'balanced', seed, epoch }));
  return out.slice(0, count);
}

/** Pictures as a batch; what is drawn for one is a function of seed, step and its place in the step. */
function prepare(
  pictures: readonly LabelledPicture[],
  { facts, transform, seed, step }: Drawing & { readonly transform: TransformConfig; readonly step: number },
): ImageBatch {
  const { size } = transform;
  const images = new Float32Array(pictures.length * 3 * size * size);
  pictures.forEach(({ image }, i) => {
    const target = { data: images, offset: i * 3 * size * size };
    transformInto(target, image, transform, (name) => random(seed, step, i, 'tuner', name));
  });
  const labels = Int32Array.from(pictures, (p) => labelOf(p, facts));
  return { images, labels, indices: labels.map((_, i) => i) };
}

function labelOf({ label }: LabelledPicture, { classes }: ClassifierFacts): number {
  const place = typeof label === 'string' ? classes.indexOf(label) : label;
  if (Number.isInteger(place) && place >= 0 && place < classes.length) return place;
  throw new Fault('data', `tuner: expected a label among ${classes.length} classes, got ${JSON.stringify(label)}.`);
}

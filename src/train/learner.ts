import { Fault } from '../core/fault.ts';
import { didYouMean } from '../core/suggest.ts';
import type { Tensor, TensorMap } from '../core/tensor.ts';
import type { Feeds, Provider, Runtime } from '../engine/runtime.ts';
import { createSession } from '../engine/session.ts';
import { lowerAggregates } from '../graph/aggregate/index.ts';
import { integers } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { initialise } from '../model/init.ts';
import { type InputSpec, type Network, type StateSpec, traceNetwork } from '../model/scope.ts';
import { drawn } from './feeds.ts';
import { lowerTraced } from './network.ts';
import type { OptimizerConfig } from './optimizers/optimizer.ts';
import { createStepper } from './step.ts';
import type { ParameterSettings } from './step-graph.ts';

/** What a network reads and where it runs. */
export interface PlaceOptions {
  /** Names and shapes of what it reads. */
  readonly inputs: Readonly<Record<string, InputSpec>>;
  /** The runtime's first where absent. */
  readonly provider?: Provider;
  /** Threads for one operator; the cores where absent. */
  readonly threads?: number;
}

/** How a network learns. */
export interface LearnerOptions extends PlaceOptions {
  /** AdamW where absent. */
  readonly optimizer?: OptimizerConfig;
  /** What each parameter gets; a decay of 0.01 for tensors of two axes or more where absent. */
  readonly settings?: (spec: StateSpec) => ParameterSettings;
  /** The most that the gradients' common l2 norm may be; any where absent. */
  readonly clipNorm?: number;
  /** Of first weights and of what is drawn in training; 0 where absent. */
  readonly seed?: number;
  /** Weights to go on from, by name; the others start fresh. */
  readonly weights?: TensorMap;
}

/** A network of any inputs that learns step by step. */
export interface Learner {
  /** Steps made so far. */
  readonly step: number;
  /** One step on a batch; gives the network's outputs before it, `loss` [] among them. */
  learn(feeds: Feeds, learningRate: number): Promise<Record<string, Tensor>>;
  /** A copy of parameters and buffers by name, as they are now. */
  weights(): TensorMap;
  release(): Promise<void>;
}

const decayed = ({ shape }: StateSpec): ParameterSettings => ({ decay: shape.length > 1 ? 0.01 : 0 });

/** Loads the training step of any network that gives a `loss` []: sequences, sets or pictures, all sizes known. */
export async function createLearner(runtime: Runtime, network: Network, options: LearnerOptions): Promise<Learner> {
  const { inputs, provider = runtime.providers[0] ?? 'cpu', threads, seed = 0, weights } = options;
  const traced = lowerTraced(traceNetwork(network, { inputs, mode: 'training' }), { provider, training: true });
  const state = new Map(
    traced.state.map((spec) => [spec.name, copied(weights?.get(spec.name)) ?? initialise(spec, seed)]),
  );
  const { optimizer = { kind: 'adamw' }, settings = decayed, clipNorm } = options;
  const step = { optimizer, settings, outputs: true, ...(clipNorm !== undefined && { clipNorm }) };
  const stepper = await createStepper(runtime, traced, step, { state }, { provider, ...(threads && { threads }) });
  return {
    get step() {
      return stepper.step;
    },
    learn: (feeds, learningRate) => {
      const keys = { seed, epoch: 0, batch: stepper.step };
      const draws = traced.randoms.map((spec) => [spec.name, drawn(spec, keys)] as const);
      return stepper.run({ ...feeds, ...Object.fromEntries(draws) }, learningRate);
    },
    weights: () => new Map([...stepper.state].map(([name, t]) => [name, copied(t)!])),
    release: () => stepper.release(),
  };
}

function copied(t: Tensor | undefined): Tensor | undefined {
  return t && { ...t, data: t.data.slice() };
}

/** What is asked of a network that has learnt. */
export interface ReaderOptions extends PlaceOptions {
  readonly weights: TensorMap;
  /**
   * Affinities to look at, by the path of their tap: the positions, counted in one line, whose rows are given as
   * `rows/PATH`, [N, heads, rows, L].
   */
  readonly rows?: Readonly<Record<string, readonly number[]>>;
}

/** A network with its weights, ready to run. */
export interface Reader {
  /** Its outputs, and the rows that were asked for. */
  run(feeds: Feeds): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

/** Loads a network for inference. Whatever only training needs, such as a loss, is left out by the network itself. */
export async function createReader(runtime: Runtime, network: Network, options: ReaderOptions): Promise<Reader> {
  const { inputs, provider = runtime.providers[0] ?? 'cpu', threads, weights, rows = {} } = options;
  const traced = traceNetwork(network, { inputs, mode: 'inference', taps: (path) => Object.hasOwn(rows, path) });
  const outputs = new Map<string, Value>(traced.outputs);
  for (const [path, positions] of Object.entries(rows)) {
    const tap = traced.taps.get(path);
    if (!tap?.rows) throw new Fault('config', unknownTap(path, network, inputs));
    outputs.set(`rows/${path}`, tap.rows(integers(positions)));
  }
  const lowered = lowerAggregates(outputs, { provider, training: false }).outputs;
  const constants = new Map([...weights].filter(([name]) => traced.parameters.has(name)));
  const session = await createSession(runtime, lowered, { provider, constants, ...(threads && { threads }) });
  return { run: (feeds) => session.run(feeds), release: () => session.release() };
}

function unknownTap(path: string, network: Network, inputs: PlaceOptions['inputs']): string {
  const { taps } = traceNetwork(network, { inputs, mode: 'inference', taps: () => true });
  const names = [...taps.values()].filter((tap) => tap.rows).map((tap) => tap.name);
  return `rows: expected the path of an affinity, got "${path}". ${didYouMean(path, names)}`;
}

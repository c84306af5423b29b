import { Fault } from '../core/fault.ts';
import { float32 } from '../core/tensor.ts';
import type { Provider } from '../engine/runtime.ts';
import { lowerAggregates, type Target } from '../graph/aggregate/index.ts';
import type { Dim } from '../graph/dimension.ts';
import { constant, within } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { binaryCrossEntropy } from '../model/losses/binary.ts';
import { crossEntropy } from '../model/losses/classification.ts';
import { createModel, type Model } from '../model/networks/table.ts';
import { type Network, type StateSpec, type Traced, traceNetwork } from '../model/scope.ts';
import type { LossConfig, ModelConfig, RunConfig } from './config.ts';
import { layersOf } from './layers.ts';
import type { ParameterSettings } from './step-graph.ts';

/** The network that a configuration names, with as many outputs as there are classes. */
export function classifier(config: Pick<ModelConfig, 'name' | 'overrides'>, classes: number): Model {
  return createModel(config.name, { ...config.overrides, classes });
}

/** What a training graph is traced for. */
export interface TrainingShape {
  readonly batch: number;
  /** Height and width of the pictures. */
  readonly size: number;
  readonly labelSmoothing: number;
  readonly provider: Provider;
  /** Number of classes K where targets are fed, shares [N, K], instead of labels [N]. */
  readonly targets?: number;
  /** Cross entropy where absent. */
  readonly loss?: LossConfig;
  /** Weight of each class in the loss, [K]; ones where absent. */
  readonly classWeights?: Float32Array;
  /** Which batch norms, by path, use running statistics and leave them as they are; none where absent. */
  readonly frozenNorm?: (path: string) => boolean;
}

/**
 * A classifier in training: `x` [N, 3, S, S], `labels` int64 [N] or `targets` [N, K] → `loss` [], `logits` [N, K]. What
 * it draws at random is an input too, listed in `randoms`.
 */
export function traceTraining(network: Network, shape: TrainingShape): Traced {
  const { batch, size, provider, targets, frozenNorm } = shape;
  const withLoss: Network = (s, { x, labels, targets: shares }) => {
    const logits = network(s, { x: x! })['logits']!;
    return { loss: within('loss', () => lossOf(logits, (labels ?? shares)!, shape)), logits };
  };
  const x = { shape: [batch, 3, size, size] };
  const inputs =
    targets === undefined
      ? { x, labels: { shape: [batch], dtype: 'int64' as const } }
      : { x, targets: { shape: [batch, targets] } };
  const traced = traceNetwork(withLoss, { inputs, mode: 'training', ...(frozenNorm && { frozenNorm }) });
  return lowerTraced(traced, { provider, training: true });
}

function lossOf(logits: Value, targets: Value, { loss, labelSmoothing, classWeights }: TrainingShape): Value {
  const weights = classWeights && constant(float32([classWeights.length], classWeights));
  const common = { labelSmoothing, ...(weights && { classWeights: weights }) };
  if (loss?.kind !== 'binary-cross-entropy') return crossEntropy(logits, targets, common);
  const { threshold, sumClasses } = loss;
  return binaryCrossEntropy(logits, targets, { ...common, sumClasses, ...(threshold !== null && { threshold }) });
}

/** A traced network without `aggregate`: each got the cheapest way that the target allows. */
export function lowerTraced(traced: Traced, target: Target): Traced {
  const keyed = new Map<string, Value>();
  for (const [name, v] of traced.outputs) keyed.set(`output ${name}`, v);
  for (const [name, v] of traced.updates) keyed.set(`update ${name}`, v);
  for (const [name, { value }] of traced.taps) keyed.set(`tap ${name}`, value);
  const { outputs: lowered } = lowerAggregates(keyed, target);
  const pick = (kind: string, values: Iterable<string>): Map<string, Value> =>
    new Map([...values].map((name) => [name, lowered.get(`${kind} ${name}`)!]));
  return {
    ...traced,
    outputs: pick('output', traced.outputs.keys()),
    updates: pick('update', traced.updates.keys()),
    taps: new Map([...traced.taps].map(([name, tap]) => [name, { ...tap, value: lowered.get(`tap ${name}`)! }])),
  };
}

/** What an inference graph is traced for. */
export interface InferenceShape {
  readonly batch: Dim;
  readonly size: number;
  readonly taps?: (path: string) => boolean;
  /** Where it will run; `portable` keeps to ONNX's own operators. */
  readonly provider: Provider | 'portable';
}

/** A classifier in inference: `x` [N, 3, S, S] → `logits` [N, K]. */
export function traceInference(network: Network, { batch, size, taps, provider }: InferenceShape): Traced {
  const inputs = { x: { shape: [batch, 3, size, size] } };
  const traced = traceNetwork(network, { inputs, mode: 'inference', ...(taps && { taps }) });
  return lowerTraced(traced, { provider, training: false });
}

/** What of a configuration says how single parameters are trained. */
export type ParameterOptions = Pick<RunConfig, 'groups' | 'weightDecay' | 'decayAll' | 'layerDecay' | 'freeze'>;

/**
 * Decay and rate of each parameter: its group's, else the run's decay, of which tensors of one axis may be spared; the rate
 * also falls with the layer. Parameters of frozen stages are left as they are. A pattern that fits no parameter is a fault.
 */
export function parameterSettings(
  { groups: said, weightDecay, decayAll, layerDecay, freeze }: ParameterOptions,
  state: readonly StateSpec[],
): (spec: StateSpec) => ParameterSettings {
  const groups = said.map((g) => ({ ...g, pattern: new RegExp(g.pattern) }));
  const layers = layersOf(state);
  groups.forEach(({ pattern }, i) => {
    if (state.some((s) => s.role === 'param' && pattern.test(s.name))) return;
    const wanted = 'a pattern that fits a parameter of the network';
    throw new Fault('config', `groups.${i}.pattern: expected ${wanted}, got ${JSON.stringify(said[i]!.pattern)}.`);
  });
  return (spec) => {
    const group = groups.find((g) => g.pattern.test(spec.name));
    const decay = group?.decay ?? (spec.shape.length <= 1 && !decayAll ? 0 : weightDecay);
    const { stage, layer } = layers.place(spec.name);
    const rate = (group?.rate ?? 1) * (layerDecay ?? 1) ** (layers.count - 1 - layer);
    const frozen = (group?.frozen ?? false) || (freeze.stages !== null && stage <= freeze.stages);
    return { decay, rate, frozen };
  };
}

/** Which batch norms, by path, a configuration keeps as they are; undefined where none. */
export function frozenNorms(
  { freeze, data, engine }: Pick<RunConfig, 'freeze' | 'engine'> & { readonly data: Pick<RunConfig['data'], 'size'> },
  network: Network,
): ((path: string) => boolean) | undefined {
  const { stages, norms } = freeze;
  if (norms) return () => true;
  if (stages === null) return undefined;
  const { state } = traceInference(network, { batch: 1, size: data.size, provider: engine.provider });
  const layers = layersOf(state);
  return (path) => layers.place(`${path}.weight`).stage <= stages;
}

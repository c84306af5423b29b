import type { Provider } from '../engine/runtime.ts';
import { lowerAggregates, type Target } from '../graph/aggregate/index.ts';
import type { Dim } from '../graph/dimension.ts';
import { within } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { crossEntropy } from '../model/losses/classification.ts';
import { createModel, type Model } from '../model/networks/table.ts';
import { type Network, type StateSpec, type Traced, traceNetwork } from '../model/scope.ts';
import type { ModelConfig, RunConfig } from './config.ts';
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
}

/** A classifier in training: `x` [N, 3, S, S], `labels` int64 [N] → `loss` [], `logits` [N, K]. */
export function traceTraining(network: Network, { batch, size, labelSmoothing, provider }: TrainingShape): Traced {
  const withLoss: Network = (s, { x, labels }) => {
    const logits = network(s, { x: x! })['logits']!;
    return { loss: within('loss', () => crossEntropy(logits, labels!, { labelSmoothing })), logits };
  };
  const inputs = { x: { shape: [batch, 3, size, size] }, labels: { shape: [batch], dtype: 'int64' as const } };
  return lowerTraced(traceNetwork(withLoss, { inputs, mode: 'training' }), { provider, training: true });
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

/** Decay and rate of each parameter: its group's, else the run's decay, of which tensors of one axis are spared. */
export function parameterSettings(
  config: Pick<RunConfig, 'groups' | 'weightDecay'>,
): (spec: StateSpec) => ParameterSettings {
  const groups = config.groups.map((g) => ({ ...g, pattern: new RegExp(g.pattern) }));
  return (spec) => {
    const group = groups.find((g) => g.pattern.test(spec.name));
    const decay = group?.decay ?? (spec.shape.length <= 1 ? 0 : config.weightDecay);
    return { decay, rate: group?.rate ?? 1, frozen: group?.frozen ?? false };
  };
}

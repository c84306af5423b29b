import type { NameTable } from '../core/name-table.ts';
import { sameShape } from '../core/shape.ts';
import { NAME_TABLES } from '../model/networks/names/index.ts';
import { createModel, type Model } from '../model/networks/table.ts';
import { type StateSpec, traceNetwork } from '../model/scope.ts';
import type { ModelConfig } from './config.ts';

/** What must be known of a network to fit a file of weights to it. */
export interface NetworkParts {
  readonly state: readonly StateSpec[];
  /** Tensors whose shape follows the number of classes. */
  readonly head: ReadonlySet<string>;
  /** Tensors whose shape follows the number of the picture's channels. */
  readonly input: ReadonlySet<string>;
  readonly tables: readonly NameTable[];
}

/**
 * The state of a network and which of it belongs to the classifier and to the picture: what changes its shape with one
 * class, or one channel, more. `classes` 0 is a network without a classifier.
 */
export function networkParts({ name, overrides }: Pick<ModelConfig, 'name' | 'overrides'>): NetworkParts {
  const model = createModel(name, overrides);
  const { classes, inChannels, kind } = model.config;
  const state = stateOf(model);
  const changed = (change: Readonly<Record<string, unknown>>): ReadonlySet<string> =>
    differing(state, stateOf(createModel(name, { ...overrides, ...change })));
  return {
    state,
    head: classes === 0 ? new Set() : changed({ classes: classes + 1 }),
    input: changed({ inChannels: inChannels + 1 }),
    tables: NAME_TABLES[kind],
  };
}

/** Names, shapes and first values of a network's tensors. */
export function stateOf({ network, config, input }: Model): readonly StateSpec[] {
  const x = { shape: [1, config.inChannels, input.size, input.size] };
  return traceNetwork(network, { inputs: { x }, mode: 'inference' }).state;
}

function differing(a: readonly StateSpec[], b: readonly StateSpec[]): ReadonlySet<string> {
  const other = new Map(b.map((s) => [s.name, s.shape]));
  const differs = ({ name, shape }: StateSpec): boolean => !sameShape(shape, other.get(name) ?? []);
  return new Set(a.filter(differs).map((s) => s.name));
}

import { Fault } from '../core/fault.ts';
import { sizeOf } from '../core/shape.ts';
import { backward } from '../graph/backward.ts';
import * as op from '../graph/ops/index.ts';
import { input, scalar, within } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import type { StateSpec, Traced } from '../model/scope.ts';
import { type Optimizer, type OptimizerConfig, optimizer } from './optimizers/optimizer.ts';

/** What one parameter gets: its weight decay and the factor on its learning rate. `frozen` leaves it as it is. */
export interface ParameterSettings {
  readonly decay: number;
  readonly rate?: number;
  readonly frozen?: boolean;
}

/** How a training step is built. */
export interface StepOptions {
  readonly optimizer: OptimizerConfig;
  /** Settings of each parameter. */
  readonly settings: (spec: StateSpec) => ParameterSettings;
  /** Puts each number of the gradients into [-clipValue, clipValue] (torch's clip_grad_value_), before any other clipping. */
  readonly clipValue?: number;
  /** Scales all gradients so that their common l2 norm is at most this (torch's clip_grad_norm_). */
  readonly clipNorm?: number;
  /** Whether a step may be made of several batches: then it is two graphs, with sums of gradients between them. */
  readonly accumulate?: boolean;
  /** Whether values of the forward pass are computed again when the backward pass needs them, instead of being kept. */
  readonly recompute?: boolean;
  /** Names of parameters whose gradients are outputs too, as `grad/NAME`. */
  readonly watch?: (name: string) => boolean;
  /** Whether the outputs of the network other than the loss are wanted. */
  readonly outputs?: boolean;
}

/** A tensor that a step keeps from run to run: its name and shape. */
export interface Kept {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * A training step as graphs. As one graph, `gradient` gives `loss`, `next/STATE` for whatever changes, and what was
 * asked for. As two, `gradient` gives the loss, buffers and sums of gradients of one batch, and `update` makes new
 * parameters and slots of the sums.
 */
export interface StepGraph {
  readonly gradient: ReadonlyMap<string, Value>;
  /** Null where `gradient` holds all. */
  readonly update: ReadonlyMap<string, Value> | null;
  /** Sums of gradients: names `sum/PARAMETER`; none where all is one graph. */
  readonly sums: readonly Kept[];
  /** Slots of the optimizer: names `SLOT/PARAMETER` and shapes. */
  readonly slots: readonly Kept[];
  /** Numbers that change from step to step, fed as `scalar/NAME`. `step` counts from 1. */
  readonly scalars: (step: number, learningRate: number) => Readonly<Record<string, number>>;
}

/** Goes before the names of numbers that are fed. */
export const SCALARS = 'scalar/';
/** The number that a batch's gradient is multiplied by where a step is made of several. */
export const SHARE = 'batch/share';

/** Builds the graphs of one training step from a network traced in training mode with an output `loss`. */
export function stepGraph(traced: Traced, options: StepOptions): StepGraph {
  const loss = traced.outputs.get('loss');
  if (!loss) throw new Fault('graph', 'training step: expected the network to have an output "loss".');
  const gradient = new Map<string, Value>([['loss', loss]]);
  if (options.outputs) for (const [name, v] of traced.outputs) gradient.set(name, v);
  const found = gradientsOf(traced, loss, options);
  const rule = optimizer(options.optimizer);
  const sums: Kept[] = [];
  let update = gradient;
  if (options.accumulate) {
    update = new Map();
    for (const [spec, value] of found) {
      const name = `sum/${spec.name}`;
      const sum = input(name, 'float32', [sizeOf(spec.shape)]);
      sums.push({ name, shape: spec.shape });
      gradient.set(
        `next/${name}`,
        within(`update.${spec.name}`, () => op.add(sum, value)),
      );
      found.set(spec, sum);
    }
  }
  for (const [spec, v] of found) {
    if (options.watch?.(spec.name)) update.set(`grad/${spec.name}`, op.reshape(v, spec.shape));
  }
  const slots = addUpdates(traced, { found: clipped(found, options, update), rule, options, outputs: update });
  for (const [name, v] of traced.updates) gradient.set(`next/${name}`, v);
  return { gradient, update: options.accumulate ? update : null, sums, slots, scalars: rule.scalars };
}

/**
 * The gradient of each trained parameter that the loss depends on, as a vector: products with scalars run element by
 * element in the engine where trailing axes have size 1.
 */
function gradientsOf(traced: Traced, loss: Value, options: StepOptions): Map<StateSpec, Value> {
  const trained = traced.state.filter((s) => s.role === 'param' && !options.settings(s).frozen);
  const seed = options.accumulate ? op.reshape(input(SHARE, 'float32', []), loss.shape) : undefined;
  const gradients = backward(
    loss,
    trained.map((s) => traced.parameters.get(s.name)!),
    seed,
  );
  const found = new Map<StateSpec, Value>();
  for (const spec of trained) {
    const raw = gradients.get(traced.parameters.get(spec.name)!);
    if (raw)
      found.set(
        spec,
        within(`update.${spec.name}`, () => op.reshape(raw, [-1])),
      );
  }
  if (found.size > 0) return found;
  throw new Fault('config', 'training step: expected a parameter to train, got none: all are frozen. Freeze less.');
}

/** The gradients after clipping; the common norm, where it is asked for, becomes the output `gradientNorm`. */
function clipped(
  found: ReadonlyMap<StateSpec, Value>,
  { clipValue, clipNorm }: StepOptions,
  outputs: Map<string, Value>,
): ReadonlyMap<StateSpec, Value> {
  let out = found;
  const each = (change: (v: Value) => Value): ReadonlyMap<StateSpec, Value> =>
    new Map([...out].map(([spec, v]) => [spec, within(`update.${spec.name}`, () => change(v))]));
  if (clipValue !== undefined) out = each((v) => op.max(op.min(v, scalar(clipValue)), scalar(-clipValue)));
  if (clipNorm === undefined) return out;
  const norm = globalNorm([...out.values()]);
  outputs.set('gradientNorm', norm);
  return each((v) => op.mul(v, clipFactor(norm, clipNorm)));
}

interface Updates {
  readonly found: ReadonlyMap<StateSpec, Value>;
  readonly rule: Optimizer;
  readonly options: StepOptions;
  readonly outputs: Map<string, Value>;
}

/** Adds the update of each parameter to `outputs`; gives the slots that it keeps. */
function addUpdates(traced: Traced, { found, rule, options, outputs }: Updates): readonly Kept[] {
  const slots: Kept[] = [];
  const scalars = Object.fromEntries(
    Object.keys(rule.scalars(1, 1)).map((name) => [name, input(`${SCALARS}${name}`, 'float32', [])]),
  );
  for (const [spec, gradient] of found) {
    within(`update.${spec.name}`, () => {
      const parameter = op.reshape(traced.parameters.get(spec.name)!, [-1]);
      const size = [sizeOf(spec.shape)];
      const kept = Object.fromEntries(rule.slots.map((slot) => [slot, input(`${slot}/${spec.name}`, 'float32', size)]));
      const { decay, rate = 1 } = options.settings(spec);
      const next = rule.update({ parameter, gradient, slots: kept, scalars, decay, rate });
      outputs.set(`next/${spec.name}`, next.parameter);
      for (const [slot, v] of Object.entries(next.slots)) {
        slots.push({ name: `${slot}/${spec.name}`, shape: spec.shape });
        outputs.set(`next/${slot}/${spec.name}`, v);
      }
    });
  }
  return slots;
}

/** √Σ g² over all gradients. */
function globalNorm(gradients: readonly Value[]): Value {
  const squares = gradients.map((g) => op.reduceSumSquare(g, undefined, false));
  return op.sqrt(squares.reduce((a, b) => op.add(a, b)));
}

/** min(1, most / (norm + 1e-6)) */
function clipFactor(norm: Value, most: number): Value {
  return op.min(scalar(1), op.div(scalar(most), op.add(norm, scalar(1e-6))));
}

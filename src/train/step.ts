import { Fault } from '../core/fault.ts';
import { sizeOf } from '../core/shape.ts';
import { float32, type Tensor, zeros } from '../core/tensor.ts';
import type { Feeds, Runtime } from '../engine/runtime.ts';
import { createSession, type Session, type SessionOptions } from '../engine/session.ts';
import { backward } from '../graph/backward.ts';
import * as op from '../graph/ops/index.ts';
import { input, scalar, within } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import type { StateSpec, Traced } from '../model/scope.ts';
import { type OptimizerConfig, optimizer } from './optimizers/optimizer.ts';

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
  /** Scales all gradients so that their common l2 norm is at most this (torch's clip_grad_norm_). */
  readonly clipNorm?: number;
  /** Names of parameters whose gradients are outputs too, as `grad/NAME`. */
  readonly watch?: (name: string) => boolean;
  /** Whether the outputs of the network other than the loss are wanted. */
  readonly outputs?: boolean;
}

/** A training step as one graph: its outputs are `loss`, `next/STATE` for whatever changes, and what was asked for. */
export interface StepGraph {
  readonly outputs: ReadonlyMap<string, Value>;
  /** Slots of the optimizer: names `SLOT/PARAMETER` and shapes. */
  readonly slots: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly scalars: (step: number, learningRate: number) => Readonly<Record<string, number>>;
}

const SCALARS = 'scalar/';

/** Builds the graph of one training step from a network traced in training mode with an output `loss`. */
export function stepGraph(traced: Traced, options: StepOptions): StepGraph {
  const loss = traced.outputs.get('loss');
  if (!loss) throw new Fault('graph', 'training step: expected the network to have an output "loss".');
  const trained = traced.state.filter((s) => s.role === 'param' && !options.settings(s).frozen);
  const values = trained.map((s) => traced.parameters.get(s.name)!);
  const gradients = backward(loss, values);
  const outputs = new Map<string, Value>([['loss', loss]]);
  if (options.outputs) for (const [name, v] of traced.outputs) outputs.set(name, v);
  const rule = optimizer(options.optimizer);
  const scalars = Object.fromEntries(
    Object.keys(rule.scalars(1, 1)).map((name) => [name, input(`${SCALARS}${name}`, 'float32', [])]),
  );
  const norm = options.clipNorm === undefined ? undefined : globalNorm([...gradients.values()]);
  if (norm) outputs.set('gradientNorm', norm);
  const slots: { name: string; shape: readonly number[] }[] = [];
  for (const spec of trained) {
    const parameter = traced.parameters.get(spec.name)!;
    const raw = gradients.get(parameter);
    if (!raw) continue;
    if (options.watch?.(spec.name)) outputs.set(`grad/${spec.name}`, raw);
    within(`update.${spec.name}`, () => {
      // As vectors: products with scalars run element by element in the engine where trailing axes have size 1.
      const flat = (v: Value): Value => op.reshape(v, [-1]);
      const gradient = norm ? op.mul(flat(raw), clipFactor(norm, options.clipNorm!)) : flat(raw);
      const size = [sizeOf(spec.shape)];
      const kept = Object.fromEntries(rule.slots.map((slot) => [slot, input(`${slot}/${spec.name}`, 'float32', size)]));
      const { decay, rate = 1 } = options.settings(spec);
      const next = rule.update({ parameter: flat(parameter), gradient, slots: kept, scalars, decay, rate });
      outputs.set(`next/${spec.name}`, next.parameter);
      for (const [slot, v] of Object.entries(next.slots)) {
        slots.push({ name: `${slot}/${spec.name}`, shape: spec.shape });
        outputs.set(`next/${slot}/${spec.name}`, v);
      }
    });
  }
  for (const [name, v] of traced.updates) outputs.set(`next/${name}`, v);
  return { outputs, slots, scalars: rule.scalars };
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

/** The same numbers as one axis: how the graph of a step takes slots and gives whatever changes. */
function asVector(t: Tensor): Tensor {
  return { dtype: t.dtype, shape: [t.data.length], data: t.data };
}

/** A training step loaded and ready: it owns the state and changes it at each run. */
export interface Stepper {
  /** Parameters, buffers and counters by name, as they are now. Valid until the next run. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** Optimizer slots by name, as they are now. */
  readonly slots: ReadonlyMap<string, Tensor>;
  /** Parameters and buffers as they were before the last run. Valid until the next run. */
  readonly before: ReadonlyMap<string, Tensor>;
  /** Steps made so far. */
  readonly step: number;
  /** One step on a batch; gives the loss and what else was asked for. */
  run(batch: Feeds, learningRate: number): Promise<Record<string, Tensor>>;
  readonly session: Session;
  release(): Promise<void>;
}

/** State to start or go on from. */
export interface StepState {
  readonly state: ReadonlyMap<string, Tensor>;
  readonly slots?: ReadonlyMap<string, Tensor>;
  readonly step?: number;
}

/** Loads a training step. The tensors of `from` are taken over and written to. */
export async function createStepper(
  runtime: Runtime,
  traced: Traced,
  options: StepOptions,
  from: StepState,
  session: SessionOptions = {},
): Promise<Stepper> {
  const graph = stepGraph(traced, options);
  const loaded = await createSession(runtime, graph.outputs, { memoryPattern: false, fills: true, ...session });
  const slots = new Map(graph.slots.map(({ name, shape }) => [name, from.slots?.get(name) ?? zeros('float32', shape)]));
  return new DoubleBuffered(loaded, graph, new Map(from.state), slots, from.step ?? 0);
}

/**
 * Parameters lie in two buffers that change places at each step, since the graph reads the old ones while it writes the
 * new; slots are read by their own update alone, elementwise, and are written where they lie.
 */
class DoubleBuffered implements Stepper {
  readonly session: Session;
  readonly state: Map<string, Tensor>;
  readonly slots: Map<string, Tensor>;
  readonly #graph: StepGraph;
  #spare = new Map<string, Tensor>();
  #step: number;

  constructor(
    session: Session,
    graph: StepGraph,
    state: Map<string, Tensor>,
    slots: Map<string, Tensor>,
    step: number,
  ) {
    this.session = session;
    this.#graph = graph;
    this.state = state;
    this.slots = slots;
    this.#step = step;
    for (const [name, t] of state)
      if (graph.outputs.has(`next/${name}`)) this.#spare.set(name, zeros(t.dtype, t.shape));
  }

  get step(): number {
    return this.#step;
  }

  get before(): ReadonlyMap<string, Tensor> {
    return new Map([...this.state, ...this.#spare]);
  }

  async run(batch: Feeds, learningRate: number): Promise<Record<string, Tensor>> {
    const numbers = this.#graph.scalars(this.#step + 1, learningRate);
    const feeds: Record<string, Tensor> = {
      ...batch,
      ...Object.fromEntries(this.state),
    };
    for (const [name, t] of this.slots) feeds[name] = asVector(t);
    for (const [name, v] of Object.entries(numbers)) feeds[`${SCALARS}${name}`] = float32([], [v]);
    const into: Record<string, Tensor | null> = {};
    for (const [name, v] of this.#graph.outputs) {
      if (!name.startsWith('next/')) into[name] = zeros(v.dtype, v.shape as readonly number[]);
    }
    for (const [name, t] of this.#spare) into[`next/${name}`] = asVector(t);
    for (const [name, t] of this.slots) into[`next/${name}`] = asVector(t);
    const results = await this.session.run(feeds, into);
    this.#step += 1;
    for (const [name, spare] of this.#spare) {
      this.#spare.set(name, this.state.get(name)!);
      this.state.set(name, spare);
    }
    for (const t of this.state.values()) if (t.data instanceof BigInt64Array) t.data[0] = (t.data[0] ?? 0n) + 1n;
    return Object.fromEntries(Object.entries(results).filter(([name]) => !name.startsWith('next/')));
  }

  async release(): Promise<void> {
    await this.session.release();
  }
}

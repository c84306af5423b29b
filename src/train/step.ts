import { Fault } from '../core/fault.ts';
import { float32, type Tensor, type TensorMap, zeros } from '../core/tensor.ts';
import type { Feeds, Provider, Runtime } from '../engine/runtime.ts';
import { createSession, type Session, type SessionOptions, sessionBytes } from '../engine/session.ts';
import type { Value } from '../graph/value.ts';
import type { Traced } from '../model/scope.ts';
import { SCALARS, SHARE, type StepGraph, type StepOptions, stepGraph } from './step-graph.ts';

/** Which part of a step a batch is. */
export interface StepPart {
  /** What the batch's mean loss counts for in the step's: 1 / n of n batches. */
  readonly share: number;
  /** Whether the update follows. */
  readonly last: boolean;
}

/** A training step loaded and ready: it owns the state and changes it at each run. */
export interface Stepper {
  /** Parameters, buffers and counters by name, as they are now. Valid until the next run. */
  readonly state: TensorMap;
  /** Optimizer slots by name, as they are now. */
  readonly slots: TensorMap;
  /** Parameters and buffers as they were before the last run. Valid until the next run. */
  readonly before: TensorMap;
  /** Steps made so far. */
  readonly step: number;
  /**
   * Runs a batch; gives the loss and what else was asked for. It is a step of its own, or, where the step was built to
   * accumulate, a part of one: buffers change with each batch, parameters and slots with the last.
   */
  run(batch: Feeds, learningRate: number, part?: StepPart): Promise<Record<string, Tensor>>;
  /** Forgets the batches of a step that got no update: all is as it was after the last one. */
  rollback(): void;
  /** The session of the gradient, or of the whole step. */
  readonly session: Session;
  release(): Promise<void>;
}

/** State to start or go on from. */
export interface StepState {
  readonly state: TensorMap;
  readonly slots?: TensorMap;
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
  const how = { memoryPattern: false, fills: true, ...session };
  const recompute = options.recompute ? { recompute: forwardOf(traced, graph.gradient) } : {};
  const gradient = await createSession(runtime, graph.gradient, { ...how, ...recompute });
  const { profile: _, ...plain } = how;
  try {
    const update = graph.update ? await createSession(runtime, graph.update, plain) : null;
    return new DoubleBuffered(graph, { gradient, update, counting: traced.counting }, from);
  } catch (error) {
    await gradient.release();
    throw error;
  }
}

/** Estimate of the most bytes that a step holds at once. */
export function stepBytes(traced: Traced, options: StepOptions, provider: Provider): number {
  const { gradient, update } = stepGraph(traced, options);
  const recompute = options.recompute ? { recompute: forwardOf(traced, gradient) } : {};
  const first = sessionBytes(gradient, { provider, ...recompute });
  const second = update ? sessionBytes(update, { provider }) : 0;
  if (first !== undefined && second !== undefined) return Math.max(first, second);
  throw new Fault('graph', 'training step: expected known sizes to estimate its bytes, got open ones.');
}

/** What of a step's graph is known before its backward pass. */
function forwardOf(traced: Traced, graph: ReadonlyMap<string, Value>): NonNullable<SessionOptions['recompute']> {
  const names = [...traced.outputs.keys(), ...[...traced.updates.keys()].map((name) => `next/${name}`)];
  return { forward: names.filter((name) => graph.has(name)), data: [...traced.inputs.keys()] };
}

interface Loaded {
  readonly gradient: Session;
  readonly update: Session | null;
  readonly counting: ReadonlySet<string>;
}

const WHOLE: StepPart = { share: 1, last: true };

/**
 * Parameters and buffers lie twice and change places at each run that changes them, since the graph reads the old ones
 * while it writes the new; slots and sums are read by their own update alone, elementwise, and are written where they lie.
 */
class DoubleBuffered implements Stepper {
  readonly session: Session;
  readonly state: Map<string, Tensor>;
  readonly slots: ReadonlyMap<string, Tensor>;
  readonly #graph: StepGraph;
  readonly #loaded: Loaded;
  readonly #sums: ReadonlyMap<string, Tensor>;
  #spare = new Map<string, Tensor>();
  #swapped: readonly string[] = [];
  /** Buffers and counters as they were when the step under way began; null between steps. */
  #begun: Map<string, Tensor> | null = null;
  #step: number;

  constructor(graph: StepGraph, loaded: Loaded, from: StepState) {
    this.session = loaded.gradient;
    this.state = new Map(from.state);
    this.slots = new Map(
      graph.slots.map(({ name, shape }) => [name, from.slots?.get(name) ?? zeros('float32', shape)]),
    );
    this.#graph = graph;
    this.#loaded = loaded;
    this.#sums = new Map(graph.sums.map(({ name, shape }) => [name, zeros('float32', shape)]));
    this.#step = from.step ?? 0;
    for (const [name, t] of this.state) {
      const changes = graph.gradient.has(`next/${name}`) || graph.update?.has(`next/${name}`);
      if (changes) this.#spare.set(name, zeros(t.dtype, t.shape));
    }
  }

  get step(): number {
    return this.#step;
  }

  get before(): TensorMap {
    return new Map([...this.state, ...this.#swapped.map((name) => [name, this.#spare.get(name)!] as const)]);
  }

  async run(batch: Feeds, learningRate: number, part: StepPart = WHOLE): Promise<Record<string, Tensor>> {
    const { gradient, update, counting } = this.#loaded;
    this.#begin();
    this.#swapped = [];
    const rule = this.#graph.scalars(this.#step + 1, learningRate);
    const numbers = Object.entries(rule).map(([name, v]) => [`${SCALARS}${name}`, float32([], [v])] as const);
    const scalars = { ...Object.fromEntries(numbers), [SHARE]: float32([], [part.share]) };
    const feeds = {
      ...batch,
      ...scalars,
      ...Object.fromEntries(this.state),
      ...vectors(this.#sums),
      ...vectors(this.slots),
    };
    const results = await this.#run(gradient, this.#graph.gradient, feeds);
    for (const name of counting) {
      const { data } = this.state.get(name)!;
      if (data instanceof BigInt64Array) data[0] = (data[0] ?? 0n) + 1n;
    }
    if (!part.last) return results;
    const more = update && (await this.#run(update, this.#graph.update!, feeds));
    this.#step += 1;
    this.#begun = null;
    return { ...results, ...more };
  }

  rollback(): void {
    for (const [name, { data }] of this.#begun ?? [])
      (this.state.get(name)!.data as Float32Array).set(data as Float32Array);
    this.#begun = null;
  }

  async release(): Promise<void> {
    await this.#loaded.gradient.release();
    await this.#loaded.update?.release();
  }

  /** Before the first batch of a step of several: empties the sums and remembers what each batch changes. */
  #begin(): void {
    if (!this.#loaded.update || this.#begun) return;
    for (const { data } of this.#sums.values()) (data as Float32Array).fill(0);
    const changing = [...this.state].filter(
      ([name]) => this.#graph.gradient.has(`next/${name}`) || this.#loaded.counting.has(name),
    );
    this.#begun = new Map(changing.map(([name, t]) => [name, { ...t, data: t.data.slice() }]));
  }

  /** Runs one of the graphs; what it makes anew takes the place of what was. */
  async #run(session: Session, outputs: ReadonlyMap<string, Value>, feeds: Feeds): Promise<Record<string, Tensor>> {
    const into: Record<string, Tensor | null> = {};
    for (const [name, v] of outputs) {
      if (!name.startsWith('next/')) into[name] = zeros(v.dtype, v.shape as readonly number[]);
      else into[name] = asVector(this.#target(name.slice('next/'.length)), v);
    }
    const fed = Object.fromEntries(session.inputs.map(({ name }) => [name, feeds[name]!]));
    const results = await session.run(fed, into);
    for (const [name, spare] of this.#spare) {
      if (!outputs.has(`next/${name}`)) continue;
      this.#spare.set(name, this.state.get(name)!);
      this.state.set(name, spare);
      this.#swapped = [...this.#swapped, name];
    }
    return Object.fromEntries(Object.entries(results).filter(([name]) => !name.startsWith('next/')));
  }

  #target(name: string): Tensor {
    return this.#spare.get(name) ?? this.#sums.get(name) ?? this.slots.get(name)!;
  }
}

/** The same numbers in the shape that a graph gives them: parameters, slots and sums are one axis there. */
function asVector(t: Tensor, like: Value): Tensor {
  return { dtype: t.dtype, shape: like.shape as readonly number[], data: t.data };
}

function vectors(tensors: TensorMap): Record<string, Tensor> {
  return Object.fromEntries(
    [...tensors].map(([name, t]) => [name, { dtype: t.dtype, shape: [t.data.length], data: t.data }]),
  );
}

import type { DType } from '../core/dtype.ts';
import { Fault } from '../core/fault.ts';
import type { PositionGrid } from '../core/position-grid.ts';
import { type Dim, knownShape, showDims } from '../graph/dimension.ts';
import { input, within } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { type Init, ZEROS } from './init.ts';

/** A tensor that a network keeps: what optimizers change (`param`), what runs change (`buffer`), or a step counter. */
export interface StateSpec {
  /** Path by the primary reference's names: `layer3.5.conv1.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly role: 'param' | 'buffer' | 'counter';
  readonly init: Init;
  /** Where a table of learned positions lies, so that it can be resampled to another grid. */
  readonly grid?: PositionGrid;
}

/** An intermediate that may be looked at, and what its axes are: `n head (h w) (h w)`. */
export interface Tap {
  readonly name: string;
  readonly axes: string;
  readonly value: Value;
  /** Size of each letter in `axes` that shares an axis with others: `{ h: 14, w: 14 }` for `(h w)`. */
  readonly sizes?: Readonly<Record<string, Dim>>;
  /**
   * An affinity by rows: for positions of queries in one line, int64 [R], the value with its second last axis cut to
   * those. A large map is read this way, since its `value` need not be made then.
   */
  readonly rows?: (queries: Value) => Value;
}

/** What a place offers to be looked at; each part is made only when somebody asks. */
export interface TapOffer {
  readonly axes: string;
  readonly value: () => Value;
  readonly sizes?: Readonly<Record<string, Dim>>;
  readonly rows?: (queries: Value) => Value;
}

/** What a network is traced for. */
export type Mode = 'training' | 'inference';

/** A drawing that a training graph is fed at each step: float32, uniform in [0, 1). */
export interface RandomSpec {
  /** The graph's input, `random/PATH`; what is drawn is a function of seed, epoch, step and this path. */
  readonly name: string;
  readonly shape: readonly number[];
}

interface Collected {
  readonly mode: Mode;
  readonly state: Map<string, { readonly spec: StateSpec; readonly value: Value | undefined }>;
  readonly updates: Map<string, Value>;
  readonly taps: Map<string, Tap>;
  readonly tapped: (name: string) => boolean;
  readonly randoms: Map<string, RandomSpec>;
  readonly counting: Set<string>;
  readonly frozenNorm: (path: string) => boolean;
}

/** A place in a network: it names the parameters that are made there. */
export class Scope {
  readonly path: string;
  readonly #collected: Collected;

  constructor(path: string, collected: Collected) {
    this.path = path;
    this.#collected = collected;
  }

  /** Whether batch statistics, dropout and drop path are those of training. */
  get training(): boolean {
    return this.#collected.mode === 'training';
  }

  /** Whether the norm at this place keeps to its running statistics in training, and leaves them as they are. */
  get frozenNorm(): boolean {
    return this.#collected.frozenNorm(this.path);
  }

  /** The place called `name` below this one. */
  at(name: string | number): Scope {
    return new Scope(this.path === '' ? String(name) : `${this.path}.${name}`, this.#collected);
  }

  /** Describes a part of the network at `name`: the nodes that `body` emits bear its path. */
  module<T>(name: string | number, body: (s: Scope) => T): T {
    const s = this.at(name);
    return within(s.path, () => body(s));
  }

  /** Runs `body` so that the nodes it emits bear this scope's path. */
  within<T>(body: () => T): T {
    return within(this.path, body);
  }

  /** A trainable tensor of this place. */
  param(name: string, shape: readonly Dim[], init: Init): Value {
    return this.#state(name, shape, { init, role: 'param', dtype: 'float32' })!;
  }

  /** Trainable rows for positions of a grid, and for the tokens before it: [1, prefix + h · w, channels]. */
  positions(name: string, grid: PositionGrid, { channels, init }: { channels: number; init: Init }): Value {
    const [h, w] = grid.size;
    return this.#state(name, [1, grid.prefix + h * w, channels], { init, role: 'param', dtype: 'float32', grid })!;
  }

  /** A tensor that is kept but not trained. */
  buffer(name: string, shape: readonly Dim[], init: Init): Value {
    return this.#state(name, shape, { init, role: 'buffer', dtype: 'float32' })!;
  }

  /** A count of training steps, int64 []; the trainer adds one each step unless it is `still`, no graph reads it. */
  counter(name: string, how: 'counting' | 'still' = 'counting'): void {
    this.#state(name, [], { init: ZEROS, role: 'counter', dtype: 'int64' });
    if (how === 'counting') this.#collected.counting.add(this.at(name).path);
  }

  /** Numbers drawn anew for each training step, uniform in [0, 1): an input that the host feeds. */
  random(name: string, dims: readonly Dim[]): Value {
    const { path } = this.at(name);
    const { randoms } = this.#collected;
    const shape = knownShape(dims, path);
    const fed = `random/${path}`;
    if (randoms.has(fed)) throw new Fault('graph', `${path}: drawn twice. Give each drawing its own name.`);
    randoms.set(fed, { name: fed, shape });
    return input(fed, 'float32', shape);
  }

  #state(name: string, dims: readonly Dim[], is: Omit<StateSpec, 'name' | 'shape'>): Value | undefined {
    const path = this.at(name).path;
    const { state } = this.#collected;
    const shape = knownShape(dims, path);
    const before = state.get(path);
    if (before) {
      if (showDims(before.spec.shape) === showDims(shape)) return before.value; // shared weights
      throw new Fault('graph', `${path}: made twice, as ${showDims(before.spec.shape)} and ${showDims(shape)}.`);
    }
    const value = is.role === 'counter' ? undefined : input(path, is.dtype, shape);
    state.set(path, { spec: { name: path, shape, ...is }, value });
    return value;
  }

  /** Says what a buffer of this place becomes after a training step. */
  update(name: string, value: Value): void {
    this.#collected.updates.set(this.at(name).path, value);
  }

  /** Whether somebody asked to look at the tap `name` of this place. */
  taps(name: string): boolean {
    return this.#collected.tapped(this.at(name).path);
  }

  /** Offers an intermediate to be looked at. Its value is made only when somebody asked for it. */
  tap(name: string, { value, ...offer }: TapOffer): void {
    const path = this.at(name).path;
    if (this.#collected.tapped(path)) this.#collected.taps.set(path, { ...offer, name: path, value: value() });
  }
}

/** A network traced for one purpose: its outputs, its state in the order of description, and what it offers. */
export interface Traced {
  readonly outputs: ReadonlyMap<string, Value>;
  readonly inputs: ReadonlyMap<string, Value>;
  readonly state: readonly StateSpec[];
  /** The graph's input for each state tensor that the graph reads. */
  readonly parameters: ReadonlyMap<string, Value>;
  /** New values of buffers after a training step. */
  readonly updates: ReadonlyMap<string, Value>;
  readonly taps: ReadonlyMap<string, Tap>;
  /** What is drawn for each training step; none in inference. */
  readonly randoms: readonly RandomSpec[];
  /** Names of the counters that a training step adds one to. */
  readonly counting: ReadonlySet<string>;
}

/** What a network reads: names, shapes (which may have symbols), dtypes. */
export interface InputSpec {
  readonly shape: readonly Dim[];
  readonly dtype?: DType;
}

/** How to trace. */
export interface TraceOptions {
  readonly inputs: Readonly<Record<string, InputSpec>>;
  readonly mode: Mode;
  /** Which taps to make, by path; none where absent. */
  readonly taps?: (path: string) => boolean;
  /** Which batch norms, by path (`layer1.0.bn1`), stay as in inference while the network trains; none where absent. */
  readonly frozenNorm?: (path: string) => boolean;
}

/** A network: a function of a scope and named inputs to named outputs. It holds no weights. */
export type Network = (s: Scope, inputs: Readonly<Record<string, Value>>) => Readonly<Record<string, Value>>;

/** Traces a network to a graph. */
export function traceNetwork(network: Network, options: TraceOptions): Traced {
  const collected: Collected = {
    mode: options.mode,
    state: new Map(),
    updates: new Map(),
    taps: new Map(),
    tapped: options.taps ?? (() => false),
    randoms: new Map(),
    counting: new Set(),
    frozenNorm: options.frozenNorm ?? (() => false),
  };
  const inputs = Object.entries(options.inputs).map(
    ([name, { shape, dtype = 'float32' }]) => [name, input(name, dtype, shape)] as const,
  );
  const outputs = network(new Scope('', collected), Object.fromEntries(inputs));
  const made = [...collected.state.values()];
  return {
    outputs: new Map(Object.entries(outputs)),
    inputs: new Map(inputs),
    state: made.map(({ spec }) => spec),
    parameters: new Map(made.flatMap(({ spec, value }) => (value ? [[spec.name, value] as const] : []))),
    updates: collected.updates,
    taps: collected.taps,
    randoms: [...collected.randoms.values()],
    counting: collected.counting,
  };
}

/** Number of trainable values. */
export function parameterCount(state: readonly StateSpec[]): number {
  return state.filter((s) => s.role === 'param').reduce((n, s) => n + s.shape.reduce((a, b) => a * b, 1), 0);
}

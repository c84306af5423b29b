import { random } from '../../src/core/random.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { float32, type Tensor } from '../../src/core/tensor.ts';
import { lowerAggregates } from '../../src/graph/aggregate/index.ts';
import { inputName } from '../../src/graph/trace.ts';
import type { Value } from '../../src/graph/value.ts';
import { type ContextSpec, contextBlock } from '../../src/model/blocks/context.ts';
import { initialise } from '../../src/model/init.ts';
import { type Mode, type Scope, type StateSpec, type Tap, traceNetwork } from '../../src/model/scope.ts';
import { centralDifferences, differentiate } from '../support/check.ts';
import { interpret } from '../support/interpret.ts';
import { fromTensor, type Numbers } from '../support/numbers.ts';

/** A block traced on an input `x`, with numbers for it. */
export interface BlockRun {
  readonly outputs: ReadonlyMap<string, Value>;
  readonly taps: ReadonlyMap<string, Tap>;
  readonly state: readonly StateSpec[];
  readonly feeds: ReadonlyMap<string, Tensor>;
  /** The input and the parameters. */
  readonly floats: readonly Value[];
  readonly bindings: ReadonlyMap<string, number>;
}

/** Numbers for a tensor, a function of its name; variances are positive. */
export function randomTensor(name: string, shape: readonly number[], size = 1): Tensor {
  const r = random(5, name);
  const draw = name.endsWith('running_var') ? () => 0.5 + r.uniform() : () => size * r.normal();
  return float32(shape, Array.from({ length: sizeOf(shape) }, draw));
}

/** For what a block is traced, and whether its state is random or from its own initialisation. */
export interface RunChoice {
  readonly mode?: Mode;
  readonly state?: 'initial' | 'random';
}

/** Traces a block of the table with every tap. */
export function runOf(spec: ContextSpec, shape: readonly number[], choice: RunChoice = {}): BlockRun {
  return runPart((s, x) => contextBlock(s, x, spec), shape, choice);
}

/** Traces any part of a network with every tap. */
export function runPart(
  part: (s: Scope, x: Value) => Value,
  shape: readonly number[],
  { mode = 'inference', state: values = 'random' }: RunChoice = {},
): BlockRun {
  const traced = traceNetwork((s, { x }) => ({ y: part(s, x!) }), {
    inputs: { x: { shape } },
    mode,
    taps: () => true,
  });
  const lowered = lowerAggregates(traced.outputs, { provider: 'cpu', training: true }).outputs;
  const feeds = new Map([['x', randomTensor('x', shape)]]);
  for (const spec of traced.state) {
    if (spec.role === 'counter') continue;
    feeds.set(spec.name, values === 'initial' ? initialise(spec, 3) : randomTensor(spec.name, spec.shape, 0.5));
  }
  const roles = new Map(traced.state.map((t) => [t.name, t.role]));
  const parameters = [...traced.parameters].filter(([name]) => roles.get(name) === 'param').map(([, v]) => v);
  return {
    outputs: lowered,
    taps: traced.taps,
    state: traced.state,
    feeds,
    floats: [traced.inputs.get('x')!, ...parameters],
    bindings: new Map(),
  };
}

/** The block's output in double precision. */
export function outputOf(run: BlockRun): Numbers {
  return interpret(run.outputs, run.feeds).get('y')!;
}

/** A tap's value in double precision. */
export function tapOf(run: BlockRun, name: string): Numbers {
  return interpret(new Map([['tap', run.taps.get(name)!.value]]), run.feeds).get('tap')!;
}

/** A state tensor or input in double precision. */
export function fed(run: BlockRun, name: string): Numbers {
  return fromTensor(run.feeds.get(name)!);
}

/** The block's parameters and buffers: name to shape. */
export function shapesOf(run: Pick<BlockRun, 'state'>): Record<string, readonly number[]> {
  return Object.fromEntries(run.state.map(({ name, shape }) => [name, shape]));
}

/** Gradients of Σ y ⊙ r by name, in double precision. */
export function gradientsOf(run: BlockRun): Map<string, Numbers> {
  const d = differentiate({ ...run, floats: run.floats })!;
  const found = interpret(d.gradients, d.feeds);
  return new Map(run.floats.map((v) => [inputName(v)!, found.get(`d.${inputName(v)}`)!]));
}

/** Largest difference of our gradients from central differences, relative to the largest gradient of all. */
export function gradientError(run: BlockRun): number {
  const d = differentiate(run)!;
  const ours = gradientsOf(run);
  const pairs = [...ours].map(([name, g]) => [g, centralDifferences(d, name, 1e-5)] as const);
  const largest = Math.max(...pairs.flatMap(([, t]) => [...t.data].map(Math.abs)));
  return Math.max(...pairs.flatMap(([g, t]) => [...g.data].map((v, i) => Math.abs(v - t.data[i]!)))) / largest;
}

/**
 * Largest difference of our gradients from central differences along `each` random directions of each input, relative
 * to the largest slope: for blocks with too many parameters to move one by one.
 */
export function slopeError(run: BlockRun, each = 2): number {
  const d = differentiate(run)!;
  const ours = gradientsOf(run);
  const lossAt = (name: string, by: readonly number[], step: number): number => {
    const x = fed(run, name);
    const moved = { shape: x.shape, data: x.data.map((v, i) => v + step * by[i]!) };
    const feeds = new Map<string, Tensor | Numbers>([...d.feeds, [name, moved]]);
    return interpret(new Map([['loss', d.loss]]), feeds).get('loss')!.data[0]!;
  };
  const slopes = [...ours].flatMap(([name, g]) =>
    Array.from({ length: each }, (_, k): readonly [number, number] => {
      const r = random(17, name, String(k));
      const by = Array.from(g.data, () => r.normal());
      const along = g.data.reduce((sum, v, i) => sum + v * by[i]!, 0);
      return [along, (lossAt(name, by, 1e-5) - lossAt(name, by, -1e-5)) / 2e-5];
    }),
  );
  const largest = Math.max(...slopes.map(([, theirs]) => Math.abs(theirs)));
  return Math.max(...slopes.map(([a, b]) => Math.abs(a - b))) / largest;
}

/** A 1 x 1 convolution in plain loops. x [N, C, L] → [N, O, L] */
export function project(x: Numbers, w: Numbers, b?: Numbers): Numbers {
  const [n, c, l] = x.shape as [number, number, number];
  const o = w.shape[0]!;
  const data = new Float64Array(n * o * l);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < o; k++)
      for (let p = 0; p < l; p++) {
        let sum = b?.data[k] ?? 0;
        for (let q = 0; q < c; q++) sum += w.data[k * c + q]! * x.data[(i * c + q) * l + p]!;
        data[(i * o + k) * l + p] = sum;
      }
  return { shape: [n, o, l], data };
}

/** A map with its positions in one line: [N, C, ..] → [N, C, L]. */
export function flat(x: Numbers): Numbers {
  const [n, c, ...space] = x.shape as [number, number, ...number[]];
  return { shape: [n, c, sizeOf(space)], data: x.data };
}

/** Softmax of a list. */
export function softmax(x: readonly number[]): number[] {
  const top = Math.max(...x);
  const e = x.map((v) => Math.exp(v - top));
  const sum = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / sum);
}

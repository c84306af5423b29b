import { describe, expect, it } from 'vitest';
import { float32, floats } from '../../../src/core/tensor.ts';
import { createSession, sessionBytes } from '../../../src/engine/session.ts';
import {
  type Affinity,
  aggregate,
  type LoweringName,
  lowerAggregates,
  multiHeadAttention,
} from '../../../src/graph/aggregate/index.ts';
import { rowsAtOnce } from '../../../src/graph/aggregate/row-blocks.ts';
import { backward } from '../../../src/graph/backward.ts';
import { symbol } from '../../../src/graph/dimension.ts';
import * as op from '../../../src/graph/ops/index.ts';
import { legalise, simplify } from '../../../src/graph/simplify.ts';
import { input, nodesOf } from '../../../src/graph/trace.ts';
import type { Value } from '../../../src/graph/value.ts';
import { nodeRuntime } from '../../../src/runtime/node/onnx.ts';
import { randomTensor } from '../../model/support.ts';
import { relativeError } from '../../support/numbers.ts';

interface Case {
  readonly queries: number;
  readonly keys: number;
  readonly heads?: number;
  readonly images?: number;
  readonly prior?: readonly number[];
  readonly layout?: 'channels-first' | 'channels-last';
}

/** Softmax attention of 8 channels a head, and its gradients for a given dy. */
function attention({ queries, keys, heads = 1, images = 1, prior, layout = 'channels-first' }: Case): {
  readonly y: Value;
  readonly wrt: readonly Value[];
} {
  const map = (name: string, length: number): Value =>
    input(name, 'float32', layout === 'channels-last' ? [images, length, 8 * heads] : [images, 8 * heads, length]);
  const affinity: Affinity = {
    reads: { kind: 'everywhere' },
    score: { kind: 'dot-product', scale: 0.3 },
    normalise: 'softmax',
    ...{ heads, layout, querySpace: [queries] },
  };
  const [q, k, v] = [map('q', queries), map('k', keys), map('v', keys)];
  const p = prior && input('prior', 'float32', prior);
  const y = aggregate({ queries: q, keys: k, values: v, prior: p }, affinity);
  return { y, wrt: p ? [q, k, v, p] : [q, k, v] };
}

/** The outputs of {@link attention} and its gradients, lowered one way. */
function trained(c: Case, prefer: LoweringName, provider: 'cpu' | 'wasm' = 'cpu'): Map<string, Value> {
  const { y, wrt } = attention(c);
  const { outputs, choices } = lowerAggregates(new Map([['y', y]]), { provider, training: true, prefer });
  expect(choices[0]!.lowering).toBe(prefer);
  const lowered = outputs.get('y')!;
  const gradients = backward(lowered, wrt, input('dy', 'float32', y.shape));
  return new Map([['y', lowered], ...wrt.map((v, i): [string, Value] => [`d${i}`, gradients.get(v)!])]);
}

const bytes = (side: number, way: LoweringName): number =>
  sessionBytes(trained({ queries: side * side, keys: side * side }, way), { provider: 'cpu' })!;

/** Elements of the largest value of a graph. */
function largest(outputs: ReadonlyMap<string, Value>): number {
  const ready = simplify(legalise(simplify(outputs)));
  const sizes = nodesOf(ready.values()).flatMap((n) =>
    n.outputs.map((v) => (v.shape as number[]).reduce((a, b) => a * b, 1)),
  );
  return Math.max(...sizes);
}

describe.each(['blocked-softmax', 'blocks-of-rows'] as const)('attention in training, %s', (way) => {
  it('holds memory linear in the positions', () => {
    expect(bytes(96, way) / bytes(48, way)).toBeLessThan(4.4);
    expect(bytes(128, way) / bytes(64, way)).toBeLessThan(4.4);
    expect(bytes(96, 'plain') / bytes(48, 'plain')).toBeGreaterThan(14);
  });
  it('never makes the whole affinity', () => {
    expect(largest(trained({ queries: 2304, keys: 2304 }, way))).toBeLessThanOrEqual(256 * 2304);
    expect(largest(trained({ queries: 2304, keys: 2304 }, 'plain'))).toBe(2304 * 2304);
  });
  it.each<[string, Case]>([
    ['one head', { queries: 600, keys: 600 }],
    ['two images, two heads, other keys than queries', { queries: 300, keys: 70, heads: 2, images: 2 }],
    ['tokens, channels last', { queries: 290, keys: 290, heads: 2, layout: 'channels-last' }],
  ])('gives what the plain way gives in the engine: %s', async (_, c) => {
    expect(await difference(trained(c, way), trained(c, 'plain'))).toBeLessThan(1e-5);
  });
});

/** Largest relative difference of two graphs' outputs in the engine. */
async function difference(ours: ReadonlyMap<string, Value>, plain: ReadonlyMap<string, Value>): Promise<number> {
  const [a, b] = [await run(ours), await run(plain)];
  const numbers = (t: (typeof a)[string]): { shape: readonly number[]; data: Float64Array } => ({
    shape: t.shape,
    data: Float64Array.from(floats(t)),
  });
  return Math.max(...Object.keys(b).map((name) => relativeError(numbers(a[name]!), numbers(b[name]!))));
}

async function run(outputs: ReadonlyMap<string, Value>): ReturnType<Awaited<ReturnType<typeof createSession>>['run']> {
  const session = await createSession(nodeRuntime(), outputs, { threads: 1 });
  const feeds = Object.fromEntries(session.inputs.map(({ name, shape }) => [name, randomTensor(name, shape)]));
  const found = await session.run(feeds);
  await session.release();
  return found;
}

describe('attention with a prior, in training', () => {
  it.each<[string, readonly number[]]>([
    ['for each head and query', [1, 2, 300, 40]],
    ['that all queries share', [2, 1, 1, 40]],
  ])('has the gradient of the plain way in blocks of rows, the prior’s too: %s', async (_, prior) => {
    const c: Case = { queries: 300, keys: 40, heads: 2, images: 2, prior };
    expect(await difference(trained(c, 'blocks-of-rows', 'wasm'), trained(c, 'plain'))).toBeLessThan(1e-5);
  });
});

describe('attention of tokens', () => {
  it('passes to the runtime as they lie', () => {
    const { y } = attention({ queries: 50, keys: 50, heads: 2, layout: 'channels-last' });
    const { outputs } = lowerAggregates(new Map([['y', y]]), {
      ...{ provider: 'cpu', training: false, prefer: 'blocked-softmax' },
    });
    expect(nodesOf(simplify(outputs).values()).filter((n) => n.def === op.TRANSPOSE)).toEqual([]);
  });
});

describe('the rows that are read at once', () => {
  it('fill a share of the cache, in blocks of one size', () => {
    expect(rowsAtOnce({ n: 1, heads: 1, q: 9216, l: 9216 })).toBe(215); // 43 blocks of up to 8 MB
    expect(rowsAtOnce({ n: 1, heads: 1, q: 300, l: 300 })).toBe(150); // no more than 256
    expect(rowsAtOnce({ n: 4, heads: 16, q: 3136, l: 3136 })).toBe(64); // no fewer, whatever they take
    expect(rowsAtOnce({ n: 1, heads: 1, q: 196, l: 196 })).toBe(196);
  });
});

describe('the runtime’s attention', () => {
  it('wants sizes that are known for its derivative, and says so', () => {
    const x = input('x', 'float32', [symbol('n'), symbol('l'), 4]);
    const y = multiHeadAttention(x, x, x, { heads: 1, scale: 1 });
    expect(() => backward(op.reduceSum(y, undefined, false), [x])).toThrow('MultiHeadAttention in training');
  });
  it('refuses heads that do not divide the channels', () => {
    const x = input('x', 'float32', [1, 5, 4]);
    expect(() => multiHeadAttention(x, x, x, { heads: 3, scale: 1 })).toThrow('3 heads');
  });
  it('gives nothing new where there is one key: every query reads it', async () => {
    const [q, k] = [input('q', 'float32', [1, 3, 2]), input('k', 'float32', [1, 1, 2])];
    const session = await createSession(
      nodeRuntime(),
      new Map([['y', multiHeadAttention(q, k, k, { heads: 1, scale: 1 })]]),
    );
    const { y } = await session.run({ q: randomTensor('q', [1, 3, 2]), k: float32([1, 1, 2], [2, -3]) });
    await session.release();
    expect([...floats(y!)]).toEqual([2, -3, 2, -3, 2, -3]);
  });
});

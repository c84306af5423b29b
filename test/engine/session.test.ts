import { expect, test } from 'vitest';
import { float32 } from '../../src/core/tensor.ts';
import { sessionCache } from '../../src/engine/cache.ts';
import { encode } from '../../src/engine/encode.ts';
import { createSession } from '../../src/engine/session.ts';
import { symbol } from '../../src/graph/dimension.ts';
import * as op from '../../src/graph/ops/index.ts';
import { input, scalar, within } from '../../src/graph/trace.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';

const runtime = nodeRuntime();
const options = { provider: 'cpu', threads: 1 } as const;

function doubled(): Map<string, ReturnType<typeof input>> {
  const x = input('x', 'float32', [symbol('batch'), 3]);
  return new Map([['y', op.mul(x, scalar(2))]]);
}

test('one graph serves any size of a symbol, and a session for each is kept', async () => {
  const cache = sessionCache(runtime, doubled(), { ...options, most: 2 });
  for (const n of [1, 2, 1, 4]) {
    const session = await cache.get(new Map([['batch', n]]));
    const { y } = await session.run({
      x: float32(
        [n, 3],
        Array.from({ length: 3 * n }, (_, i) => i),
      ),
    });
    expect(Array.from(y!.data as Float32Array)).toEqual(Array.from({ length: 3 * n }, (_, i) => 2 * i));
  }
  expect(cache.kept).toEqual(['batch=1', 'batch=4']);
  await cache.release();
});

test('the least recently used sessions go when together they need too many bytes', async () => {
  const cache = sessionCache(runtime, doubled(), { ...options, capBytes: 110 });
  await cache.get(new Map([['batch', 2]])); // 2 x 3 floats in, as many out: and a factor: 52 bytes
  await cache.get(new Map([['batch', 1]]));
  expect(cache.kept).toEqual(['batch=2', 'batch=1']);
  await cache.get(new Map([['batch', 3]]));
  expect(cache.kept).toEqual(['batch=1', 'batch=3']);
  await cache.release();
});

test('a graph that needs more memory than there is gets refused with both figures', async () => {
  const x = input('x', 'float32', [1000, 1000]);
  const outputs = new Map([['y', op.matMul(x, x)]]);
  await expect(createSession(runtime, outputs, { ...options, memoryLimit: 5e6 })).rejects.toMatchObject({
    code: 'engine',
    message: expect.stringMatching(/at most 0\.01 GB.*about 0\.01 GB/),
  });
});

test('a wrong input is refused by name with both shapes', async () => {
  const session = await createSession(runtime, new Map([['y', op.relu(input('x', 'float32', [2]))]]), options);
  expect(() => session.run({ x: float32([3], [1, 2, 3]) })).toThrow(/"x": expected float32 \[2\], got float32 \[3\]/);
  expect(() => session.run({})).toThrow(/"x": expected float32 \[2\], got nothing/);
  await session.release();
});

test('an error of the runtime names our module', async () => {
  const indices = input('i', 'int64', [1]);
  const y = within('head.pick', () => op.gather(input('x', 'float32', [2]), indices, 0));
  const session = await createSession(runtime, new Map([['y', y]]), options);
  const run = session.run({ x: float32([2], [1, 2]), i: { dtype: 'int64', shape: [1], data: BigInt64Array.of(7n) } });
  await expect(run).rejects.toMatchObject({ code: 'engine', message: expect.stringMatching(/^head\.pick: /) });
  await session.release();
});

test('a session that fills given tensors writes into them, run after run', async () => {
  const x = input('x', 'float32', [2]);
  const outputs = new Map([
    ['double', op.add(x, x)],
    ['sum', op.reduceSum(x, [0], false)],
  ]);
  const session = await createSession(runtime, outputs, { ...options, fills: true });
  const [double, sum] = [float32([2], [0, 0]), float32([], [0])];
  for (const v of [1, 5]) {
    const results = await session.run({ x: float32([2], [v, 10]) }, { double, sum });
    expect([...double.data, ...sum.data]).toEqual([2 * v, 20, v + 10]);
    expect(results['double']!.data).toBe(double.data);
  }
  await expect(session.run({ x: float32([2], [1, 2]) }, { double: null })).rejects.toMatchObject({ code: 'engine' });
  await session.release();
});

test('the same graph encodes to the same bytes, and a name cannot be both input and output', () => {
  const x = input('x', 'float32', [2]);
  const y = op.relu(x);
  expect(encode(new Map([['y', y]]))).toEqual(encode(new Map([['y', y]])));
  expect(() => encode(new Map([['x', y]]))).toThrow(/"x" is an input and an output/);
});

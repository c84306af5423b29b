import { describe, expect, it } from 'vitest';
import { type Affinity, aggregate, lowerAggregates } from '../../../src/graph/aggregate/index.ts';
import { symbol } from '../../../src/graph/dimension.ts';
import { input } from '../../../src/graph/trace.ts';
import type { Value } from '../../../src/graph/value.ts';

const GIVEN: Affinity = {
  reads: { kind: 'window', size: [3, 3] },
  score: { kind: 'given' },
  normalise: 'none',
  heads: 8,
  runs: 1,
  querySpace: [28, 28],
};

/** Windows of 3 x 3 over 28 x 28 positions of 64 channels in eight heads. */
function given(scores: readonly number[], change: Partial<Affinity> = {}): Value {
  const values = input('x', 'float32', [1, 64, 28, 28]);
  return aggregate({ values, scores: input('a', 'float32', scores) }, { ...GIVEN, ...change });
}

const choiceOf = (y: Value, provider = 'cpu', training = false): string =>
  lowerAggregates(new Map([['y', y]]), { provider, training }).choices[0]!.lowering;

describe('the choice of a lowering for windows', () => {
  it('adds up columns where positions have weights of their own, in inference and training', () => {
    expect([choiceOf(given([1, 8, 9, 784])), choiceOf(given([1, 8, 9, 784]), 'cpu', true)]).toEqual([
      'columns',
      'columns',
    ]);
    expect(choiceOf(given([1, 8, 9, 784]), 'wasm')).toBe('columns');
  });
  it('shifts the values where the runtime does not add up columns', () => {
    expect(choiceOf(given([1, 8, 9, 784]), 'webgpu')).toBe('shifts');
    expect(choiceOf(given([1, 8, 9, 784]), 'portable')).toBe('shifts');
  });
  it('shifts the values where their size is open', () => {
    const values = input('x', 'float32', [1, 64, symbol('h'), symbol('w')]);
    const use: Affinity = { ...GIVEN, score: { kind: 'dot-product', scale: 1 }, querySpace: values.shape.slice(2) };
    expect(choiceOf(aggregate({ queries: values, keys: values, values }, use))).toBe('shifts');
  });
  it('takes a kernel that all positions share for a convolution', () => {
    expect(choiceOf(given([1, 8, 9, 1]))).toBe('depthwise');
  });
  it('takes windows in which nothing is compared for a pool', () => {
    const values = input('x', 'float32', [1, 64, 28, 28]);
    expect(choiceOf(aggregate({ values }, { ...GIVEN, score: { kind: 'none' }, normalise: 'count' }))).toBe(
      'average-pool',
    );
  });
  it('takes one dense map of all images for a product', () => {
    const values = input('x', 'float32', [4, 64, 14, 14]);
    const scores = input('a', 'float32', [1, 1, 196, 196]);
    const use: Affinity = { ...GIVEN, reads: { kind: 'everywhere' }, heads: 1, querySpace: [14, 14] };
    expect(choiceOf(aggregate({ values, scores }, use))).toBe('static-product');
  });
});

import { float32 } from '../../../src/core/tensor.ts';
import { type Affinity, aggregateByRows, multiHeadAttention } from '../../../src/graph/aggregate/index.ts';
import { constant } from '../../../src/graph/trace.ts';
import type { Value } from '../../../src/graph/value.ts';
import { type Sample, type Sampler, samplesOf } from './sampler.ts';

/** Seven queries of 2 heads, three at a time, and five positions: blocks of 3, 3 and 1. */
const SOFTMAX: Affinity = {
  reads: { kind: 'everywhere' },
  score: { kind: 'dot-product', scale: 0.5 },
  normalise: 'softmax',
  heads: 2,
  querySpace: [7],
};

interface Maps {
  readonly scores?: readonly number[];
  readonly prior?: readonly number[];
  readonly mask?: readonly number[];
  /** How many images the queries are of. */
  readonly images?: number;
}

/** 0 and 1, with a query that may read nothing where each query has a mask of its own. */
function maskOf(shape: readonly number[]): Value {
  const [, , q, l] = shape as [number, number, number, number];
  const size = shape.reduce((a, b) => a * b, 1);
  const row = (i: number): number => Math.floor(i / l) % q;
  return constant(
    float32(
      shape,
      Array.from({ length: size }, (_, i) => (q > 1 && row(i) === 4 ? 0 : (i + 1) % 3 && 1)),
    ),
  );
}

const byRows =
  (change: Partial<Affinity>, { scores, prior, mask, images = 2 }: Maps = {}, forward: 'rows' | 'fused' = 'rows') =>
  (s: Sampler): Value => {
    const affinity = { ...SOFTMAX, ...change };
    const { kind } = affinity.score;
    const width = kind === 'concatenation' ? 1 : 3;
    const compared = kind !== 'given' && kind !== 'none';
    const draw = (shape: readonly number[]): Value => (width === 1 ? s.apart(shape) : s.normal(shape));
    const parts = {
      queries: compared ? draw([images, 2, width, 7]) : undefined,
      keys: compared ? draw([2, 2, width, 5]) : undefined,
      scores: scores && s.normal(scores),
      prior: prior && s.normal(prior),
      mask: mask && maskOf(mask),
    };
    return aggregateByRows({ parts, values: s.normal([2, 2, 4, 5]), affinity, q: 7, rows: 3 }, forward);
  };

/** Samples of attention in blocks. */
export const ATTENTION_SAMPLES: readonly Sample[] = [
  ...samplesOf('aggregateByRows', {
    'softmax of dot products': byRows({}),
    'softmax of dot products, forward by the runtime': byRows({}, {}, 'fused'),
    'softmax with a prior for each head and query': byRows({}, { prior: [1, 2, 7, 5] }),
    'softmax with a prior that all queries share': byRows({}, { prior: [2, 1, 1, 5] }),
    'softmax with a mask, one query of which reads nothing': byRows({}, { mask: [1, 1, 7, 5] }),
    'softmax with a prior and a mask that all queries share': byRows({}, { prior: [1, 1, 7, 5], mask: [2, 1, 1, 5] }),
    'softmax, queries that the images share': byRows({}, { images: 1 }),
    'softmax of squared differences': byRows({ score: { kind: 'squared-difference', scale: 0.5 } }),
    'softmax of given scores that the images share': byRows({ score: { kind: 'given' } }, { scores: [1, 2, 7, 5] }),
    'dot products over the count, with a prior': byRows({ normalise: 'count' }, { prior: [1, 2, 7, 5] }),
    'dot products alone, with a mask': byRows({ normalise: 'none' }, { mask: [1, 1, 7, 5] }),
    'concatenation over the count': byRows({ score: { kind: 'concatenation' }, normalise: 'count' }),
  }),
  ...samplesOf('MultiHeadAttention', {
    'one head': (s) =>
      multiHeadAttention(s.normal([2, 3, 4]), s.normal([2, 5, 4]), s.normal([2, 5, 6]), { heads: 1, scale: 1 }),
    'two heads': (s) =>
      multiHeadAttention(s.normal([1, 5, 4]), s.normal([1, 3, 4]), s.normal([1, 3, 8]), { heads: 2, scale: 0.7 }),
    'more queries than a block holds': (s) =>
      multiHeadAttention(s.normal([1, 260, 1]), s.normal([1, 2, 1]), s.normal([1, 2, 1]), { heads: 1, scale: 1 }),
  }),
];

import { float32 } from '../../../src/core/tensor.ts';
import { type Affinity, aggregate, multiHeadAttention } from '../../../src/graph/aggregate/index.ts';
import * as op from '../../../src/graph/ops/index.ts';
import { constant } from '../../../src/graph/trace.ts';
import type { Value } from '../../../src/graph/value.ts';
import { type Sample, type Sampler, samplesOf } from './sampler.ts';

const COMPARED: Affinity = {
  reads: { kind: 'everywhere' },
  score: { kind: 'dot-product', scale: 0.5 },
  normalise: 'softmax',
  heads: 1,
  querySpace: [2, 3],
};

/** Queries, keys and values of 4 x 3 channels, 2 x 3 queries and 2 x 2 other positions. */
const compared =
  (change: Partial<Affinity>, prior?: readonly number[]) =>
  (s: Sampler): Value =>
    aggregate(
      {
        queries: s.normal([2, 4, 2, 3]),
        keys: s.normal([2, 4, 2, 2]),
        values: s.normal([2, 6, 2, 2]),
        prior: prior && s.normal(prior),
      },
      { ...COMPARED, ...change },
    );

const given =
  (change: Partial<Affinity>, scores: readonly number[]) =>
  (s: Sampler): Value =>
    aggregate(
      { values: s.normal([2, 6, 2, 2]), scores: s.normal(scores) },
      { ...COMPARED, score: { kind: 'given' }, ...change },
    );

const scalars = (shape: readonly number[], values: readonly number[]): Value => constant(float32(shape, values));

/** Samples of the affinity and of what it is lowered to. */
export const AGGREGATE_SAMPLES: readonly Sample[] = [
  ...samplesOf('aggregate', {
    'softmax of dot products': compared({}),
    'softmax of dot products, two heads': compared({ heads: 2 }),
    'softmax with a prior': compared({ heads: 2 }, [1, 2, 6, 4]),
    'dot products over the count': compared({ normalise: 'count' }),
    'dot products alone, two heads': compared({ normalise: 'none', heads: 2 }),
    'dot products with a prior over the count': compared({ normalise: 'count' }, [2, 1, 6, 4]),
    concatenation: (s) =>
      aggregate(
        {
          queries: s.apart([2, 2, 2, 3]),
          keys: op.mul(s.apart([2, 2, 5]), s.positive([])),
          values: s.normal([2, 4, 5]),
        },
        { ...COMPARED, score: { kind: 'concatenation' }, normalise: 'count', heads: 2 },
      ),
    'one query for all images': (s) =>
      aggregate(
        {
          queries: s.normal([1, 4, 1, 1]),
          keys: s.normal([2, 4, 2, 2]),
          values: s.normal([2, 6, 2, 2]),
          prior: scalars([1, 1, 1, 1], [0.5]), // a gradient of zero has no relative error, so it is no input
        },
        { ...COMPARED, heads: 2, querySpace: [1, 1] },
      ),
    'one query for projected values': (s) => {
      const x = op.conv(s.normal([2, 2, 2, 3]), s.normal([5, 2, 1, 1]), { bias: s.normal([5]) });
      return aggregate({ queries: s.normal([1, 5, 1, 1]), keys: x, values: x }, { ...COMPARED, querySpace: [1, 1] });
    },
    'queries that the images share': (s) =>
      aggregate(
        { queries: s.normal([1, 4, 3]), keys: s.normal([2, 4, 4]), values: s.normal([2, 4, 4]) },
        {
          ...COMPARED,
          querySpace: [3],
        },
      ),
    'given scores': given({ normalise: 'none' }, [2, 1, 6, 4]),
    'one given map for all queries': given({ querySpace: [1, 1] }, [2, 1, 1, 4]),
    'one given map for all images, two heads': given({ heads: 2 }, [1, 2, 6, 4]),
    'no scores, a mean': (s) =>
      aggregate(
        { values: s.normal([2, 4, 3, 2]) },
        { ...COMPARED, score: { kind: 'none' }, normalise: 'count', querySpace: [1, 1] },
      ),
    'no scores, a sum': (s) =>
      aggregate(
        { values: s.normal([2, 4, 5]) },
        { ...COMPARED, score: { kind: 'none' }, normalise: 'none', heads: 2, querySpace: [1] },
      ),
    'open sizes': (s) => {
      const x = s.normal([s.dim('n', 2), 3, s.dim('h', 2), s.dim('w', 3)]);
      return aggregate({ queries: x, keys: x, values: x }, { ...COMPARED, querySpace: x.shape.slice(2) });
    },
  }),
  ...samplesOf('MultiHeadAttention', {
    'one head': (s) =>
      multiHeadAttention(s.normal([2, 3, 4]), s.normal([2, 5, 4]), s.normal([2, 5, 6]), { heads: 1, scale: 1 }),
    'two heads': (s) =>
      multiHeadAttention(s.normal([1, 5, 4]), s.normal([1, 3, 4]), s.normal([1, 3, 8]), { heads: 2, scale: 0.7 }),
  }),
];

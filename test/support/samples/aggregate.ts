import { float32 } from '../../../src/core/tensor.ts';
import { type Affinity, aggregate } from '../../../src/graph/aggregate/index.ts';
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

/** What the first query of three may not read, and a query that may read nothing. */
const MASK = constant(float32([1, 1, 3, 4], [1, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1]));

/** Rows or columns of 2 x 3 positions that read themselves. */
const along =
  (axes: readonly number[], prior?: readonly number[]) =>
  (s: Sampler): Value => {
    const [queries, keys, values] = [s.normal([2, 4, 2, 3]), s.normal([2, 4, 2, 3]), s.normal([2, 6, 2, 3])];
    return aggregate(
      { queries, keys, values, prior: prior && s.normal(prior) },
      { ...COMPARED, heads: 2, reads: { kind: 'along', axes } },
    );
  };

const WINDOW = { kind: 'window', size: [3, 3] } as const;

/** Windows of 3 x 3 over 3 x 4 positions, two heads. */
const local =
  (
    change: Partial<Affinity>,
    maps: {
      readonly compared?: boolean;
      readonly scores?: readonly number[];
      readonly prior?: readonly number[];
      readonly mask?: boolean;
    },
  ) =>
  (s: Sampler): Value =>
    aggregate(
      {
        queries: maps.compared ? s.normal([2, 4, 3, 4]) : undefined,
        keys: maps.compared ? s.normal([2, 4, 3, 4]) : undefined,
        values: s.normal([2, 4, 3, 4]),
        scores: maps.scores && s.normal(maps.scores),
        prior: maps.prior && s.normal(maps.prior),
        mask: maps.mask ? constant(float32([1, 1, 9, 1], [1, 1, 0, 1, 1, 1, 0, 1, 1])) : undefined,
      },
      { ...COMPARED, reads: WINDOW, heads: 2, querySpace: [3, 4], ...change },
    );

const scalars = (shape: readonly number[], values: readonly number[]): Value => constant(float32(shape, values));

/** Samples of the affinity. */
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
    'squared differences, two heads': compared({ score: { kind: 'squared-difference', scale: 0.25 }, heads: 2 }),
    'absolute differences over the count': (s) =>
      aggregate(
        { queries: s.apart([2, 2, 3]), keys: op.mul(s.apart([2, 2, 4]), s.positive([])), values: s.normal([2, 4, 4]) },
        {
          ...COMPARED,
          score: { kind: 'absolute-difference', scale: 1 },
          normalise: 'count',
          heads: 2,
          querySpace: [3],
        },
      ),
    'modular sharing of heads': compared({ heads: 2, runs: 1 }),
    'a softmax with a mask': (s) =>
      aggregate(
        { queries: s.normal([2, 4, 3]), keys: s.normal([2, 4, 4]), values: s.normal([2, 4, 4]), mask: MASK },
        { ...COMPARED, heads: 2, querySpace: [3] },
      ),
    'a count with a mask': (s) =>
      aggregate(
        { values: s.normal([2, 4, 4]), scores: s.normal([2, 2, 3, 4]), mask: MASK },
        { ...COMPARED, score: { kind: 'given' }, normalise: 'count', heads: 2, querySpace: [3] },
      ),
    'tokens with channels last, two heads': (s) =>
      aggregate(
        { queries: s.normal([2, 3, 4]), keys: s.normal([2, 4, 4]), values: s.normal([2, 4, 6]) },
        { ...COMPARED, heads: 2, layout: 'channels-last', querySpace: [3] },
      ),
    'tokens with channels last, modular sharing': (s) =>
      aggregate(
        { values: s.normal([2, 4, 8]), scores: s.normal([1, 4, 4, 4]) },
        { ...COMPARED, score: { kind: 'given' }, heads: 4, runs: 2, layout: 'channels-last', querySpace: [4] },
      ),
    'a softmax along rows': along([1]),
    'a softmax along columns, with a prior': along([0], [1, 2, 6, 2]),
    'one shared prior along rows': along([1], [2, 1, 1, 3]),
    'a mean along frames': (s) =>
      aggregate(
        { values: s.normal([1, 2, 2, 3, 2]) },
        {
          ...COMPARED,
          ...{ reads: { kind: 'along', axes: [1, 2] }, score: { kind: 'none' }, normalise: 'count' },
          querySpace: [2, 3, 2],
        },
      ),
    'a window with a static kernel': local({ score: { kind: 'given' }, normalise: 'none' }, { scores: [1, 2, 9, 1] }),
    'a window with given scores, modular sharing, stride': local(
      {
        reads: { ...WINDOW, stride: [2, 1] },
        score: { kind: 'given' },
        normalise: 'none',
        runs: 1,
        querySpace: [2, 4],
      },
      { scores: [2, 2, 9, 8] },
    ),
    'a window with a softmax of given scores, outside excluded': local(
      { reads: { ...WINDOW, outside: 'excluded' }, score: { kind: 'given' } },
      { scores: [2, 2, 9, 12] },
    ),
    'a window with dot products and a prior': local({}, { compared: true, prior: [1, 2, 9, 1] }),
    'a window of squared differences, outside -3': local(
      { reads: { ...WINDOW, outside: -3 }, score: { kind: 'squared-difference', scale: 0.5 } },
      { compared: true, prior: [1, 2, 9, 1] },
    ),
    'a window with a mask over the count': local(
      { normalise: 'count', reads: { ...WINDOW, outside: 'excluded' } },
      { compared: true, mask: true },
    ),
    'a window with dilation, nothing compared': local(
      { reads: { ...WINDOW, dilation: [1, 2] }, score: { kind: 'none' }, normalise: 'count' },
      {},
    ),
    'a window over a line, channels last': (s) => {
      const x = s.normal([2, 5, 4]);
      return aggregate(
        { queries: x, keys: s.normal([2, 5, 4]), values: s.normal([2, 5, 6]) },
        {
          ...COMPARED,
          ...{ heads: 2, layout: 'channels-last' },
          reads: { kind: 'window', size: [3] },
          querySpace: [5],
        },
      );
    },
    'open sizes': (s) => {
      const x = s.normal([s.dim('n', 2), 3, s.dim('h', 2), s.dim('w', 3)]);
      return aggregate({ queries: x, keys: x, values: x }, { ...COMPARED, querySpace: x.shape.slice(2) });
    },
  }),
];

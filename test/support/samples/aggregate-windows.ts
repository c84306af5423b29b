import { type Affinity, aggregate, type Reads } from '../../../src/graph/aggregate/index.ts';
import type { Value } from '../../../src/graph/value.ts';
import { type Sample, type Sampler, samplesOf } from './sampler.ts';

type Window = Extract<Reads, { readonly kind: 'window' }>;

/** A use that reads windows; batches of two, four channels. */
interface Case {
  readonly space: readonly number[];
  readonly reads: Omit<Window, 'kind'>;
  readonly score: Affinity['score'];
  readonly normalise: Affinity['normalise'];
  readonly heads?: number;
  readonly runs?: number;
  readonly layout?: Affinity['layout'];
  /** Channels of queries and keys. */
  readonly compared?: number;
  /** Shapes of maps. */
  readonly scores?: readonly number[];
  readonly prior?: readonly number[];
}

const use =
  ({ space, reads, compared, scores, prior, heads = 2, layout = 'channels-first', ...rest }: Case) =>
  (s: Sampler): Value => {
    const queries = space.map((d, i) => Math.floor((d - 1) / (reads.stride?.[i] ?? 1)) + 1);
    const map = (c: number, at: readonly number[]): Value =>
      s.normal(layout === 'channels-last' ? [2, ...at, c] : [2, c, ...at]);
    return aggregate(
      {
        queries: compared === undefined ? undefined : map(compared, queries),
        keys: compared === undefined ? undefined : map(compared, space),
        values: map(4, space),
        scores: scores && s.normal(scores),
        prior: prior && s.normal(prior),
      },
      { ...rest, heads, layout, reads: { kind: 'window', ...reads }, querySpace: queries },
    );
  };

const GIVEN = { kind: 'given' } as const;
const NONE = { kind: 'none' } as const;
const SQUARED = { kind: 'squared-difference', scale: 0.5 } as const;
const DOT = { kind: 'dot-product', scale: 0.5 } as const;
const plane = (k: number): Pick<Case, 'space' | 'reads'> => ({ space: [4, 5], reads: { size: [k, k] } });

/** Windows in all their forms, for what lowers them. */
export const AGGREGATE_WINDOW_SAMPLES: readonly Sample[] = samplesOf('aggregate', {
  'a kernel of 5 x 5 with stride and dilation': use({
    ...{ space: [6, 5], reads: { size: [5, 3], stride: [2, 1], dilation: [1, 2] } },
    ...{ score: GIVEN, normalise: 'none', heads: 4, scores: [1, 4, 15, 1] },
  }),
  'kernels that two runs share, after a softmax': use({
    ...plane(3),
    ...{ score: GIVEN, normalise: 'softmax', heads: 2, runs: 1, scores: [1, 2, 9, 1], prior: [1, 1, 9, 1] },
  }),
  'a kernel over a line, channels last': use({
    ...{ space: [5], reads: { size: [3] }, score: GIVEN, normalise: 'count', layout: 'channels-last' },
    scores: [1, 2, 3, 1],
  }),
  'a kernel of three axes': use({
    ...{ space: [2, 3, 3], reads: { size: [1, 3, 3] }, score: GIVEN, normalise: 'none', scores: [1, 2, 9, 1] },
  }),
  'given scores of 5 x 5, modular sharing, dilation': use({
    ...{ space: [4, 5], reads: { size: [5, 3], dilation: [1, 2] } },
    ...{ score: GIVEN, normalise: 'none', runs: 1, scores: [2, 2, 15, 20] },
  }),
  'given scores of three axes': use({
    ...{ space: [2, 3, 2], reads: { size: [3, 3, 1], stride: [1, 2, 1] }, score: GIVEN, normalise: 'softmax' },
    scores: [2, 2, 9, 8],
  }),
  'given scores over a line, excluded': use({
    ...{ space: [5], reads: { size: [5], stride: [2], outside: 'excluded' }, score: GIVEN, normalise: 'softmax' },
    scores: [2, 1, 5, 3],
  }),
  'squared differences of numbers, stride, outside -100': use({
    ...{ space: [5, 4], reads: { size: [3, 3], stride: [2, 2], outside: -100 }, score: SQUARED, normalise: 'softmax' },
    ...{ compared: 2, prior: [1, 2, 9, 1] },
  }),
  'squared differences of vectors, excluded': use({
    ...{
      space: [4, 4],
      reads: { size: [3, 3], outside: 'excluded' },
      score: SQUARED,
      normalise: 'softmax',
      compared: 6,
    },
    prior: [1, 2, 9, 1],
  }),
  'dot products of vectors, channels last, over the count': use({
    ...plane(3),
    ...{ score: DOT, normalise: 'count', compared: 4, layout: 'channels-last' },
  }),
  'concatenation of numbers': use({
    ...plane(3),
    ...{ score: { kind: 'concatenation' }, normalise: 'none', compared: 2 },
  }),
  'a mean of windows, zeros counted': use({ ...plane(3), score: NONE, normalise: 'count' }),
  'a mean of windows, zeros excluded, stride': use({
    ...{
      space: [5, 4],
      reads: { size: [3, 3], stride: [2, 1], outside: 'excluded' },
      score: NONE,
      normalise: 'softmax',
    },
  }),
  'sums of windows over a line, channels last': use({
    ...{ space: [5], reads: { size: [3] }, score: NONE, normalise: 'none', layout: 'channels-last' },
  }),
  'a window of open size': (s) => {
    const x = s.normal([s.dim('n', 2), 4, s.dim('h', 3), s.dim('w', 4)]);
    const reads = { kind: 'window', size: [3, 3] } as const;
    return aggregate(
      { queries: x, keys: x, values: x },
      { reads, score: DOT, normalise: 'softmax', heads: 2, querySpace: x.shape.slice(2) },
    );
  },
  'one dense map for all images, two heads': (s) =>
    aggregate(
      { values: s.normal([2, 4, 3, 2]), scores: s.normal([1, 2, 6, 6]) },
      { reads: { kind: 'everywhere' }, score: GIVEN, normalise: 'softmax', heads: 2, runs: 1, querySpace: [3, 2] },
    ),
  'one dense map for all images, channels last': (s) =>
    aggregate(
      { values: s.normal([2, 4, 6]), scores: s.normal([1, 1, 5, 4]) },
      {
        ...{ reads: { kind: 'everywhere' }, score: GIVEN, normalise: 'none', heads: 1, layout: 'channels-last' },
        querySpace: [5],
      },
    ),
});

import { type WindowUse, windowDot, windowSpread, windowSum } from '../../../src/graph/aggregate/window-words.ts';
import { col2Im } from '../../../src/graph/ops/col2im.ts';
import type { Value } from '../../../src/graph/value.ts';
import { type Sample, type Sampler, samplesOf } from './sampler.ts';

/** A case of the three words: sizes, and how windows and heads lie in them. */
interface Case {
  readonly channels: number;
  readonly space: readonly number[];
  readonly queries: readonly number[];
  readonly use: WindowUse;
}

const window = (
  size: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): WindowUse['window'] => ({
  kind: 'window',
  ...{ size, stride, dilation },
  outside: 'zero',
});

const plane = (by: WindowUse['by'], change: Partial<WindowUse> = {}): Case => ({
  ...{ channels: 8, space: [3, 4], queries: [3, 4] },
  use: { window: window([3, 3], [1, 1], [1, 1]), heads: 4, runs: 4, by, ...change },
});

const CASES: Readonly<Record<string, Case>> = {
  'a plane, by shifts': plane('shifts'),
  'a plane, by columns': plane('columns'),
  'modular sharing, by shifts': plane('shifts', { runs: 1 }),
  'modular sharing, by columns': plane('columns', { runs: 1 }),
  'two runs, by columns': plane('columns', { runs: 2 }),
  'stride and dilation, by shifts': {
    ...{ channels: 4, space: [5, 4], queries: [3, 4] },
    use: { window: window([3, 5], [2, 1], [1, 2]), heads: 2, runs: 1, by: 'shifts' },
  },
  'stride and dilation, by columns': {
    ...{ channels: 4, space: [5, 4], queries: [3, 2] },
    use: { window: window([3, 3], [2, 2], [1, 2]), heads: 2, runs: 2, by: 'columns' },
  },
  'dilation, by columns': {
    ...{ channels: 2, space: [4, 5], queries: [4, 5] },
    use: { window: window([5, 3], [1, 1], [1, 2]), heads: 2, runs: 2, by: 'columns' },
  },
  'a line, by columns': {
    ...{ channels: 4, space: [5], queries: [5] },
    use: { window: window([3], [1], [1]), heads: 2, runs: 1, by: 'columns' },
  },
  'three axes, by shifts': {
    ...{ channels: 2, space: [2, 3, 2], queries: [2, 2, 2] },
    use: { window: window([3, 3, 1], [1, 2, 1], [1, 1, 1]), heads: 1, runs: 1, by: 'shifts' },
  },
};

const size = (space: readonly number[]): number => space.reduce((n, d) => n * d, 1);
const samples = (build: (s: Sampler, c: Case) => Value): Record<string, (s: Sampler) => Value> =>
  Object.fromEntries(Object.entries(CASES).map(([name, c]) => [name, (s: Sampler): Value => build(s, c)]));

const weights = (s: Sampler, { use, queries }: Case): Value =>
  s.normal([2, use.heads, size(use.window.size), size(queries)]);

/** Samples of the words for windows of maps whose channels heads share. */
export const WINDOW_WORD_SAMPLES: readonly Sample[] = [
  ...samplesOf(
    'windowSum',
    samples((s, c) => windowSum(s.normal([2, c.channels, ...c.space]), weights(s, c), c.use)),
  ),
  ...samplesOf(
    'windowSpread',
    samples((s, c) =>
      windowSpread(s.normal([2, c.channels, ...c.queries]), weights(s, c), { ...c.use, space: c.space }),
    ),
  ),
  ...samplesOf(
    'windowDot',
    samples((s, c) => windowDot(s.normal([2, c.channels, ...c.queries]), s.normal([2, c.channels, ...c.space]), c.use)),
  ),
  ...samplesOf('Col2Im', {
    'blocks of 3 x 2': (s) =>
      col2Im(s.normal([2, 12, 12]), {
        ...{ image_shape: [5, 5], block_shape: [3, 2], strides: [1, 1], dilations: [1, 1] },
      }),
    'stride and dilation': (s) =>
      col2Im(s.normal([1, 4, 6]), {
        ...{ image_shape: [6, 4], block_shape: [2, 2], strides: [2, 1], dilations: [1, 2] },
      }),
  }),
];

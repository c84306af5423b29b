import * as op from '../../../src/graph/ops/index.ts';
import { integers } from '../../../src/graph/trace.ts';
import { type Sample, samplesOf } from './sampler.ts';

/** Samples of the operators that read or write at places given as data. */
export const INDEXING_SAMPLES: readonly Sample[] = [
  ...samplesOf('Gather', {
    'rows, some twice': (s) => op.gather(s.normal([5, 3]), s.integers([4], [1, 3, 3, 0])),
    'last axis, a matrix of indices': (s) => op.gather(s.normal([2, 4]), s.integers([2, 2], 4), -1),
    'middle axis, from the end': (s) => op.gather(s.normal([2, 3, 2]), s.integers([3], [-1, 0, -3]), 1),
    'one index': (s) => op.gather(s.normal([3, 2]), s.integers([], [2])),
    'indices known when tracing': (s) => op.gather(s.normal([2, 4, 3]), integers([3, 1, 1, -1]), 1),
    'more indices than rows': (s) => op.gather(s.normal([2, 2]), s.integers([7], 2)),
    'a long axis': (s) => op.gather(s.normal([300]), integers([0, 299, 7, 7, 128])),
    'open sizes': (s) => op.gather(s.normal([5, s.dim('m', 3)]), s.integers([s.dim('n', 4)], 5)),
  }),
  ...samplesOf('GatherElements', {
    'first axis': (s) => op.gatherElements(s.normal([4, 3]), s.integers([2, 3], 4), 0),
    'last axis, some twice': (s) => op.gatherElements(s.normal([2, 4]), s.integers([2, 6], 4), -1),
    'from the end': (s) => op.gatherElements(s.normal([3, 2]), s.integers([1, 2], [-1, -3]), 0),
  }),
  ...samplesOf('GatherND', {
    elements: (s) => op.gatherND(s.normal([3, 4]), s.integers([3, 2], [0, 3, 2, 1, 0, 3])),
    rows: (s) => op.gatherND(s.normal([3, 4]), s.integers([2, 2, 1], 3)),
    'from the end': (s) => op.gatherND(s.normal([3, 2, 2]), s.integers([2, 2], [-1, 0, 1, -2])),
  }),
  ...samplesOf('ScatterElements', {
    replacing: (s) =>
      op.scatterElements(s.normal([4, 2]), s.integers([2, 2], [3, 0, 1, 2]), s.normal([2, 2]), { axis: 0 }),
    'adding, some twice': (s) =>
      op.scatterElements(s.normal([2, 3]), s.integers([2, 5], 3), s.normal([2, 5]), { axis: -1, reduction: 'add' }),
    'from the end': (s) => op.scatterElements(s.normal([4]), s.integers([2], [-1, 1]), s.normal([2]), { axis: 0 }),
  }),
  ...samplesOf('ScatterND', {
    'replacing elements': (s) => op.scatterND(s.normal([3, 3]), s.integers([2, 2], [0, 2, 1, 1]), s.normal([2])),
    'replacing rows': (s) => op.scatterND(s.normal([4, 2]), s.integers([2, 1], [3, 0]), s.normal([2, 2])),
    'adding rows, all to one': (s) =>
      op.scatterND(s.normal([4, 2]), s.integers([5, 1], [2, 2, 2, 2, 2]), s.normal([5, 2]), 'add'),
    'adding elements, from the end': (s) =>
      op.scatterND(s.normal([3, 2]), s.integers([3, 2], [-1, -1, 2, 1, 0, 0]), s.normal([3]), 'add'),
  }),
  ...samplesOf('OneHot', {
    'last axis': (s) => op.oneHot(s.integers([4], 5), 5),
    'first axis': (s) => op.oneHot(s.integers([2, 3], 4), 4, 0),
    'open sizes': (s) => op.oneHot(s.integers([s.dim('n', 3)], 4), 4),
  }),
];

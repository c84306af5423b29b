import * as op from '../../../src/graph/ops/index.ts';
import { type Sample, samplesOf } from './sampler.ts';

/** Samples of the operators that only move elements. */
export const LAYOUT_SAMPLES: readonly Sample[] = [
  ...samplesOf('Reshape', {
    'fewer axes': (s) => op.reshape(s.normal([2, 3, 4]), [6, 4]),
    'one size worked out': (s) => op.reshape(s.normal([2, 3, 4]), [3, -1]),
    'to a scalar': (s) => op.reshape(s.normal([1, 1]), []),
    'no elements': (s) => op.reshape(s.normal([3, 0]), [0, 3]),
    'open sizes': (s) => op.reshape(s.normal([s.dim('n', 2), 3, s.dim('m', 4)]), [s.dim('n', 2), -1]),
    'two open sizes together': (s) => op.reshape(s.normal([s.dim('n', 2), s.dim('m', 4), 3]), [-1, 3]),
  }),
  ...samplesOf('Transpose', {
    'all axes turned': (s) => op.transpose(s.normal([2, 3, 4]), [2, 0, 1]),
    'only an axis of size 1 moves': (s) => op.transpose(s.normal([2, 1, 4]), [1, 0, 2]),
    twice: (s) => op.transpose(op.transpose(s.normal([2, 3, 4]), [2, 0, 1]), [0, 2, 1]),
    'no elements': (s) => op.transpose(s.normal([0, 3]), [1, 0]),
    'open sizes': (s) => op.transpose(s.normal([s.dim('n', 2), 3, s.dim('m', 4)]), [1, 2, 0]),
  }),
  ...samplesOf('Expand', {
    'new axes in front': (s) => op.expand(s.normal([3]), [2, 4, 3]),
    'an axis of size 1': (s) => op.expand(s.normal([2, 1, 3]), [2, 4, 3]),
    'a scalar': (s) => op.expand(s.normal([]), [2, 2]),
    'to no elements': (s) => op.expand(s.normal([1, 3]), [0, 3]),
    'open sizes': (s) =>
      op.add(op.expand(s.normal([s.dim('n', 2), 1]), [s.dim('n', 2), s.dim('m', 3)]), s.normal([s.dim('m', 3)])),
  }),
  ...samplesOf('Concat', {
    'last axis': (s) => op.concat([s.normal([2, 3]), s.normal([2, 1]), s.normal([2, 2])], -1),
    'first axis': (s) => op.concat([s.normal([2, 3]), s.normal([1, 3])], 0),
    'one input twice': (s) => {
      const x = s.normal([2, 2]);
      return op.concat([x, x], 1);
    },
    'with an empty part': (s) => op.concat([s.normal([2, 0]), s.normal([2, 2])], 1),
    'open sizes': (s) => op.concat([s.normal([s.dim('n', 2), 3]), s.normal([s.dim('m', 4), 3])], 0),
  }),
  ...samplesOf('Split', {
    'unequal parts': (s) => op.split(s.normal([2, 7, 2]), [1, 4, 2], 1),
    'a part that nothing uses': (s) => op.split(s.normal([6]), [2, 4], -1)[1]!,
    'an empty part': (s) => op.split(s.normal([3, 4]), [4, 0], 1),
    'open sizes': (s) => op.split(s.normal([s.dim('n', 2), 6]), [3, 3], 1),
  }),
  ...samplesOf('Slice', {
    'two axes': (s) => op.slice(s.normal([4, 5]), { axes: [0, -1], starts: [1, 2], ends: [3, 5] }),
    'steps that leave a rest': (s) => op.slice(s.normal([2, 8]), { axes: [1], starts: [1], ends: [8], steps: [3] }),
    'steps that end early': (s) => op.slice(s.normal([9, 2]), { axes: [0], starts: [0], ends: [5], steps: [2] }),
    'steps along two axes': (s) =>
      op.slice(s.normal([2, 5, 6]), { axes: [1, 2], starts: [1, 0], ends: [5, 6], steps: [2, 3] }),
    nothing: (s) => op.slice(s.normal([4, 2]), { axes: [0], starts: [2], ends: [2] }),
    'open sizes': (s) =>
      op.slice(s.normal([s.dim('n', 3), s.dim('m', 6)]), { axes: [1], starts: [2], ends: [s.dim('m', 6)] }),
  }),
  ...samplesOf('Pad', {
    'both sides': (s) => op.pad(s.normal([2, 3]), [1, 0], [2, 3]),
    'one axis of four': (s) => op.pad(s.normal([1, 2, 3, 2]), [0, 0, 1, 0], [0, 0, 0, 0]),
    'no elements before': (s) => op.pad(s.normal([0, 2]), [1, 0], [1, 0]),
    'open sizes': (s) => op.pad(s.normal([s.dim('n', 2), 3]), [0, 1], [0, s.dim('n', 2)]),
  }),
];

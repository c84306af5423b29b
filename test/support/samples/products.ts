import * as op from '../../../src/graph/ops/index.ts';
import { type Sample, samplesOf } from './sampler.ts';

const pair = (v: number): readonly [number, number] => [v, v];
const around = (v: number): readonly [number, number, number, number] => [v, v, v, v];

/** Samples of the operators that multiply and add. */
export const PRODUCT_SAMPLES: readonly Sample[] = [
  ...samplesOf('MatMul', {
    matrices: (s) => op.matMul(s.normal([3, 4]), s.normal([4, 2])),
    'a batch against a matrix': (s) => op.matMul(s.normal([2, 3, 4]), s.normal([4, 2])),
    'a matrix against a batch': (s) => op.matMul(s.normal([3, 4]), s.normal([2, 4, 2])),
    'batches that broadcast': (s) => op.matMul(s.normal([2, 1, 3, 2]), s.normal([3, 2, 4])),
    'one input twice': (s) => {
      const x = s.normal([3, 3]);
      return op.matMul(x, x);
    },
    'over nothing': (s) => op.matMul(s.normal([2, 0]), s.normal([0, 3])),
    'open sizes': (s) => op.matMul(s.normal([s.dim('n', 2), 3, 4]), s.normal([4, s.dim('m', 2)])),
  }),
  ...samplesOf('FusedMatMul', {
    'first transposed': (s) => op.matMul(s.normal([4, 3]), s.normal([4, 2]), { transA: true }),
    'second transposed': (s) => op.matMul(s.normal([3, 4]), s.normal([2, 4]), { transB: true, alpha: 0.5 }),
    'both transposed': (s) => op.matMul(s.normal([4, 3]), s.normal([2, 4]), { transA: true, transB: true, alpha: -2 }),
    'only scaled': (s) => op.matMul(s.normal([3, 4]), s.normal([4, 2]), { alpha: 3 }),
    'batches that broadcast': (s) => op.matMul(s.normal([2, 1, 3, 2]), s.normal([3, 4, 2]), { transB: true }),
    'a batch against a matrix': (s) => op.matMul(s.normal([2, 4, 3]), s.normal([4, 2]), { transA: true }),
    'one input twice': (s) => {
      const x = s.normal([2, 3]);
      return op.matMul(x, x, { transB: true });
    },
    'open batch': (s) => op.matMul(s.normal([s.dim('n', 2), 4, 3]), s.normal([2, 3]), { transB: true }),
  }),
  ...samplesOf('Gemm', {
    'a linear layer': (s) => op.gemm(s.normal([3, 4]), s.normal([2, 4]), s.normal([2])),
    'one row': (s) => op.gemm(s.normal([1, 5]), s.normal([3, 5]), s.normal([3])),
    'open batch': (s) => op.gemm(s.normal([s.dim('n', 2), 3]), s.normal([4, 3]), s.normal([4])),
  }),
  ...samplesOf('Conv', {
    '3 x 3 with padding': (s) => op.conv(s.normal([2, 2, 5, 4]), s.normal([3, 2, 3, 3]), { pads: around(1) }),
    '1 x 1 with a bias': (s) => op.conv(s.normal([2, 3, 2, 3]), s.normal([2, 3, 1, 1]), { bias: s.normal([2]) }),
    'stride 2, odd size': (s) =>
      op.conv(s.normal([1, 2, 7, 6]), s.normal([2, 2, 3, 3]), { strides: pair(2), pads: around(1) }),
    'stride 2 without padding, a rest': (s) =>
      op.conv(s.normal([1, 1, 8, 9]), s.normal([2, 1, 3, 2]), { strides: [2, 3] }),
    'dilation 2': (s) =>
      op.conv(s.normal([1, 2, 7, 6]), s.normal([2, 2, 3, 3]), { dilations: pair(2), pads: around(2) }),
    'dilation, stride and uneven padding': (s) =>
      op.conv(s.normal([1, 1, 9, 8]), s.normal([1, 1, 3, 2]), {
        dilations: [2, 1],
        strides: [1, 2],
        pads: [0, 1, 3, 0],
      }),
    groups: (s) => op.conv(s.normal([2, 4, 4, 3]), s.normal([6, 2, 3, 3]), { group: 2, pads: around(1) }),
    depthwise: (s) => op.conv(s.normal([2, 3, 4, 4]), s.normal([3, 1, 3, 3]), { group: 3, pads: around(1) }),
    'groups with stride': (s) =>
      op.conv(s.normal([1, 4, 5, 5]), s.normal([4, 2, 3, 3]), { group: 2, strides: pair(2), pads: around(1) }),
    '7 x 7, padding 3': (s) =>
      op.conv(s.normal([1, 1, 9, 8]), s.normal([1, 1, 7, 7]), { strides: pair(2), pads: around(3) }),
    'one axis': (s) => op.conv(s.normal([2, 2, 7]), s.normal([3, 2, 3]), { pads: [1, 1], strides: [2] }),
    'three axes': (s) => op.conv(s.normal([1, 2, 3, 4, 3]), s.normal([2, 2, 3, 2, 2]), { pads: [1, 0, 1, 1, 0, 1] }),
    'an even kernel': (s) => op.conv(s.normal([1, 2, 4, 5]), s.normal([2, 2, 2, 4]), { pads: [1, 2, 0, 1] }),
  }),
  ...samplesOf('ConvTranspose', {
    'stride 2': (s) => op.convTranspose(s.normal([2, 2, 3, 3]), s.normal([2, 3, 2, 2]), { strides: pair(2) }),
    'stride 2 with output padding': (s) =>
      op.convTranspose(s.normal([1, 2, 3, 4]), s.normal([2, 2, 3, 3]), {
        strides: pair(2),
        pads: around(1),
        output_padding: pair(1),
      }),
    'stride 1 with a bias': (s) =>
      op.convTranspose(s.normal([1, 2, 4, 3]), s.normal([2, 2, 3, 3]), { pads: around(1), bias: s.normal([2]) }),
    groups: (s) => op.convTranspose(s.normal([1, 4, 3, 3]), s.normal([4, 2, 3, 3]), { group: 2, pads: around(1) }),
    dilation: (s) => op.convTranspose(s.normal([1, 1, 4, 4]), s.normal([1, 2, 3, 3]), { dilations: pair(2) }),
    'one axis': (s) => op.convTranspose(s.normal([1, 2, 5]), s.normal([2, 1, 4]), { strides: [2], pads: [1, 1] }),
  }),
];

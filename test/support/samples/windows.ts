import type { InterpolateOptions } from '../../../src/graph/ops/index.ts';
import * as op from '../../../src/graph/ops/index.ts';
import type { Value } from '../../../src/graph/value.ts';
import { type Sample, type Sampler, samplesOf } from './sampler.ts';

const around = (v: number): readonly [number, number, number, number] => [v, v, v, v];
const pair = (v: number): readonly [number, number] => [v, v];

const resized =
  (size: readonly number[], options: Omit<InterpolateOptions, 'size'>, from: readonly number[] = [5, 4]) =>
  (s: Sampler): Value =>
    op.interpolate(s.normal([1, 2, ...from]), { size, ...options });

const sampled =
  (mode: op.GridSampleOptions['mode'], padding: op.GridSampleOptions['padding'], alignCorners: boolean) =>
  (s: Sampler): Value => {
    const x = s.normal([2, 2, 4, 5]);
    return op.gridSample(x, op.mul(s.unit([2, 3, 2, 2]), s.positive([])), { mode, padding, alignCorners });
  };

const fixedGrid =
  (padding: op.GridSampleOptions['padding'], alignCorners: boolean) =>
  (s: Sampler): Value =>
    op.gridSample(s.normal([1, 2, 4, 5]), op.stopGradient(s.normal([1, 3, 4, 2])), {
      mode: 'nearest',
      padding,
      alignCorners,
    });

/** Samples of the operators that slide windows or read between positions. */
export const WINDOW_SAMPLES: readonly Sample[] = [
  ...samplesOf('MaxPool', {
    '3 x 3, stride 2, padding 1': (s) =>
      op.maxPool(s.distinct([2, 2, 5, 6]), { kernel_shape: pair(3), strides: pair(2), pads: around(1) }),
    'ceil mode hangs over': (s) =>
      op.maxPool(s.distinct([1, 2, 6, 5]), { kernel_shape: pair(2), strides: pair(2), ceil_mode: 1 }),
    'ceil mode drops a window': (s) =>
      op.maxPool(s.distinct([1, 1, 6, 8]), { kernel_shape: pair(1), strides: pair(3), ceil_mode: 1 }),
    'ceil mode with dilation': (s) =>
      op.maxPool(s.distinct([1, 1, 9, 8]), {
        kernel_shape: pair(3),
        strides: pair(3),
        pads: around(1),
        dilations: pair(2),
        ceil_mode: 1,
      }),
    'wide dilation that the engine cannot pad': (s) =>
      op.maxPool(s.distinct([1, 1, 7, 8]), {
        kernel_shape: pair(2),
        strides: pair(3),
        dilations: pair(3),
        ceil_mode: 1,
      }),
    'one axis': (s) => op.maxPool(s.distinct([2, 2, 7]), { kernel_shape: [3], strides: [2] }),
    'three axes': (s) => op.maxPool(s.distinct([1, 2, 3, 4, 4]), { kernel_shape: [1, 2, 2], strides: [1, 2, 2] }),
    'all negative': (s) => op.maxPool(op.neg(s.positive([1, 1, 4, 4])), { kernel_shape: pair(3), pads: around(1) }),
    'where the largest are': (s) =>
      Object.values(op.maxPoolWithIndices(s.distinct([2, 2, 4, 4]), { kernel_shape: pair(2), strides: pair(2) })),
    'the first of equals': (s) =>
      op.maxPoolWithIndices(s.repeated([2, 2, 6, 6]), { kernel_shape: pair(3), strides: pair(2) }).indices,
    'the first of equals, some of them in padding': (s) =>
      op.maxPoolWithIndices(op.sub(s.repeated([2, 2, 5, 6]), op.stopGradient(s.positive([]))), {
        kernel_shape: pair(3),
        strides: [2, 1],
        pads: [1, 0, 1, 2],
        dilations: [1, 2],
      }).indices,
    'open sizes': (s) =>
      op.maxPool(s.distinct([s.dim('n', 2), 1, s.dim('h', 6), s.dim('w', 5)]), {
        kernel_shape: pair(3),
        strides: pair(2),
        pads: around(1),
        ceil_mode: 1,
      }),
  }),
  ...samplesOf('AveragePool', {
    'a partition': (s) => op.averagePool(s.normal([2, 2, 4, 6]), { kernel_shape: [2, 3], strides: [2, 3] }),
    'padding left out': (s) =>
      op.averagePool(s.normal([1, 2, 5, 6]), { kernel_shape: pair(3), strides: pair(2), pads: around(1) }),
    'padding counted': (s) =>
      op.averagePool(s.normal([1, 2, 5, 6]), { kernel_shape: pair(3), pads: around(1), count_include_pad: 1 }),
    'ceil mode, padding left out': (s) =>
      op.averagePool(s.normal([1, 1, 6, 5]), {
        kernel_shape: pair(3),
        strides: pair(2),
        pads: around(1),
        ceil_mode: 1,
      }),
    'ceil mode, padding counted': (s) =>
      op.averagePool(s.normal([1, 1, 6, 5]), {
        kernel_shape: pair(3),
        strides: pair(2),
        pads: around(1),
        ceil_mode: 1,
        count_include_pad: 1,
      }),
    'ceil mode of an odd size': (s) =>
      op.averagePool(s.normal([1, 1, 5, 7]), { kernel_shape: pair(2), strides: pair(2), ceil_mode: 1 }),
    'three axes': (s) => op.averagePool(s.normal([1, 2, 3, 4, 2]), { kernel_shape: [2, 2, 1], strides: [1, 2, 1] }),
    'open sizes': (s) =>
      op.averagePool(s.normal([s.dim('n', 2), 1, s.dim('h', 6), 5]), { kernel_shape: pair(2), strides: pair(2) }),
  }),
  ...samplesOf('Resize', {
    'linear, larger': resized([9, 7], { mode: 'linear' }),
    'linear, smaller': resized([3, 2], { mode: 'linear' }),
    'linear, corners': resized([8, 3], { mode: 'linear', alignCorners: true }),
    'linear, to one element': resized([1, 1], { mode: 'linear', alignCorners: true }),
    'linear, one axis alone': resized([5, 9], { mode: 'linear' }),
    'linear along one axis of data': resized([11], { mode: 'linear' }, [4]),
    'linear along three axes': resized([3, 4, 2], { mode: 'linear' }, [2, 3, 3]),
    'nearest, larger': resized([9, 7], { mode: 'nearest' }),
    'nearest, smaller': resized([3, 2], { mode: 'nearest' }),
    'nearest, doubled': resized([10, 8], { mode: 'nearest' }),
    'nearest, doubled and tripled by factors': (s) =>
      op.interpolate(s.normal([2, 2, 3, 4]), { scale: [2, 3], mode: 'nearest' }),
    'nearest, one axis repeated': resized([5, 12], { mode: 'nearest' }),
    'nearest, one axis repeated, one not': resized([10, 7], { mode: 'nearest' }),
    'nearest along three axes of data': resized([2, 6, 3], { mode: 'nearest' }, [2, 3, 3]),
    'cubic, larger': resized([9, 7], { mode: 'cubic' }),
    'cubic, smaller': resized([2, 3], { mode: 'cubic' }),
    'cubic, corners': resized([8, 3], { mode: 'cubic', alignCorners: true }),
    'antialiased linear': resized([3, 7], { mode: 'linear', antialias: true }, [8, 5]),
    'antialiased cubic': resized([3, 7], { mode: 'cubic', antialias: true }, [8, 5]),
    'by factors': (s) => op.interpolate(s.normal([1, 2, 5, 4]), { scale: [1.7, 0.6], mode: 'linear' }),
    'cubic by factors': (s) => op.interpolate(s.normal([1, 1, 5, 4]), { scale: [1.7, 1.3], mode: 'cubic' }),
    'nearest by factors': (s) => op.interpolate(s.normal([1, 1, 5, 4]), { scale: [1.7, 0.6], mode: 'nearest' }),
    'by factors, stepping by sizes': (s) =>
      op.interpolate(s.normal([1, 1, 5, 4]), { scale: [1.7, 0.6], mode: 'linear', recompute: true }),
    'open sizes': (s) =>
      op.interpolate(s.normal([s.dim('n', 2), 1, s.dim('h', 3), s.dim('w', 4)]), { scale: [2, 2], mode: 'nearest' }),
  }),
  ...samplesOf('GridSample', {
    'linear, zeros': sampled('linear', 'zeros', false),
    'linear, zeros, corners': sampled('linear', 'zeros', true),
    'linear, border': sampled('linear', 'border', false),
    'linear, reflection': sampled('linear', 'reflection', false),
    'linear, reflection, corners': sampled('linear', 'reflection', true),
    'cubic, zeros': sampled('cubic', 'zeros', false),
    'cubic, border, corners': sampled('cubic', 'border', true),
    'cubic, reflection': sampled('cubic', 'reflection', false),
    'nearest, zeros': fixedGrid('zeros', false),
    'nearest, border': fixedGrid('border', true),
    'nearest, reflection': fixedGrid('reflection', false),
  }),
];

import { float32 } from '../../../src/core/tensor.ts';
import * as op from '../../../src/graph/ops/index.ts';
import { constant, scalar } from '../../../src/graph/trace.ts';
import type { Value } from '../../../src/graph/value.ts';
import { type Sample, type Sampler, samplesOf } from './sampler.ts';

type Reducer = (x: Value, axes?: readonly number[], keepdims?: boolean) => Value;

function reducer(name: string, f: Reducer): Sample[] {
  return samplesOf(name, {
    'all axes': (s) => f(s.distinct([3, 4]), undefined, false),
    'negative axes, kept': (s) => f(s.distinct([2, 3, 4]), [-1, 0]),
    'a middle axis, dropped': (s) => f(s.distinct([2, 3, 4]), [1], false),
    'axes of size 1': (s) => f(s.distinct([2, 1, 3]), [1], false),
    'no axes': (s) => f(s.distinct([2, 3]), []),
    'open batch': (s) => f(s.distinct([s.dim('n', 3), 4]), [1], false),
  });
}

const norm = (s: Sampler, channels: number): [Value, Value, Value, Value] => [
  s.normal([channels]),
  s.normal([channels]),
  s.normal([channels]),
  s.positive([channels]),
];

/** Samples of the operators that look along axes. */
export const REDUCE_SAMPLES: readonly Sample[] = [
  ...reducer('ReduceSum', op.reduceSum),
  ...samplesOf('ReduceSum', { 'of nothing is zero': (s) => op.reduceSum(s.normal([2, 0]), [1]) }),
  ...reducer('ReduceMean', op.reduceMean),
  ...reducer('ReduceSumSquare', op.reduceSumSquare),
  ...reducer('ReduceMax', op.reduceMax),
  ...reducer('ReduceMin', op.reduceMin),
  ...samplesOf('ArgMax', {
    'last axis': (s) => op.argMax(s.distinct([3, 5]), -1),
    'first axis, kept': (s) => op.argMax(s.distinct([3, 5]), 0, true),
    'the first of equals': (s) => op.argMax(s.repeated([6, 5]), 1),
    'open sizes': (s) => op.argMax(s.distinct([s.dim('n', 3), s.dim('m', 4)]), 1),
  }),
  ...samplesOf('CumSum', {
    'first axis': (s) => op.cumSum(s.normal([4, 3]), 0),
    'without itself': (s) => op.cumSum(s.normal([2, 5]), -1, { exclusive: true }),
    'from the end': (s) => op.cumSum(s.normal([2, 3, 2]), 1, { reverse: true }),
    'from the end without itself': (s) => op.cumSum(s.normal([5]), 0, { reverse: true, exclusive: true }),
    'open sizes': (s) => op.cumSum(s.normal([s.dim('n', 3), s.dim('m', 2)]), 0),
  }),
  ...samplesOf('TopK', {
    'two largest': (s) => Object.values(op.topK(s.distinct([3, 5]), 2, 1)),
    'three smallest of the first axis': (s) => Object.values(op.topK(s.distinct([5, 2]), 3, 0, false)),
    'equal ones in order': (s) => op.topK(s.repeated([2, 7]), 5, -1).indices,
    'values alone': (s) => op.topK(s.distinct([6]), 4, 0).values,
    'open batch': (s) => op.topK(s.distinct([s.dim('n', 2), 5]), 3, 1).values,
  }),
  ...samplesOf('Softmax', {
    'of a sum with what is alike along the axis': (s) =>
      op.softmax(op.add(s.normal([2, 3]), constant(float32([2, 1], [3, -1]))), 1),
    'last axis': (s) => op.softmax(s.normal([2, 5]), -1),
    'middle axis': (s) => op.softmax(s.normal([2, 3, 4]), 1),
    'large numbers': (s) => op.softmax(op.add(s.repeated([3, 4]), scalar(128)), 1),
    'open sizes': (s) => op.softmax(s.normal([s.dim('n', 2), s.dim('m', 3)]), 1),
  }),
  ...samplesOf('LogSoftmax', {
    'last axis': (s) => op.logSoftmax(s.normal([2, 5]), -1),
    'first axis': (s) => op.logSoftmax(s.normal([4, 3]), 0),
    'open sizes': (s) => op.logSoftmax(s.normal([s.dim('n', 2), s.dim('m', 3)]), 1),
  }),
  ...samplesOf('BatchNormalization', {
    'given statistics': (s) => op.batchNormalization(s.normal([2, 3, 2, 2]), ...norm(s, 3), 1e-5),
    'given statistics of rows': (s) => op.batchNormalization(s.normal([4, 3]), ...norm(s, 3), 1e-3),
    'open batch': (s) => op.batchNormalization(s.normal([s.dim('n', 2), 2, 3]), ...norm(s, 2), 1e-5),
    'its own statistics': (s) =>
      op.batchNormalizationTraining(s.normal([3, 2, 2, 3]), s.normal([2]), s.normal([2]), 1e-5),
    'its own statistics of rows': (s) =>
      op.batchNormalizationTraining(s.normal([6, 3]), s.normal([3]), s.normal([3]), 1e-3),
    'its own statistics of many positions': (s) =>
      op.batchNormalizationTraining(s.normal([1, 2, 9, 16]), s.normal([2]), s.normal([2]), 1e-5),
    'its own statistics of a volume': (s) =>
      op.batchNormalizationTraining(s.normal([2, 2, 2, 1, 3]), s.normal([2]), s.normal([2]), 1e-5),
  }),
  ...samplesOf('projectionNormalization', {
    'of a plane': (s) =>
      op.projectionNormalization(
        { u: s.normal([2, 3, 4, 3]), w: s.normal([5, 3, 1, 1]) },
        ...([s.normal([5]), s.normal([5]), 1e-5] as const),
      ),
    'of a line, taken for a convolution and its norm': (s) => {
      const x = op.conv(op.add(s.normal([3, 4, 7]), scalar(3)), s.normal([2, 4, 1]));
      return op.batchNormalizationTraining(x, s.normal([2]), s.normal([2]), 1e-3);
    },
    'of many positions': (s) => {
      const x = op.conv(s.normal([1, 2, 9, 16]), s.normal([8, 2, 1, 1]));
      return op.batchNormalizationTraining(x, s.normal([8]), s.normal([8]), 1e-5);
    },
  }),
  ...samplesOf('LayerNormalization', {
    'last axis': (s) => op.layerNormalization(s.normal([3, 6]), s.normal([6]), s.normal([6]), -1, 1e-6),
    'two axes': (s) => op.layerNormalization(s.normal([2, 3, 4]), s.normal([3, 4]), s.normal([3, 4]), 1, 1e-5),
    'open batch': (s) => op.layerNormalization(s.normal([s.dim('n', 2), 5]), s.normal([5]), s.normal([5]), 1, 1e-5),
  }),
];

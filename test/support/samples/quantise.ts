import { float32, tensor } from '../../../src/core/tensor.ts';
import * as op from '../../../src/graph/ops/index.ts';
import { constant } from '../../../src/graph/trace.ts';
import { type Sample, samplesOf } from './sampler.ts';

/** A step of ½ about 100: the numbers at hand, none of them half-way between two steps, stay within a byte. */
const whole: op.Grid = { scale: constant(float32([], [0.5])), zero: constant(tensor('uint8', [], Uint8Array.of(100))) };
/** A step for each of three channels, as weights have. */
const byChannel: op.Grid = {
  scale: constant(float32([3], [0.5, 0.25, 1])),
  zero: constant(tensor('int8', [3], new Int8Array(3))),
  axis: 1,
};

/** Samples of the operators between numbers and whole numbers that stand for them. */
export const QUANTISE_SAMPLES: readonly Sample[] = [
  ...samplesOf('QuantizeLinear', {
    'one step': (s) => op.dequantizeLinear(op.quantizeLinear(s.apart([2, 5]), whole), whole),
    'a step for each channel': (s) => op.dequantizeLinear(op.quantizeLinear(s.apart([2, 3, 4]), byChannel), byChannel),
    'what is too large is clipped': (s) =>
      op.dequantizeLinear(op.quantizeLinear(op.mul(s.apart([6]), constant(float32([], [200]))), whole), whole),
    'open sizes': (s) => op.dequantizeLinear(op.quantizeLinear(s.apart([s.dim('n', 2), 3]), whole), whole),
  }),
  ...samplesOf('DequantizeLinear', {
    'weights along the first axis': () => {
      const scale = constant(float32([2], [0.5, 3]));
      const zero = constant(tensor('int8', [2], Int8Array.of(0, 1)));
      return op.dequantizeLinear(constant(tensor('int8', [2, 3], Int8Array.of(-127, 0, 5, 1, 2, 127))), {
        scale,
        zero,
        axis: 0,
      });
    },
  }),
];

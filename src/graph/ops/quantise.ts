import type { DType } from '../../core/dtype.ts';
import { showDims } from '../dimension.ts';
import { emit1 } from '../trace.ts';
import type { OpDef, OutputType, Value } from '../value.ts';
import { at, axisOf, shapeFault } from './common.ts';

/** The shape rule of both: scale and zero point are [] or [size of the axis]. */
function likeData(inputs: readonly (Value | undefined)[], axis: number, dtype: DType): readonly OutputType[] {
  const [x, scale, zero] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
  for (const v of [scale, zero]) {
    const perAxis = v.shape.length === 1 && v.shape[0] === x.shape[axisOf(axis, x.shape.length)];
    if (v.shape.length !== 0 && !perAxis) {
      throw shapeFault(
        `expected a scale and a zero point, or one of each along axis ${axis}, got ${showDims(v.shape)}.`,
      );
    }
  }
  return [{ shape: x.shape, dtype }];
}

/** y = clip(round(x / scale) + zero), rounded half to even and kept within the range of the zero point's dtype. */
export const QUANTIZE_LINEAR: OpDef = {
  name: 'QuantizeLinear',
  domain: '',
  since: 19,
  shape: (inputs, a) => likeData(inputs, a['axis'] as number, at(inputs, 2).dtype),
  vjp: null,
  attributes: { axis: 'int' },
};

/** y = (x − zero) scale */
export const DEQUANTIZE_LINEAR: OpDef = {
  name: 'DequantizeLinear',
  domain: '',
  since: 19,
  shape: (inputs, a) => likeData(inputs, a['axis'] as number, at(inputs, 1).dtype),
  vjp: null,
  attributes: { axis: 'int' },
};

/** Where whole numbers stand for numbers with fractions: scale and zero point, [] or [size of the axis]. */
export interface Grid {
  readonly scale: Value;
  readonly zero: Value;
  /** The axis along which they differ; 1 where absent (it matters only to vectors). */
  readonly axis?: number;
}

/** Numbers as whole numbers of the zero point's dtype: round(x / scale) + zero, clipped. Any shape → the same. */
export function quantizeLinear(x: Value, { scale, zero, axis = 1 }: Grid): Value {
  return emit1(QUANTIZE_LINEAR, [x, scale, zero], { axis, dtype: zero.dtype });
}

/** What whole numbers stand for: (x − zero) scale. Any shape → the same. */
export function dequantizeLinear(x: Value, { scale, zero, axis = 1 }: Grid): Value {
  return emit1(DEQUANTIZE_LINEAR, [x, scale, zero], { axis });
}

import { type DType, isFloating } from '../core/dtype.ts';
import { Fault } from '../core/fault.ts';
import { type Tensor, tensor } from '../core/tensor.ts';

/**
 * float32 of half-precision bits. With exponent and fraction shifted to float32's places the value is 2^-112 of the
 * right one, subnormal numbers too; infinities and NaN take float32's highest exponent.
 */
export function widenHalf(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  const values = new Float32Array(words.buffer);
  for (let i = 0; i < bits.length; i++) {
    const h = bits[i]!;
    words[i] = (h & 0x7fff) << 13;
    if ((h & 0x7c00) === 0x7c00) words[i]! |= 0x7f800000;
    else values[i]! *= 2 ** 112;
    if (h & 0x8000) words[i]! |= 0x80000000;
  }
  return values;
}

/** float32 of bfloat16 bits: they are its upper half. */
export function widenBrain(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
  return new Float32Array(words.buffer);
}

/** A floating tensor as float32 (float64 is rounded to nearest); any other as it is. Without a copy where none is needed. */
export function toFloat32(t: Tensor): Tensor {
  switch (t.dtype) {
    case 'float16':
      if (t.data instanceof Uint16Array) return tensor('float32', t.shape, widenHalf(t.data));
      throw new Fault('shape', 'expected the bits of a float16 tensor in a Uint16Array.');
    case 'float64':
      return tensor('float32', t.shape, Float32Array.from(t.data as Float64Array));
    case 'float32':
    case 'int64':
    case 'int32':
    case 'int8':
    case 'uint8':
    case 'bool':
      return t;
    default:
      return t.dtype satisfies never;
  }
}

/** The dtype that {@link toFloat32} gives. */
export function widerDType(dtype: DType): DType {
  return isFloating(dtype) ? 'float32' : dtype;
}

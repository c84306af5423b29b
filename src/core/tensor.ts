import { DTYPES, type DType, type TypedArray } from './dtype.ts';
import { Fault } from './fault.ts';
import { sizeOf } from './shape.ts';

/** Numbers with a shape, row-major. `data` has exactly as many elements as the shape says. */
export interface Tensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** Tensors by name. */
export type TensorMap = ReadonlyMap<string, Tensor>;

/** A tensor over existing data (not copied). */
export function tensor(dtype: DType, shape: readonly number[], data: TypedArray): Tensor {
  if (data.length !== sizeOf(shape)) {
    throw new Fault(
      'shape',
      `tensor: expected ${sizeOf(shape)} elements for [${shape.join(', ')}], got ${data.length}.`,
    );
  }
  return { dtype, shape, data };
}

/** A float32 tensor from numbers. */
export function float32(shape: readonly number[], data: ArrayLike<number>): Tensor {
  return tensor('float32', shape, data instanceof Float32Array ? data : Float32Array.from(data));
}

/** An int64 tensor from numbers. */
export function int64(shape: readonly number[], data: ArrayLike<number>): Tensor {
  return tensor('int64', shape, BigInt64Array.from(Array.from(data, (v) => BigInt(v))));
}

/** A tensor of zeros. */
export function zeros(dtype: DType, shape: readonly number[]): Tensor {
  return tensor(dtype, shape, DTYPES[dtype].make(sizeOf(shape)));
}

/** The data of a float32 tensor; a fault otherwise. */
export function floats(t: Tensor): Float32Array {
  if (t.data instanceof Float32Array) return t.data;
  throw new Fault('shape', `expected a float32 tensor, got ${t.dtype} [${t.shape.join(', ')}].`);
}

/** Any tensor's elements as doubles (int64 and float16 included). */
export function toNumbers(t: Tensor): Float64Array {
  const out = new Float64Array(t.data.length);
  if (t.data instanceof BigInt64Array) for (let i = 0; i < out.length; i++) out[i] = Number(t.data[i]);
  else if (t.dtype === 'float16') for (let i = 0; i < out.length; i++) out[i] = fromFloat16(t.data[i] as number);
  else out.set(t.data);
  return out;
}

/** The value of IEEE half-precision bits. */
export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bytes of a tensor's elements, little-endian, without a copy. */
export function bytesOf(t: Tensor): Uint8Array {
  return new Uint8Array(t.data.buffer, t.data.byteOffset, t.data.byteLength);
}

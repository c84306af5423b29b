import { sizeOf, stridesOf } from '../../src/core/shape.ts';
import { type Tensor, toNumbers } from '../../src/core/tensor.ts';

/** Numbers of any dtype with a shape, row-major, in double precision; truth values are 0 and 1. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Zeros of a shape. */
export function zeros(shape: readonly number[]): Numbers {
  return { shape, data: new Float64Array(sizeOf(shape)) };
}

/** Numbers from any list. */
export function numbers(shape: readonly number[], data: ArrayLike<number>): Numbers {
  if (data.length !== sizeOf(shape)) throw new Error(`expected ${sizeOf(shape)} numbers, got ${data.length}`);
  return { shape, data: Float64Array.from(data) };
}

/** A tensor's elements in double precision. */
export function fromTensor(t: Tensor): Numbers {
  return { shape: t.shape, data: toNumbers(t) };
}

/** Calls `body` with every index of a shape, last axis fastest. The index array is reused. */
export function each(shape: readonly number[], body: (index: readonly number[], flat: number) => void): void {
  const size = sizeOf(shape);
  const index = shape.map(() => 0);
  for (let flat = 0; flat < size; flat++) {
    body(index, flat);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** Where an index lies in a row-major shape; -1 if it lies outside. */
export function offset(shape: readonly number[], index: readonly number[]): number {
  let at = 0;
  for (let i = 0; i < shape.length; i++) {
    if (index[i]! < 0 || index[i]! >= shape[i]!) return -1;
    at = at * shape[i]! + index[i]!;
  }
  return at;
}

/** The element at an index; `outside` if there is none. */
export function get(t: Numbers, index: readonly number[], outside = 0): number {
  const at = offset(t.shape, index);
  return at < 0 ? outside : t.data[at]!;
}

/** A new tensor, each element from its index. */
export function build(shape: readonly number[], value: (index: readonly number[], flat: number) => number): Numbers {
  const out = zeros(shape);
  each(shape, (index, flat) => {
    out.data[flat] = value(index, flat);
  });
  return out;
}

/** The element that an index of a broadcast shape reads. */
export function getBroadcast(t: Numbers, index: readonly number[]): number {
  const skip = index.length - t.shape.length;
  let at = 0;
  for (let i = 0; i < t.shape.length; i++) at = at * t.shape[i]! + (t.shape[i] === 1 ? 0 : index[skip + i]!);
  return t.data[at]!;
}

/** The shape that shapes broadcast to. */
export function broadcastShape(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    const sizes = shapes.map((s) => s[i - rank + s.length] ?? 1).filter((d) => d !== 1);
    if (new Set(sizes).size > 1) throw new Error(`shapes do not broadcast: ${JSON.stringify(shapes)}`);
    return sizes[0] ?? 1;
  });
}

/** Largest difference of two tensors, divided by the largest magnitude of the second (or by 1 if that is 0). */
export function relativeError(ours: Numbers, theirs: Numbers): number {
  if (ours.shape.join() !== theirs.shape.join()) {
    throw new Error(`expected shape [${theirs.shape.join(', ')}], got [${ours.shape.join(', ')}]`);
  }
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < theirs.data.length; i++) {
    const [a, b] = [ours.data[i]!, theirs.data[i]!];
    if (Object.is(a, b) || a === b) continue;
    difference = Math.max(difference, Number.isFinite(a - b) ? Math.abs(a - b) : Number.POSITIVE_INFINITY);
  }
  for (const b of theirs.data) largest = Math.max(largest, Number.isFinite(b) ? Math.abs(b) : 0);
  return difference / (largest || 1);
}

export { sizeOf, stridesOf };

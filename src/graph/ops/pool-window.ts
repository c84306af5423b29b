import { addDim, type Dim, floorDivDim, showDim, showDims, subDim } from '../dimension.ts';
import type { AttributeKind, Attributes, Value } from '../value.ts';
import { shapeFault } from './common.ts';

/** How a window slides. Pads are before each axis, then after each axis, as ONNX has them. */
export interface PoolAttributes {
  readonly kernel_shape: readonly number[];
  /** Step of the window; 1 where absent. */
  readonly strides?: readonly number[];
  readonly pads?: readonly number[];
  readonly dilations?: readonly number[];
  /** 1: a last window may hang over the end, if it starts in x or in the padding before it (PyTorch's rule). */
  readonly ceil_mode?: number;
}

/** The same with nothing left out. */
export type Window = Required<PoolAttributes>;

/** Number of windows along one axis. */
function countOf(size: Dim, a: Window, axis: number): Dim {
  const rank = a.kernel_shape.length;
  const stride = a.strides[axis]!;
  const before = a.pads[axis]!;
  const span = (a.kernel_shape[axis]! - 1) * a.dilations[axis]! + 1;
  const room = subDim(addDim(size, before + a.pads[rank + axis]!), span);
  if (typeof room === 'number' && room < 0) {
    throw shapeFault(`expected at least ${span} along axis ${axis + 2} with its padding, got ${showDim(size)}.`);
  }
  if (!a.ceil_mode) return addDim(floorDivDim(room, stride), 1);
  // As many as fit when the last may hang over, ceil(room / s) + 1, but none that starts at or after size + before.
  const reach = addDim(size, before + Math.min(0, a.pads[rank + axis]! - span + stride));
  return floorDivDim(addDim(reach, stride - 1), stride);
}

/** The attributes of a pooling node. */
export function windowOf(attributes: Attributes): Window {
  return attributes as unknown as Window;
}

/** Shape after pooling. */
export function pooled(x: Value, a: Window): Dim[] {
  const rank = x.shape.length - 2;
  const lengths = [a.kernel_shape, a.strides, a.dilations].map((v) => v.length);
  if (rank < 1 || lengths.some((n) => n !== rank) || a.pads.length !== 2 * rank) {
    throw shapeFault(
      `expected x [N, C, ..] with ${a.kernel_shape.length} axes to slide along, got ${showDims(x.shape)}.`,
    );
  }
  if (a.pads.some((p, i) => p < 0 || p >= a.kernel_shape[i % rank]!)) {
    throw shapeFault(
      `expected pads smaller than the window [${a.kernel_shape.join(', ')}], got [${a.pads.join(', ')}].`,
    );
  }
  return [...x.shape.slice(0, 2), ...x.shape.slice(2).map((d, i) => countOf(d, a, i))];
}

/** How far the last windows hang over x and its padding, per axis; undefined while a size is unknown. */
export function overhang(x: Value, y: Value, a: Window): number[] | undefined {
  const rank = a.kernel_shape.length;
  if (![...x.shape.slice(2), ...y.shape.slice(2)].every((d) => typeof d === 'number')) return undefined;
  return a.kernel_shape.map((k, i) => {
    const end = ((y.shape[i + 2] as number) - 1) * a.strides[i]! + (k - 1) * a.dilations[i]! + 1;
    return Math.max(0, end - (x.shape[i + 2] as number) - a.pads[i]! - a.pads[rank + i]!);
  });
}

/** The window with the overhang as padding; undefined if the engine would refuse so much padding. */
export function padded(a: Window, over: readonly number[]): Window | undefined {
  const rank = a.kernel_shape.length;
  const pads = a.pads.map((p, i) => (i < rank ? p : p + over[i - rank]!));
  return pads.some((p, i) => p >= a.kernel_shape[i % rank]!) ? undefined : { ...a, pads, ceil_mode: 0 };
}

/** How ONNX types the attributes. */
export const WINDOW: Readonly<Record<keyof Window, AttributeKind>> = {
  kernel_shape: 'ints',
  strides: 'ints',
  pads: 'ints',
  dilations: 'ints',
  ceil_mode: 'int',
};

/** The attributes with all that was left out. */
export function fullAttributes(a: PoolAttributes): Window {
  const ones = a.kernel_shape.map(() => 1);
  return {
    kernel_shape: a.kernel_shape,
    strides: a.strides ?? ones,
    pads: a.pads ?? [...ones, ...ones].map(() => 0),
    dilations: a.dilations ?? ones,
    ceil_mode: a.ceil_mode ?? 0,
  };
}

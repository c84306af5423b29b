import type { DType } from '../../core/dtype.ts';
import { Fault } from '../../core/fault.ts';
import { type Dim, sameDim, showDim, showDims } from '../dimension.ts';
import type { OutputType, Value } from '../value.ts';

/** A fault of a shape rule; `emit` adds where. */
export function shapeFault(message: string): Fault {
  return new Fault('shape', message);
}

/** Input `i` of a node; a fault if it is missing. */
export function at(inputs: readonly (Value | undefined)[], i: number): Value {
  const v = inputs[i];
  if (!v) throw new Fault('graph', `expected an input ${i}, got none.`);
  return v;
}

/** An axis counted from the front: -1 becomes rank - 1. */
export function axisOf(axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(a) || a < 0 || a >= rank) {
    throw shapeFault(`expected an axis in [${-rank}, ${rank}), got ${axis}.`);
  }
  return a;
}

/** Axes counted from the front and sorted; all axes for undefined. */
export function axesOf(axes: readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  const out = axes.map((a) => axisOf(a, rank)).sort((a, b) => a - b);
  if (new Set(out).size !== out.length) throw shapeFault(`expected different axes, got [${axes.join(', ')}].`);
  return out;
}

/** The shape that shapes broadcast to, by ONNX's (NumPy's) rules. */
export function broadcast(...shapes: readonly (readonly Dim[])[]): Dim[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => {
    let out: Dim = 1;
    for (const s of shapes) {
      const d = s[i - rank + s.length] ?? 1;
      if (d === 1 || sameDim(d, out)) continue;
      if (out !== 1) {
        const all = shapes.map(showDims).join(' and ');
        throw shapeFault(`expected shapes that broadcast, got ${all} (${showDim(out)} against ${showDim(d)}).`);
      }
      out = d;
    }
    return out;
  });
}

/** The dtype that all inputs share; a fault if they differ. */
export function sameDType(inputs: readonly (Value | undefined)[]): DType {
  const dtype = at(inputs, 0).dtype;
  for (const v of inputs) {
    if (v && v.dtype !== dtype) throw new Fault('graph', `expected inputs of one dtype, got ${dtype} and ${v.dtype}.`);
  }
  return dtype;
}

/** One output with the shape and dtype of the first input. */
export function likeFirst(inputs: readonly (Value | undefined)[]): readonly OutputType[] {
  const x = at(inputs, 0);
  return [{ shape: x.shape, dtype: x.dtype }];
}

/** A fault unless `v` has `rank` axes. */
export function wantRank(v: Value, rank: number, what: string): void {
  if (v.shape.length !== rank) throw shapeFault(`${what}: expected ${rank} axes, got ${showDims(v.shape)}.`);
}

/** Axes of x [N, C, ..] over which batch norm takes its statistics: all but the channels. */
export function batchAxes(x: Value): number[] {
  return x.shape.flatMap((_, i) => (i === 1 ? [] : [i]));
}

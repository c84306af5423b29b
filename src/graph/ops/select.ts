import { float32 } from '../../core/tensor.ts';
import { addDim, type Dim, sameDim, showDim } from '../dimension.ts';
import { constant, emit, emit1 } from '../trace.ts';
import type { OpDef, Value } from '../value.ts';
import { at, axisOf, likeFirst, shapeFault } from './common.ts';
import { concat } from './layout.ts';
import { scatterElements, zerosOf } from './scatter.ts';

function withSize(shape: readonly Dim[], axis: number, size: Dim): Dim[] {
  return shape.map((d, i) => (i === axis ? size : d));
}

export const SPLIT: OpDef = {
  name: 'Split',
  domain: '',
  since: 18,
  shape: (inputs, a) => {
    const x = at(inputs, 0);
    const axis = axisOf(a['axis'] as number, x.shape.length);
    const lengths = a['split'] as readonly Dim[];
    const total = lengths.reduce(addDim, 0 as Dim);
    if (!sameDim(total, x.shape[axis]!)) {
      throw shapeFault(`expected parts of ${showDim(x.shape[axis]!)} elements together, got ${showDim(total)}.`);
    }
    return lengths.map((d) => ({ shape: withSize(x.shape, axis, d), dtype: x.dtype }));
  },
  // dx = the parts' gradients one after another
  vjp: ({ outputs, attributes, dy }) => {
    const parts = outputs.map((y, i) => dy[i] ?? zerosOf(y));
    return [concat(parts, attributes['axis'] as number)];
  },
  attributes: { axis: 'int' },
  dimInputs: { 1: 'split' },
};

/** x cut into parts of the given lengths along an axis. */
export function split(x: Value, lengths: readonly Dim[], axis: number): readonly Value[] {
  return emit(SPLIT, [x], { axis: axisOf(axis, x.shape.length), split: lengths });
}

export const TOP_K: OpDef = {
  name: 'TopK',
  domain: '',
  since: 11,
  shape: (inputs, a) => {
    const x = at(inputs, 0);
    const axis = axisOf(a['axis'] as number, x.shape.length);
    const count = (a['k'] as readonly Dim[])[0]!;
    const size = x.shape[axis]!;
    if (typeof count === 'number' && typeof size === 'number' && (count < 0 || count > size)) {
      throw shapeFault(`expected to choose at most ${size}, got ${count}.`);
    }
    const shape = withSize(x.shape, axis, count);
    return [
      { shape, dtype: x.dtype },
      { shape, dtype: 'int64' },
    ];
  },
  // dx = dy at the places chosen, zeros elsewhere
  vjp: ({ inputs, outputs, attributes, dy }) => {
    if (!dy[0]) return [undefined];
    return [scatterElements(zerosOf(inputs[0]!), outputs[1]!, dy[0], { axis: attributes['axis'] as number })];
  },
  attributes: { axis: 'int', largest: 'int', sorted: 'int' },
  dimInputs: { 1: 'k' },
};

/** The `count` largest elements along an axis, largest first, equal ones in order; and where they were (int64). */
export function topK(
  x: Value,
  count: Dim,
  axis: number,
  largest = true,
): { readonly values: Value; readonly indices: Value } {
  const attributes = { axis: axisOf(axis, x.shape.length), k: [count], largest: Number(largest), sorted: 1 };
  const [values, indices] = emit(TOP_K, [x], attributes);
  return { values: values!, indices: indices! };
}

export const ONE_HOT: OpDef = {
  name: 'OneHot',
  domain: '',
  since: 11,
  shape: (inputs, a) => {
    const [indices, values] = [at(inputs, 0), at(inputs, 2)];
    const axis = axisOf(a['axis'] as number, indices.shape.length + 1);
    const depth = (a['depth'] as readonly Dim[])[0]!;
    return [{ shape: [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)], dtype: values.dtype }];
  },
  vjp: null, // indices are integers, the two values constants
  attributes: { axis: 'int' },
  dimInputs: { 1: 'depth' },
};

/** 1 at each index, 0 elsewhere, along a new axis of `depth` elements (the last where not said); float32. */
export function oneHot(indices: Value, depth: Dim, axis = -1): Value {
  const attributes = { axis: axisOf(axis, indices.shape.length + 1), depth: [depth] };
  return emit1(ONE_HOT, [indices, undefined, constant(float32([2], [0, 1]))], attributes);
}

export const CUM_SUM: OpDef = {
  name: 'CumSum',
  domain: '',
  since: 14,
  shape: likeFirst,
  // dx = the sum of dy taken from the other end
  vjp: ({ attributes, dy }) => [emit1(CUM_SUM, [dy[0]!], { ...attributes, reverse: attributes['reverse'] ? 0 : 1 })],
  attributes: { exclusive: 'int', reverse: 'int' },
  dimInputs: { 1: 'axis' },
};

/** How {@link cumSum} counts. */
export interface Accumulation {
  /** Leaves each element out of its own sum. */
  readonly exclusive?: boolean;
  /** Sums from the end. */
  readonly reverse?: boolean;
}

/** Sum of all elements up to each one, along an axis. */
export function cumSum(x: Value, axis: number, { exclusive = false, reverse = false }: Accumulation = {}): Value {
  const attributes = { axis: [axisOf(axis, x.shape.length)], exclusive: Number(exclusive), reverse: Number(reverse) };
  return emit1(CUM_SUM, [x], attributes);
}

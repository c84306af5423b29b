import { toNumbers } from '../../core/tensor.ts';
import { type Dim, productDim, sameDims, showDims } from '../dimension.ts';
import { constantOf, emit1, integers } from '../trace.ts';
import type { OpDef, Value } from '../value.ts';
import { along, matrixOf } from './along.ts';
import { at, axisOf, shapeFault } from './common.ts';
import { add, less, mul, where } from './elementwise.ts';
import { expand, reshape } from './layout.ts';
import { reduceSum } from './reduce.ts';
import { scatterElements, zerosOf } from './scatter.ts';

/** Longest axis that a gather by constants differentiates as a product with a 0-1 matrix. */
const LONGEST_MATRIX = 256;

export const GATHER: OpDef = {
  name: 'Gather',
  domain: '',
  since: 13,
  shape: (inputs, a) => {
    const [x, indices] = [at(inputs, 0), at(inputs, 1)];
    const axis = axisOf(a['axis'] as number, x.shape.length);
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return [{ shape, dtype: x.dtype }];
  },
  // dx[.., i, ..] = Σ of the dy whose index is i
  vjp: ({ inputs, attributes, dy, needs }) => {
    const [x, indices] = inputs as readonly [Value, Value];
    const axis = axisOf(attributes['axis'] as number, x.shape.length);
    return [needs(0) ? gatherGradient(x, indices, { axis, dy: dy[0]! }) : undefined, undefined];
  },
  attributes: { axis: 'int' },
};

function gatherGradient(x: Value, indices: Value, { axis, dy }: { axis: number; dy: Value }): Value {
  const count = productDim(indices.shape);
  const lines = [...x.shape.slice(0, axis), count, ...x.shape.slice(axis + 1)];
  const g = reshape(dy, lines);
  const length = x.shape[axis]!;
  const fixed = constantOf(indices);
  if (fixed && typeof length === 'number' && length <= LONGEST_MATRIX) {
    const places = [...toNumbers(fixed)].map((i) => (i < 0 ? i + length : i));
    return along(
      g,
      axis,
      matrixOf(length, places.length, (i, k) => (places[k] === i ? 1 : 0)),
    );
  }
  const line = lines.map((_, i) => (i === axis ? count : 1));
  return scatterElements(zerosOf(x), expand(reshape(indices, line), lines), g, { axis, reduction: 'add' });
}

/** Slices of x along an axis at the places in `indices` (int64, any shape), which replaces that axis. */
export function gather(x: Value, indices: Value, axis = 0): Value {
  return emit1(GATHER, [x, indices], { axis: axisOf(axis, x.shape.length) });
}

export const GATHER_ELEMENTS: OpDef = {
  name: 'GatherElements',
  domain: '',
  since: 13,
  shape: (inputs, a) => {
    const [x, indices] = [at(inputs, 0), at(inputs, 1)];
    axisOf(a['axis'] as number, x.shape.length);
    if (indices.shape.length !== x.shape.length) {
      throw shapeFault(`expected indices of ${x.shape.length} axes, got ${showDims(indices.shape)}.`);
    }
    return [{ shape: indices.shape, dtype: x.dtype }];
  },
  // dx = dy added where it was read
  vjp: ({ inputs, attributes, dy }) => {
    const [x, indices] = inputs as readonly [Value, Value];
    const axis = attributes['axis'] as number;
    return [scatterElements(zerosOf(x), indices, dy[0]!, { axis, reduction: 'add' }), undefined];
  },
  attributes: { axis: 'int' },
};

/** y[i, j, k] = x[indices[i, j, k], j, k] for axis 0, and so on. Indices int64. */
export function gatherElements(x: Value, indices: Value, axis: number): Value {
  return emit1(GATHER_ELEMENTS, [x, indices], { axis: axisOf(axis, x.shape.length) });
}

export const GATHER_ND: OpDef = {
  name: 'GatherND',
  domain: '',
  since: 13,
  shape: (inputs) => {
    const [x, indices] = [at(inputs, 0), at(inputs, 1)];
    return [{ shape: [...indices.shape.slice(0, -1), ...x.shape.slice(tupleLength(x, indices))], dtype: x.dtype }];
  },
  // dx = dy added where it was read
  vjp: ({ inputs, dy, needs }) => {
    const [x, indices] = inputs as readonly [Value, Value];
    return [needs(0) ? addAtTuples(zerosOf(x), indices, dy[0]!) : undefined, undefined];
  },
  attributes: { batch_dims: 'int' },
};

/** Parts of x at tuples of indices: indices [.., q] int64 → [.., x.shape[q:]]. */
export function gatherND(x: Value, indices: Value): Value {
  return emit1(GATHER_ND, [x, indices], { batch_dims: 0 });
}

/** How many axes of x the tuples in `indices` name. */
export function tupleLength(x: Value, indices: Value): number {
  const q = indices.shape[indices.shape.length - 1];
  if (typeof q !== 'number' || q < 1 || q > x.shape.length) {
    throw shapeFault(`expected tuples of 1 to ${x.shape.length} indices, got indices ${showDims(indices.shape)}.`);
  }
  return q;
}

/**
 * x with updates added at tuples of indices, equal tuples included: the tuples become row numbers of x seen as a
 * matrix. (The engine's ScatterND adds from several threads at once and loses updates that meet.)
 */
export function addAtTuples(x: Value, indices: Value, updates: Value): Value {
  const q = tupleLength(x, indices);
  const named = x.shape.slice(0, q);
  const rows = productDim(named);
  const width = productDim(x.shape.slice(q));
  const count = productDim(indices.shape.slice(0, -1));
  const index = expand(reshape(rowNumbers(named, indices), [count, 1]), [count, width]);
  const flat = scatterElements(reshape(x, [rows, width]), index, reshape(updates, [count, width]), {
    axis: 0,
    reduction: 'add',
  });
  return reshape(flat, x.shape);
}

function rowNumbers(named: readonly Dim[], indices: Value): Value {
  if (!named.every((d) => typeof d === 'number')) {
    throw shapeFault(`expected known sizes along the axes that tuples name, got ${showDims(named)}.`);
  }
  const sizes = named as readonly number[];
  const strides = sizes.map((_, i) => sizes.slice(i + 1).reduce((a, b) => a * b, 1));
  const counted = where(less(indices, integers([0])), add(indices, integers(sizes)), indices); // negative: from the end
  return reduceSum(mul(counted, integers(strides)), [-1], false);
}

/** Whether updates have the shape that tuples of indices ask for. */
export function checkUpdates(x: Value, indices: Value, updates: Value): void {
  const expected = [...indices.shape.slice(0, -1), ...x.shape.slice(tupleLength(x, indices))];
  if (!sameDims(updates.shape, expected)) {
    throw shapeFault(`expected updates ${showDims(expected)}, got ${showDims(updates.shape)}.`);
  }
}

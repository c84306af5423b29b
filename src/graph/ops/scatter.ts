import { type Tensor, zeros } from '../../core/tensor.ts';
import { sameDims } from '../dimension.ts';
import { constant, emit1 } from '../trace.ts';
import type { OpDef, Value } from '../value.ts';
import { at, axisOf, likeFirst, sameDType, shapeFault } from './common.ts';
import { addAtTuples, checkUpdates, gatherElements, gatherND } from './indexing.ts';
import { expand } from './layout.ts';

/** How an update meets what stands at its place: it replaces it, or is added. */
export type Reduction = 'none' | 'add';

/** Zeros of x's shape and dtype. */
export function zerosOf(x: Value): Value {
  const zero: Tensor = zeros(x.dtype, []);
  return expand(constant(zero), x.shape);
}

export const SCATTER_ELEMENTS: OpDef = {
  name: 'ScatterElements',
  domain: '',
  since: 18,
  shape: (inputs, a) => {
    const [x, indices, updates] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    axisOf(a['axis'] as number, x.shape.length);
    sameDType([x, updates]);
    if (!sameDims(indices.shape, updates.shape) || indices.shape.length !== x.shape.length) {
      throw shapeFault(`expected indices and updates of one shape with ${x.shape.length} axes.`);
    }
    return likeFirst(inputs);
  },
  // dx = dy, and zero where it was replaced; dupdates = dy read at the indices
  vjp: ({ inputs, attributes, dy, needs }) => {
    const [, indices, updates] = inputs as readonly [Value, Value, Value];
    const { axis, reduction } = attributes as { axis: number; reduction: Reduction };
    const g = dy[0]!;
    const kept = (): Value => scatterElements(g, indices, zerosOf(updates), { axis });
    return [
      needs(0) ? (reduction === 'add' ? g : kept()) : undefined,
      undefined,
      needs(2) ? gatherElements(g, indices, axis) : undefined,
    ];
  },
  attributes: { axis: 'int', reduction: 'string' },
};

/** Where to write along and how. */
export interface Scattering {
  readonly axis: number;
  readonly reduction?: Reduction;
}

/**
 * x with out[indices[i, j, k], j, k] = updates[i, j, k] for axis 0, and so on. Indices int64, of the updates' shape.
 * Without `reduction` no place may be written twice.
 */
export function scatterElements(x: Value, indices: Value, updates: Value, s: Scattering): Value {
  const axis = axisOf(s.axis, x.shape.length);
  return emit1(SCATTER_ELEMENTS, [x, indices, updates], { axis, reduction: s.reduction ?? 'none' });
}

export const SCATTER_ND: OpDef = {
  name: 'ScatterND',
  domain: '',
  since: 18,
  shape: (inputs) => {
    const [x, indices, updates] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    sameDType([x, updates]);
    checkUpdates(x, indices, updates);
    return likeFirst(inputs);
  },
  // dx = dy, and zero where it was replaced; dupdates = dy read at the tuples
  vjp: ({ inputs, attributes, dy, needs }) => {
    const [, indices, updates] = inputs as readonly [Value, Value, Value];
    const g = dy[0]!;
    const kept = (): Value => scatterND(g, indices, zerosOf(updates));
    return [
      needs(0) ? (attributes['reduction'] === 'add' ? g : kept()) : undefined,
      undefined,
      needs(2) ? gatherND(g, indices) : undefined,
    ];
  },
  attributes: { reduction: 'string' },
  legalise: ({ inputs, attributes }) =>
    attributes['reduction'] === 'add' ? [addAtTuples(inputs[0]!, inputs[1]!, inputs[2]!)] : undefined,
};

/** x with updates written at tuples of indices. Indices [.., q] int64, updates [.., x.shape[q:]]. */
export function scatterND(x: Value, indices: Value, updates: Value, reduction: Reduction = 'none'): Value {
  return emit1(SCATTER_ND, [x, indices, updates], { reduction });
}

import { float32, type Tensor } from '../../core/tensor.ts';
import { productDim, showDims } from '../dimension.ts';
import { constant } from '../trace.ts';
import type { Value } from '../value.ts';
import { axisOf, shapeFault } from './common.ts';
import { reshape } from './layout.ts';
import { matMul } from './matrix.ts';

/** A float32 matrix [rows, columns] from its elements. */
export function matrixOf(rows: number, columns: number, element: (row: number, column: number) => number): Tensor {
  const data = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) data[r * columns + c] = element(r, c);
  }
  return float32([rows, columns], data);
}

/**
 * The same linear map along one axis of everything: y[.., o, ..] = Σ_i m[o, i] x[.., i, ..].
 * Interpolation and average pooling are such maps, one axis after another; so are their derivatives.
 */
export function along(x: Value, axis: number, m: Tensor): Value {
  const a = axisOf(axis, x.shape.length);
  const [to, from] = m.shape as readonly [number, number];
  if (x.shape[a] !== from) throw shapeFault(`expected ${from} elements along axis ${a}, got ${showDims(x.shape)}.`);
  const shape = x.shape.map((d, i) => (i === a ? to : d));
  const before = productDim(x.shape.slice(0, a));
  const after = productDim(x.shape.slice(a + 1));
  if (after === 1) return reshape(matMul(reshape(x, [before, from]), constant(transposed(m))), shape);
  return reshape(matMul(constant(m), reshape(x, [before, from, after])), shape);
}

/** A matrix with rows and columns exchanged. */
export function transposed(m: Tensor): Tensor {
  const [rows, columns] = m.shape as readonly [number, number];
  const data = m.data as Float32Array;
  return matrixOf(columns, rows, (r, c) => data[c * columns + r]!);
}

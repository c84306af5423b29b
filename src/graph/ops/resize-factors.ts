import { float32 } from '../../core/tensor.ts';
import type { Dim } from '../dimension.ts';
import { constant, emit1 } from '../trace.ts';
import type { OpDef, Value } from '../value.ts';
import { at } from './common.ts';

/**
 * Resize by whole factors behind N and C, given as scales: ONNX Runtime's CPU provider then stays in its blocked layout,
 * which it leaves for sizes. Resize is lowered to it after differentiation, so it needs no derivative.
 */
const RESIZE_BY_FACTORS: OpDef = {
  name: 'Resize',
  domain: '',
  since: 19,
  shape: (inputs, a) => [{ shape: a['sizes'] as readonly Dim[], dtype: at(inputs, 0).dtype }],
  vjp: null,
  attributes: { mode: 'string', coordinate_transformation_mode: 'string', nearest_mode: 'string' },
};

/** x with each element repeated `factors` times along each axis behind N and C. */
export function repeatElements(x: Value, factors: readonly number[]): Value {
  const scales = constant(float32([x.shape.length], [1, 1, ...factors]));
  const sizes = x.shape.map((d, i) => (i < 2 ? d : (d as number) * factors[i - 2]!));
  const how = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
  return emit1(RESIZE_BY_FACTORS, [x, undefined, scales], { ...how, sizes });
}

import { emit1, scalar } from '../trace.ts';
import type { OpDef, Value } from '../value.ts';
import { likeFirst } from './common.ts';
import { mul } from './elementwise.ts';

/** y = x; no gradient flows. */
export const STOP_GRADIENT: OpDef = {
  name: 'stopGradient',
  domain: 'farsight',
  since: 1,
  shape: likeFirst,
  vjp: () => [undefined],
  attributes: {},
  view: true,
  legalise: (node) => [node.inputs[0]!],
};

/** x, as a constant to the derivative. */
export function stopGradient(x: Value): Value {
  return emit1(STOP_GRADIENT, [x]);
}

/** y = x; the gradient is multiplied by `factor`. */
export const SCALE_GRADIENT: OpDef = {
  name: 'scaleGradient',
  domain: 'farsight',
  since: 1,
  shape: likeFirst,
  vjp: ({ attributes, dy }) => [mul(dy[0]!, scalar(attributes['factor'] as number))], // dx = factor dy
  attributes: {},
  view: true,
  legalise: (node) => [node.inputs[0]!],
};

/** x with its gradient multiplied by `factor`. */
export function scaleGradient(x: Value, factor: number): Value {
  return emit1(SCALE_GRADIENT, [x], { factor });
}

import type { Dim } from '../dimension.ts';
import { emit1, integers, scalar } from '../trace.ts';
import type { OpDef, Value } from '../value.ts';
import { at, likeFirst } from './common.ts';
import { add, cast, greater } from './elementwise.ts';
import { RESHAPE, reshape, slice } from './layout.ts';

/** x in a shape that is read when the graph runs: `shape` says what it will be. */
const RESHAPE_THEN: OpDef = {
  name: RESHAPE.name,
  domain: RESHAPE.domain,
  since: RESHAPE.since,
  shape: (inputs, a) => [{ shape: a['shape'] as readonly Dim[], dtype: at(inputs, 0).dtype }],
  vjp: null,
  attributes: { allowzero: 'int' },
  view: true,
  // ONNX Runtime joins reshapes that follow one another, and fails where the first one's shape is worked out
  reshaped: ({ inputs }, shape) => {
    const [x, { node }] = inputs as readonly [Value, Value];
    return reshapeThen(x, shape, node.inputs[1]!);
  },
};

/** x in a shape known now, to which `zero` is added when the graph runs. */
function reshapeThen(x: Value, shape: readonly Dim[], zero: Value): Value {
  return emit1(RESHAPE_THEN, [x, add(integers(shape as readonly number[]), zero)], { shape });
}

/**
 * y = x, read only once `after` is there: what is computed from y cannot be made before, nor be taken for what was
 * computed from x. The engine finds no word for that; a shape that needs an element of `after` does it without a copy.
 */
export const RECOMPUTE: OpDef = {
  name: 'recompute',
  domain: 'farsight',
  since: 1,
  shape: (inputs) => likeFirst([at(inputs, 0)]),
  vjp: ({ dy }) => [dy[0], undefined], // dx = dy
  attributes: {},
  view: true,
  reshaped: ({ inputs }, shape) => emit1(RECOMPUTE, [reshape(inputs[0]!, shape), inputs[1]]),
  legalise: ({ inputs }) => {
    const [x, after] = inputs as readonly [Value, Value];
    const axes = after.shape.map((_, i) => i);
    const first = slice(after, { axes, starts: axes.map(() => 0), ends: axes.map(() => 1) });
    // Nothing is greater than infinity, not even what is no number; the engine cannot know that.
    const zero = cast(greater(reshape(first, [1]), scalar(Number.POSITIVE_INFINITY)), 'int64');
    return [reshapeThen(x, x.shape, zero)];
  },
};

/** x, to be read once `after`, float32 of at least one element, is there. */
export function recompute(x: Value, after: Value): Value {
  return emit1(RECOMPUTE, [x, after]);
}

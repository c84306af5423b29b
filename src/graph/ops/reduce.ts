import { type Dim, productDim, sameDims } from '../dimension.ts';
import { emit1, scalar } from '../trace.ts';
import type { Attributes, OpDef, Value } from '../value.ts';
import { at, axesOf, axisOf, shapeFault } from './common.ts';
import { cast, div, equal, mul } from './elementwise.ts';
import { expand, reshape } from './layout.ts';

function reduced(shape: readonly Dim[], attributes: Attributes): Dim[] {
  const axes = axesOf(attributes['axes'] as readonly number[] | undefined, shape.length);
  const keep = attributes['keepdims'] !== 0;
  return shape.flatMap((d, i) => (axes.includes(i) ? (keep ? [1] : []) : [d]));
}

/** dy with the reduced axes back as size 1. */
function spread(dy: Value, x: Value, attributes: Attributes): Value {
  return reshape(dy, reduced(x.shape, { ...attributes, keepdims: 1 }));
}

function countOf(x: Value, attributes: Attributes): Dim {
  return productDim(
    axesOf(attributes['axes'] as readonly number[] | undefined, x.shape.length).map((a) => x.shape[a]!),
  );
}

type Rule = (c: { x: Value; y: Value; dy: Value; attributes: Attributes }) => Value;

function reduceDef(name: string, since: number, rule: Rule): OpDef {
  return {
    name,
    domain: '',
    since,
    shape: (inputs, a) => [{ shape: reduced(at(inputs, 0).shape, a), dtype: at(inputs, 0).dtype }],
    // y and dy arrive with the reduced axes as size 1
    vjp: ({ inputs, outputs, attributes, dy }) => {
      const x = inputs[0]!;
      return [rule({ x, y: spread(outputs[0]!, x, attributes), dy: spread(dy[0]!, x, attributes), attributes })];
    },
    attributes: { keepdims: 'int' },
    dimInputs: { 1: 'axes' },
    simplify: (node) => {
      const x = node.inputs[0]!;
      const axes = axesOf(node.attributes['axes'] as readonly number[] | undefined, x.shape.length);
      if (!axes.every((a) => x.shape[a] === 1)) return undefined;
      return reshape(name === 'ReduceSumSquare' ? mul(x, x) : x, node.outputs[0]!.shape);
    },
  };
}

// dx = dy, spread
export const REDUCE_SUM: OpDef = reduceDef('ReduceSum', 13, ({ x, dy }) => expand(dy, x.shape));
// dx = dy / n, spread
export const REDUCE_MEAN: OpDef = reduceDef('ReduceMean', 18, ({ x, dy, attributes }) =>
  expand(div(dy, size(countOf(x, attributes))), x.shape),
);
// dx = 2 dy ⊙ x
export const REDUCE_SUM_SQUARE: OpDef = reduceDef('ReduceSumSquare', 18, ({ x, dy }) => mul(mul(dy, scalar(2)), x));
// dx = dy at the largest; equal ones share it
const extreme: Rule = ({ x, y, dy, attributes }) => {
  const hit = cast(equal(x, y), 'float32');
  const axes = attributes['axes'] as readonly number[] | undefined;
  return mul(hit, div(dy, reduceSum(hit, axes)));
};
export const REDUCE_MAX: OpDef = reduceDef('ReduceMax', 20, extreme);
export const REDUCE_MIN: OpDef = reduceDef('ReduceMin', 20, extreme);

/** A count as a float32 value; it must be known when tracing. */
export function size(count: Dim): Value {
  if (typeof count !== 'number') throw shapeFault(`expected a known number of elements, got ${count.key}.`);
  return scalar(count);
}

export const ARG_MAX: OpDef = {
  name: 'ArgMax',
  domain: '',
  since: 13,
  shape: (inputs, a) => {
    const x = at(inputs, 0);
    const axis = axisOf(a['axis'] as number, x.shape.length);
    return [{ shape: reduced(x.shape, { axes: [axis], keepdims: a['keepdims'] }), dtype: 'int64' }];
  },
  vjp: null,
  attributes: { axis: 'int', keepdims: 'int' },
};

type Axes = readonly number[] | undefined;
const reducer =
  (def: OpDef) =>
  (x: Value, axes?: Axes, keepdims = true): Value =>
    emit1(def, [x], { axes: axesOf(axes, x.shape.length), keepdims: keepdims ? 1 : 0 });
type Reducer = (x: Value, axes?: Axes, keepdims?: boolean) => Value;

export const reduceSum: Reducer = reducer(REDUCE_SUM);
export const reduceMean: Reducer = reducer(REDUCE_MEAN);
export const reduceSumSquare: Reducer = reducer(REDUCE_SUM_SQUARE);
export const reduceMax: Reducer = reducer(REDUCE_MAX);
export const reduceMin: Reducer = reducer(REDUCE_MIN);

/** Index of the first largest element along an axis, int64. */
export function argMax(x: Value, axis: number, keepdims = false): Value {
  return emit1(ARG_MAX, [x], { axis, keepdims: keepdims ? 1 : 0 });
}

/** Sums a broadcast value back to the shape it was broadcast from. */
export function reduceTo(g: Value, shape: readonly Dim[]): Value {
  if (sameDims(g.shape, shape)) return g;
  const extra = g.shape.length - shape.length;
  const axes = g.shape.flatMap((d, i) => (i < extra || (shape[i - extra] === 1 && d !== 1) ? [i] : []));
  return reshape(axes.length > 0 ? reduceSum(g, axes) : g, shape);
}

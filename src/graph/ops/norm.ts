import { sameDims, showDims } from '../dimension.ts';
import { emit1, filled, scalar } from '../trace.ts';
import type { Node, OpDef, Value } from '../value.ts';
import { at, axisOf, batchAxes, likeFirst, shapeFault } from './common.ts';
import { ADD, add, div, exp, mul, neg, reciprocal, sqrt, sub } from './elementwise.ts';
import { reshape } from './layout.ts';
import { matMul } from './matrix.ts';
import { projectedStatistics, projectionNormalization, projectionOf } from './projection-norm.ts';
import { reduceMax, reduceMean, reduceSum, reduceSumSquare, reduceTo, size } from './reduce.ts';

/** A per-channel vector [C] as [1, C, 1, ..] of x's rank. */
function perChannel(v: Value, x: Value): Value {
  return reshape(
    v,
    x.shape.map((d, i) => (i === 1 ? d : 1)),
  );
}

/** What batch norm knows of x [N, C, ..]: mean [C], variance [C] (divided by the count), and the count. */
export interface BatchStatistics {
  readonly mean: Value;
  readonly variance: Value;
  readonly count: Value;
}

/** Statistics of each channel in two passes, since E[x²] − E[x]² loses its digits where the mean is large. */
export function batchStatistics(x: Value): BatchStatistics {
  const projection = projectionOf(x);
  return projection ? projectedStatistics(projection) : centredStatistics(x);
}

/** The same and x less its mean. */
function centredStatistics(x: Value): BatchStatistics & { readonly centred: Value } {
  const axes = batchAxes(x);
  const count = size(axes.reduce((n, a) => n * (x.shape[a] as number), 1));
  const mean = reduceMean(x, axes, false);
  const centred = sub(x, perChannel(mean, x));
  return { mean, variance: div(channelDot(centred, centred), count), centred, count };
}

/**
 * Σ a b over all axes but the channels, [C]. Long rows are products of matrices with one row each, which the engine
 * reads once and writes nowhere; for short ones the product elementwise and a sum cost less.
 */
function channelDot(a: Value, b: Value): Value {
  const [n, c, ...space] = a.shape as number[];
  const positions = space.reduce((x, y) => x * y, 1);
  const axes = batchAxes(a);
  if (positions < 128) return a === b ? reduceSumSquare(a, axes, false) : reduceSum(mul(a, b), axes, false);
  const rows = (v: Value): Value => reshape(v, [n!, c!, 1, positions]);
  return reshape(reduceSum(matMul(rows(a), rows(b), { transB: true }), [0]), [c!]);
}

function isTraining(node: Node): boolean {
  return node.attributes['training_mode'] === 1;
}

/**
 * y = scale (x − mean) / √(variance + epsilon) + bias per channel. With `training_mode` mean and variance are those of
 * x itself (its derivative knows that) and the inputs for them are not read.
 */
export const BATCH_NORMALIZATION: OpDef = {
  name: 'BatchNormalization',
  domain: '',
  since: 15,
  shape: (inputs) => {
    const x = at(inputs, 0);
    for (let i = 1; i < 5; i++) {
      const v = inputs[i];
      if (v && !sameDims(v.shape, x.shape.slice(1, 2))) {
        throw shapeFault(
          `expected ${showDims(x.shape.slice(1, 2))} for scale, bias, mean and variance, got ${showDims(v.shape)}.`,
        );
      }
    }
    return likeFirst(inputs);
  },
  vjp: ({ node, inputs, dy, needs }) =>
    isTraining(node) ? trainingGradient(node, inputs, dy[0]!) : inferenceGradient(node, inputs, dy[0]!, needs),
  attributes: { epsilon: 'float', momentum: 'float', training_mode: 'int' },
  // With batch statistics: two reductions, then the inference operator in one pass.
  legalise: (node) => {
    if (!isTraining(node)) return undefined;
    const [x, scale, bias] = node.inputs as readonly Value[];
    const { variance, centred } = centredStatistics(x!);
    const zero = filled(0, x!.shape.slice(1, 2) as readonly number[]);
    return [batchNormalization(centred, scale!, bias!, zero, variance, node.attributes['epsilon'] as number)];
  },
};

// With r = (variance + ε)^−½: dx = dy s r; ds = Σ dy (x − m) r; db = Σ dy; dm = −s r Σ dy; dv = −½ s r³ Σ dy (x − m)
function inferenceGradient(
  node: Node,
  inputs: readonly Value[],
  dy: Value,
  needs: (i: number) => boolean,
): (Value | undefined)[] {
  const [x, s, , m, v] = inputs as readonly [Value, Value, Value, Value, Value];
  const r = reciprocal(sqrt(add(v, scalar(node.attributes['epsilon'] as number))));
  const axes = batchAxes(x);
  const total = reduceSum(dy, axes, false);
  const product = (): Value => sub(channelDot(dy, x), mul(m, total)); // Σ dy (x − m)
  return [
    needs(0) ? mul(dy, perChannel(mul(s, r), x)) : undefined,
    needs(1) ? mul(product(), r) : undefined,
    needs(2) ? total : undefined,
    needs(3) ? neg(mul(mul(s, r), total)) : undefined,
    needs(4) ? mul(mul(mul(s, mul(r, mul(r, r))), product()), scalar(-0.5)) : undefined,
  ];
}

// With x' = x − m and x̂ = x' r over n elements a channel: ds = Σ dy x̂; db = Σ dy; dx = s r (dy − db / n − x̂ ds / n),
// written as s r (dy + b x' + c), b = −r ds / n, c = −db / n: the factor comes last, so that a convolution can take it up
function trainingGradient(node: Node, inputs: readonly Value[], dy: Value): (Value | undefined)[] {
  const [x, s] = inputs as readonly [Value, Value];
  const { variance, centred, count } = centredStatistics(x);
  const r = reciprocal(sqrt(add(variance, scalar(node.attributes['epsilon'] as number))));
  const db = reduceSum(dy, batchAxes(x), false);
  const ds = mul(channelDot(dy, centred), r);
  const b = neg(div(mul(r, ds), count));
  const c = neg(div(db, count));
  const dx = mul(add(dy, affine(centred, b, c)), perChannel(mul(s, r), x));
  return [dx, ds, db, undefined, undefined];
}

/** b x + c per channel in one pass: batch norm with mean 0 and a variance that makes its root 1. */
function affine(x: Value, b: Value, c: Value): Value {
  const channels = x.shape.slice(1, 2);
  const zero = filled(0, channels as readonly number[]);
  const one = filled(1, channels as readonly number[]);
  return batchNormalization(x, b, c, zero, one, 0);
}

/** Batch norm with given statistics. x [N, C, ..]; the rest [C]. */
export function batchNormalization(
  x: Value,
  scale: Value,
  bias: Value,
  mean: Value,
  variance: Value,
  epsilon: number,
): Value {
  return emit1(BATCH_NORMALIZATION, [x, scale, bias, mean, variance], { epsilon, momentum: 0.9, training_mode: 0 });
}

/** Batch norm with the statistics of x itself. x [N, C, ..]; scale and bias [C]. */
export function batchNormalizationTraining(x: Value, scale: Value, bias: Value, epsilon: number): Value {
  const projection = projectionOf(x);
  if (projection) return projectionNormalization(projection, scale, bias, epsilon);
  return emit1(BATCH_NORMALIZATION, [x, scale, bias, scale, scale], { epsilon, momentum: 0.9, training_mode: 1 });
}

/** y = scale x̂ + bias with x̂ = (x − mean) / √(variance + epsilon), over all axes from `axis` on. */
export const LAYER_NORMALIZATION: OpDef = {
  name: 'LayerNormalization',
  domain: '',
  since: 17,
  shape: (inputs) => likeFirst(inputs),
  // dx = r (g − mean g − x̂ mean(g x̂)), g = dy ⊙ scale; dscale = Σ dy x̂; dbias = Σ dy
  vjp: ({ node, inputs, dy, needs }) => {
    const [x, scale, bias] = inputs;
    const from = axisOf(node.attributes['axis'] as number, x!.shape.length);
    const axes = x!.shape.flatMap((_, i) => (i >= from ? [i] : []));
    const centred = sub(x!, reduceMean(x!, axes));
    const variance = reduceMean(mul(centred, centred), axes);
    const r = reciprocal(sqrt(add(variance, scalar(node.attributes['epsilon'] as number))));
    const normal = mul(centred, r);
    const g = mul(dy[0]!, scale!);
    const dx = (): Value => mul(sub(sub(g, reduceMean(g, axes)), mul(normal, reduceMean(mul(g, normal), axes))), r);
    return [
      needs(0) ? dx() : undefined,
      needs(1) ? reduceTo(mul(dy[0]!, normal), scale!.shape) : undefined,
      bias && needs(2) ? reduceTo(dy[0]!, bias.shape) : undefined,
    ];
  },
  attributes: { axis: 'int', epsilon: 'float' },
};

/** Layer norm over the axes from `axis` on; scale and bias have the shape of those axes. */
export function layerNormalization(x: Value, scale: Value, bias: Value, axis: number, epsilon: number): Value {
  return emit1(LAYER_NORMALIZATION, [x, scale, bias], { axis, epsilon });
}

export const SOFTMAX: OpDef = {
  name: 'Softmax',
  domain: '',
  since: 13,
  shape: likeFirst,
  // dx = y ⊙ (dy − Σ_axis dy ⊙ y)
  vjp: ({ node, outputs, dy }) => {
    const y = outputs[0]!;
    const axis = node.attributes['axis'] as number;
    return [mul(y, sub(dy[0]!, reduceSum(mul(dy[0]!, y), [axis])))];
  },
  attributes: { axis: 'int' },
  // What is added alike along the axis changes nothing.
  simplify: (node) => {
    const x = node.inputs[0]!;
    const axis = (node.attributes['axis'] as number) - x.shape.length;
    if (x.node.def !== ADD) return undefined;
    const [a, b] = x.node.inputs as readonly [Value, Value];
    const alike = (v: Value): boolean => (v.shape[v.shape.length + axis] ?? 1) === 1;
    const rest = alike(b) ? a : alike(a) ? b : undefined;
    return rest && sameDims(rest.shape, x.shape) ? softmax(rest, axis) : undefined;
  },
  // The engine turns the map so that the axis lies last, and back; pass by pass it need not.
  elsewhere: { cpu: innerSoftmax, wasm: innerSoftmax },
};

/** Positions behind the axis from which on passes over whole rows cost less than turning the map. */
const LONG_ROW = 32;

/** e^(x − max) / Σ e^(x − max) along an axis with long rows behind it. */
function innerSoftmax(node: Node): readonly Value[] | undefined {
  const x = node.inputs[0]!;
  const axis = node.attributes['axis'] as number;
  const behind = x.shape.slice(axis + 1).reduce<number>((n, d) => (typeof d === 'number' ? n * d : 0), 1);
  if (behind < LONG_ROW) return undefined;
  const e = exp(sub(x, reduceMax(x, [axis])));
  return [div(e, reduceSum(e, [axis]))];
}

export const LOG_SOFTMAX: OpDef = {
  name: 'LogSoftmax',
  domain: '',
  since: 13,
  shape: likeFirst,
  // dx = dy − e^y Σ_axis dy
  vjp: ({ node, outputs, dy }) => {
    const axis = node.attributes['axis'] as number;
    return [sub(dy[0]!, mul(exp(outputs[0]!), reduceSum(dy[0]!, [axis])))];
  },
  attributes: { axis: 'int' },
};

/** Softmax along an axis. */
export function softmax(x: Value, axis: number): Value {
  return emit1(SOFTMAX, [x], { axis: axisOf(axis, x.shape.length) });
}

/** Logarithm of the softmax along an axis. */
export function logSoftmax(x: Value, axis: number): Value {
  return emit1(LOG_SOFTMAX, [x], { axis: axisOf(axis, x.shape.length) });
}

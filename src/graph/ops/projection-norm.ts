import { sameDims, showDims } from '../dimension.ts';
import { emit1, scalar } from '../trace.ts';
import type { OpDef, Value } from '../value.ts';
import { at, batchAxes, shapeFault } from './common.ts';
import { CONV, type ConvAttributes, conv } from './conv.ts';
import { convWeightGradient } from './conv-gradient.ts';
import { add, div, max, mul, neg, reciprocal, sqrt, sub } from './elementwise.ts';
import { reshape, transpose } from './layout.ts';
import { matMul } from './matrix.ts';
import { reduceMean, reduceSum, size } from './reduce.ts';

/** A projection of channels: x = W u at every position, u [N, C, ..], w [O, C, 1, ..], without a bias. */
export interface Projection {
  readonly u: Value;
  readonly w: Value;
}

/**
 * Products with the covariance of u and with W again cost 2 C² (L + O) multiply-adds more, L being the positions of all
 * images; passes over x, of which a dozen are saved, L O elements. With what the engine multiplies and moves in a second
 * on the CPU the products cost less while C² (L + O) / (L O) is below this.
 */
const WORTH = 60;

/** The projection that a value is, where its batch statistics had better come from those of what is projected. */
export function projectionOf(x: Value): Projection | undefined {
  const { def, inputs, attributes } = x.node;
  const [u, w, bias] = inputs;
  if (def !== CONV || !u || !w || bias) return undefined;
  if ([...u.shape, ...w.shape].some((d) => typeof d !== 'number')) return undefined;
  const a = attributes as unknown as ConvAttributes;
  const [o, c, ...kernel] = w.shape as number[];
  const plain = a.group === 1 && [...kernel, ...a.strides].every((v) => v === 1) && a.pads.every((v) => v === 0);
  const l = (u.shape as number[]).reduce((n, d) => n * d, 1) / c!;
  return plain && c! * c! * (1 / o! + 1 / l) <= WORTH ? { u, w } : undefined;
}

/** What a projection x = W u knows of itself without being computed. */
export interface ProjectedStatistics {
  /** [O] */
  readonly mean: Value;
  /** [O], divided by the count. */
  readonly variance: Value;
  /** Elements of a channel. */
  readonly count: Value;
  /** u less its mean, of u's shape. */
  readonly centred: Value;
  /** W Σ ũ ũᵀ, [O, C]. */
  readonly weighted: Value;
}

function matrix(w: Value): Value {
  return reshape(w, w.shape.slice(0, 2));
}

/** The mean of W u is W ū; its variance is the diagonal of W cov(u) Wᵀ. */
export function projectedStatistics({ u, w }: Projection): ProjectedStatistics {
  const [o, c, ...kernel] = w.shape as readonly number[];
  const axes = batchAxes(u);
  const count = size(axes.reduce((n, a) => n * (u.shape[a] as number), 1));
  const average = reduceMean(u, axes);
  const centred = sub(u, average);
  const products = matrix(convWeightGradient(centred, [c!, c!, ...kernel], centred, plainAttributes(u))); // Σ ũ ũᵀ, [C, C]
  const weighted = matMul(matrix(w), products);
  const mean = reshape(matMul(matrix(w), reshape(average, [c!, 1])), [o!]);
  // Where terms cancel rounding may leave less than nothing, of which there is no root.
  const variance = max(div(rowDot(weighted, matrix(w)), count), scalar(0));
  return { mean, variance, count, centred, weighted };
}

/** Σ_c a[o, c] b[o, c], [O] */
function rowDot(a: Value, b: Value): Value {
  return reduceSum(mul(a, b), [1], false);
}

/** Attributes of a projection as a convolution of x's rank. */
function plainAttributes(x: Value): ConvAttributes {
  const ones = x.shape.slice(2).map(() => 1);
  return { strides: ones, dilations: ones, pads: [...ones, ...ones].map(() => 0), group: 1 };
}

/** a[o] w[o, c] for a factor a row, of w's shape. */
function scaled(w: Value, factor: Value): Value {
  return reshape(mul(matrix(w), reshape(factor, [w.shape[0]!, 1])), w.shape);
}

/** w [O, C, 1, ..] as the weights [C, O, 1, ..] that project back. */
function turned(w: Value): Value {
  return transpose(w, [1, 0, ...w.shape.slice(2).map((_, i) => i + 2)]);
}

/**
 * Batch norm with batch statistics of a projection, y = s r (x − mean) + b with x = W u and r = (variance + ε)^−½. The
 * statistics come from those of u, so that x is never made: y is a projection of u less its mean, with weights s r W.
 */
export const PROJECTION_NORMALIZATION: OpDef = {
  name: 'projectionNormalization',
  domain: 'farsight',
  since: 1,
  shape: (inputs) => {
    const [u, w, scale, bias] = [at(inputs, 0), at(inputs, 1), at(inputs, 2), at(inputs, 3)];
    const channels = w.shape.slice(0, 1);
    if (![scale, bias].every((v) => sameDims(v.shape, channels))) {
      throw shapeFault(`expected [${showDims(channels)}] for scale and bias, got ${showDims(scale.shape)}.`);
    }
    return [{ shape: [u.shape[0]!, channels[0]!, ...u.shape.slice(2)], dtype: u.dtype }];
  },
  // With ũ = u − ū, n elements a channel, a = s r, G = Σ dy ũᵀ, P = W Σ ũ ũᵀ: db = Σ dy; ds = r diag(G Wᵀ);
  // dx = a (dy + e x̃ + f), e = −r ds / n, f = −db / n; with x̃ = W ũ: dW = a (G + e P); du = Wᵀ dx
  vjp: ({ node, inputs, dy, needs }) => {
    const [u, w, s] = inputs as readonly [Value, Value, Value];
    const { variance, count, centred, weighted } = projectedStatistics({ u, w });
    const r = reciprocal(sqrt(add(variance, scalar(node.attributes['epsilon'] as number))));
    const a = mul(s, r);
    const outer = matrix(convWeightGradient(centred, w.shape as readonly number[], dy[0]!, plainAttributes(u)));
    const db = reduceSum(dy[0]!, batchAxes(dy[0]!), false);
    const ds = mul(rowDot(outer, matrix(w)), r);
    const e = neg(div(mul(r, ds), count));
    const f = neg(div(db, count));
    const dw = (): Value => scaled(reshape(add(outer, mul(weighted, reshape(e, [-1, 1]))), w.shape), a);
    return [
      needs(0) ? inputGradient({ u: centred, w }, dy[0]!, { a, e, f }) : undefined,
      needs(1) ? dw() : undefined,
      ds,
      db,
    ];
  },
  attributes: {},
  legalise: (node) => {
    const [u, w, s, b] = node.inputs as readonly [Value, Value, Value, Value];
    const { variance, centred } = projectedStatistics({ u, w });
    const r = reciprocal(sqrt(add(variance, scalar(node.attributes['epsilon'] as number))));
    return [alongOneAxis(centred, scaled(w, mul(s, r)), b)];
  },
};

/** Wᵀ a (dy + e W u + f): a projection of dy back, one of u with Wᵀ (a e) W, and a constant a channel. */
function inputGradient(
  { u, w }: Projection,
  dy: Value,
  { a, e, f }: { readonly a: Value; readonly e: Value; readonly f: Value },
): Value {
  const [o, c] = w.shape as readonly number[];
  const back = turned(scaled(w, a)); // [C, O, 1, ..]
  const again = matMul(matrix(back), mul(matrix(w), reshape(e, [o!, 1]))); // [C, C]
  const rest = reshape(matMul(matrix(back), reshape(f, [o!, 1])), [c!]);
  const kernel = w.shape.slice(2);
  return add(alongOneAxis(dy, back), alongOneAxis(u, reshape(again, [c!, c!, ...kernel]), rest));
}

/**
 * The projection of u by w as a convolution along one axis of all positions. The engine then leaves an addition that
 * follows by itself, which costs less than within the convolution.
 */
function alongOneAxis(u: Value, w: Value, bias?: Value): Value {
  const [n, c, ...space] = u.shape as readonly number[];
  const o = w.shape[0] as number;
  const line = reshape(u, [n!, c!, space.reduce((a, b) => a * b, 1)]);
  return reshape(conv(line, reshape(w, [o, c!, 1]), bias ? { bias } : {}), [n!, o, ...space]);
}

/** Batch norm of a projection with its own batch statistics. u [N, C, ..], w [O, C, 1, ..]; scale and bias [O]. */
export function projectionNormalization(projection: Projection, scale: Value, bias: Value, epsilon: number): Value {
  return emit1(PROJECTION_NORMALIZATION, [projection.u, projection.w, scale, bias], { epsilon });
}

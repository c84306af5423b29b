import { Fault } from '../../core/fault.ts';
import { float32 } from '../../core/tensor.ts';
import { type Dim, productDim, sameDim, subDim } from '../dimension.ts';
import { abs, add, div, max, mul, relu, sub } from '../ops/elementwise.ts';
import { gather } from '../ops/indexing.ts';
import { expand, pad, reshape, transpose } from '../ops/layout.ts';
import { matMul } from '../ops/matrix.ts';
import { softmax } from '../ops/norm.ts';
import { reduceMean, reduceSum } from '../ops/reduce.ts';
import { constant, scalar } from '../trace.ts';
import type { Value } from '../value.ts';
import { joinHeads, type Sharing, splitHeads } from './heads.ts';
import type { Site } from './record.ts';
import { insideOf, unfold } from './window.ts';

/** How the heads of a use share its values' channels. */
function sharingOf({ heads, runs, layout }: Site): Sharing {
  return { heads, runs, layout };
}

/** The values by head, [N, heads, V, L]. */
export function valuesOf(site: Site): Value {
  return splitHeads(site.values, sharingOf(site));
}

/** A result by head as the use gives it: [N, heads, V, Q or 1] → [N, heads · V, ..], or with channels last. */
export function mergeHeads(y: Value, site: Site): Value {
  const [n, heads, v] = y.shape as readonly [Dim, Dim, Dim, Dim];
  const full = sameDim(y.shape[3]!, site.q) ? y : expand(y, [n, heads, v, site.q]);
  return joinHeads(full, sharingOf(site), site.affinity.querySpace);
}

/** x / count, also where the count is known only when the graph runs: then by the mean of one 1 among zeros. */
export function overCount(x: Value, count: Dim): Value {
  if (typeof count === 'number') return div(x, scalar(count));
  return mul(x, reduceMean(pad(constant(float32([1], [1])), [0], [subDim(count, 1)]), [0], false));
}

/** The tensors of a use that reads everywhere, in the form [N, heads, .., ..]. */
export interface Parts {
  /** [N or 1, heads, D, Q] */
  readonly queries?: Value | undefined;
  /** [N, heads, D, L] */
  readonly keys?: Value | undefined;
  /** [N or 1, heads, Q or 1, L] */
  readonly scores?: Value | undefined;
  readonly prior?: Value | undefined;
  readonly mask?: Value | undefined;
}

/** The parts of a use. */
export function partsOf(site: Site): Parts {
  const { heads, layout, scores, prior, mask } = site;
  const split = (x: Value | undefined): Value | undefined => x && splitHeads(x, { heads, runs: heads, layout });
  return { queries: split(site.queries), keys: split(site.keys), scores, prior, mask };
}

/** Scores before the prior: [N, heads, Q, L]. */
function compare(parts: Parts, site: Site): Value {
  const { score } = site.affinity;
  switch (score.kind) {
    case 'dot-product':
      return products(parts.queries!, parts.keys!, score.scale);
    case 'squared-difference':
    case 'absolute-difference': {
      const [n, heads, d, q] = parts.queries!.shape as [Dim, Dim, Dim, Dim];
      const [m, , , l] = parts.keys!.shape as [Dim, Dim, Dim, Dim];
      const column = reshape(parts.queries!, [n, heads, d, q, 1]);
      return distance(score, column, reshape(parts.keys!, [m, heads, d, 1, l]));
    }
    case 'concatenation': {
      const [n, heads, , q] = parts.queries!.shape as [Dim, Dim, Dim, Dim];
      const column = reshape(parts.queries!, [n, heads, q, 1]);
      return relu(add(column, parts.keys!)); // [N, heads, Q, 1] + [N, heads, 1, L]
    }
    case 'given':
      return parts.scores!;
    case 'none':
      return expand(scalar(site.affinity.normalise === 'softmax' ? 0 : 1), [1, 1, 1, site.l]);
    default:
      return score satisfies never;
  }
}

type Difference = { readonly kind: 'squared-difference' | 'absolute-difference'; readonly scale: number };

/** −scale · Σ_d (q − k)² or |q − k|, over axis 2. */
function distance({ kind, scale }: Difference, queries: Value, keys: Value): Value {
  const apart = sub(queries, keys);
  const terms = kind === 'squared-difference' ? mul(apart, apart) : abs(apart);
  const one = terms.shape[2] === 1;
  const sum = one
    ? reshape(terms, [...terms.shape.slice(0, 2), ...terms.shape.slice(3)])
    : reduceSum(terms, [2], false);
  return mul(sum, scalar(-scale));
}

/** scale · Qᵀ K: queries [N, heads, D, Q], keys [N, heads, D, L] → [N, heads, Q, L]. */
function products(queries: Value, keys: Value, scale: number): Value {
  const [n, heads, d, q] = queries.shape as [Dim, Dim, Dim, Dim];
  const single = q === 1; // a column is a row without being transposed
  return matMul(single ? reshape(queries, [n, heads, 1, d]) : queries, keys, { transA: !single, alpha: scale });
}

/** The weights with which each query of `parts` reads: [N, heads, Q, L] (fewer where a map is shared). */
export function weightsOf(parts: Parts, site: Site): Value {
  const scores = compare(parts, site);
  return normalised(parts.prior ? add(scores, parts.prior) : scores, { site, axis: 3, mask: parts.mask });
}

/** Makes the logit of what may not be read so small that nothing is left of its exponential. */
const NEVER = 1e9;

interface Normalising {
  readonly site: Site;
  /** The axis of what is read. */
  readonly axis: number;
  /** 1 where a query may read. */
  readonly mask: Value | undefined;
}

function normalised(scores: Value, { site, axis, mask }: Normalising): Value {
  const { normalise } = site.affinity;
  switch (normalise) {
    case 'softmax': {
      if (!mask) return softmax(scores, axis);
      return mul(softmax(add(scores, mul(sub(mask, scalar(1)), scalar(NEVER))), axis), mask);
    }
    case 'count': {
      if (!mask) return overCount(scores, site.l);
      const full = expand(
        mask,
        [0, 1, 2, 3].map((i) => (i === axis ? site.l : 1)),
      );
      return div(mul(scores, mask), max(reduceSum(full, [axis], true), scalar(1)));
    }
    case 'none':
      return mask ? mul(scores, mask) : scores;
    default:
      return normalise satisfies never;
  }
}

/** Reads with given weights: values [N, heads, V, L], weights [N, heads, Q, L] → [N, heads, V, Q]. */
export function readWith(values: Value, weights: Value): Value {
  return matMul(values, weights, { transB: true });
}

/** The tensors of a use that reads K positions for each query, each tensor with the read positions first. */
export interface LocalParts {
  /** [N or 1, heads, D, 1, Q] */
  readonly queries?: Value | undefined;
  /** [N, heads, D, K, Q] */
  readonly keys?: Value | undefined;
  /** [N or 1, heads or 1, K, Q or 1] */
  readonly scores?: Value | undefined;
  readonly prior?: Value | undefined;
  readonly mask?: Value | undefined;
  /** 1 where a place of the window lies on the map, 0 beyond its border: [1, 1, K, Q]. */
  readonly inside?: Value | undefined;
}

/** A map of a use that reads a window, [N, C, ..], by head and place: [N, heads, C / heads, K, Q]. */
export function unfoldHeads(x: Value, site: Site, runs: number): Value {
  const { heads, layout, window } = site;
  const split = splitHeads(x, { heads, runs, layout }); // [N, heads, D, L]
  const [n, , d] = split.shape as [Dim, Dim, Dim, Dim];
  const map = reshape(split, [n, heads * (d as number), ...site.space]);
  return reshape(unfold(map, window!), [n, heads, d, site.l, site.q]);
}

/** The parts of a use that reads a window. */
export function localPartsOf(site: Site): LocalParts {
  const { heads, layout, scores, prior, mask, window, space } = site;
  const { queries } = partsOf(site);
  const keys = site.keys && unfoldHeads(site.keys, { ...site, heads, layout }, heads);
  const border = window!.outside !== 'zero';
  return {
    queries: queries && reshape(queries, [...queries.shape.slice(0, 3), 1, site.q]),
    ...{ keys, scores, prior, mask },
    inside: border ? insideOf(space, window!) : undefined,
  };
}

/** The weights with which each query reads the places of its window: [N, heads, K, Q] (fewer where a map is shared). */
export function localWeightsOf(parts: LocalParts, site: Site): Value {
  const outside = site.window?.outside ?? 'zero';
  const compared = compareLocally(parts, site);
  const { inside, prior } = parts;
  const scores =
    inside && typeof outside === 'number'
      ? add(mul(compared, inside), mul(sub(scalar(1), inside), scalar(outside)))
      : compared;
  const allowed = inside && outside === 'excluded' ? (parts.mask ? mul(parts.mask, inside) : inside) : parts.mask;
  return normalised(prior ? add(scores, prior) : scores, { site, axis: 2, mask: allowed });
}

function compareLocally(parts: LocalParts, site: Site): Value {
  const { score, normalise } = site.affinity;
  const { queries, keys } = parts;
  switch (score.kind) {
    case 'dot-product':
      return mul(reduceSum(mul(queries!, keys!), [2], false), scalar(score.scale));
    case 'squared-difference':
    case 'absolute-difference':
      return distance(score, queries!, keys!);
    case 'concatenation':
      return relu(reduceSum(add(queries!, keys!), [2], false));
    case 'given':
      return parts.scores!;
    case 'none':
      return expand(scalar(normalise === 'softmax' ? 0 : 1), [1, 1, site.l, 1]);
    default:
      return score satisfies never;
  }
}

/** The plain way: all weights at once, windows with a copy of the values for each of their places. */
export function readPlainly(site: Site): Value {
  switch (site.affinity.reads.kind) {
    case 'everywhere':
      return mergeHeads(readWith(valuesOf(site), weightsOf(partsOf(site), site)), site);
    case 'window': {
      const weights = localWeightsOf(localPartsOf(site), site); // [N, heads, K, Q]
      const [n, heads, k, q] = weights.shape as [Dim, Dim, Dim, Dim];
      const values = unfoldHeads(site.values, site, site.runs); // [N, heads, V, K, Q]
      const shared = reshape(weights, [n, heads, 1, k, q]);
      return mergeHeads(reduceSum(mul(values, shared), [3], false), site);
    }
    case 'along':
      throw new Fault(
        'graph',
        `${site.path}: expected what reads along axes to be folded. Call lowerAggregates first.`,
      );
    default:
      return site.affinity.reads satisfies never;
  }
}

/** The chosen queries along an axis; what has one for all stays as it is. */
export function pick(x: Value, queries: Value, axis: number): Value {
  return x.shape[axis] === 1 ? x : gather(x, queries, axis);
}

/** A map with its last two axes exchanged. */
export function turned(x: Value): Value {
  return transpose(x, [0, 1, 3, 2]);
}

/** Elements of the queries' axes. */
export function queriesOf(site: Site): Dim {
  return productDim(site.affinity.querySpace);
}

import { float32 } from '../../core/tensor.ts';
import { type Dim, productDim, subDim } from '../dimension.ts';
import { add, div, mul, relu } from '../ops/elementwise.ts';
import { gather } from '../ops/indexing.ts';
import { expand, pad, reshape } from '../ops/layout.ts';
import { matMul } from '../ops/matrix.ts';
import { softmax } from '../ops/norm.ts';
import { reduceMean } from '../ops/reduce.ts';
import { constant, scalar } from '../trace.ts';
import type { Value } from '../value.ts';
import type { Site } from './record.ts';

/** A tensor [N, heads · C, ..] as [N, heads, C, L]. */
export function splitHeads(x: Value, heads: number): Value {
  const [n, c, ...space] = x.shape;
  return reshape(x, [n!, heads, (c as number) / heads, productDim(space)]);
}

/** What {@link splitHeads} did, undone: [N, heads, V, Q] → [N, heads · V, ...querySpace]. */
export function mergeHeads(y: Value, site: Site): Value {
  return reshape(y, [site.n, site.heads * site.v, ...site.affinity.querySpace]);
}

/** x / count, also where the count is known only when the graph runs: then by the mean of one 1 among zeros. */
export function overCount(x: Value, count: Dim): Value {
  if (typeof count === 'number') return div(x, scalar(count));
  return mul(x, reduceMean(pad(constant(float32([1], [1])), [0], [subDim(count, 1)]), [0], false));
}

/** The tensors of a use with queries, keys and maps in the form [N, heads, .., ..]. */
export interface Parts {
  /** [N or 1, heads, D, Q] */
  readonly queries?: Value | undefined;
  /** [N, heads, D, L] */
  readonly keys?: Value | undefined;
  /** [N or 1, heads, Q or 1, L] */
  readonly scores?: Value | undefined;
  readonly prior?: Value | undefined;
}

/** The parts of a use. */
export function partsOf(site: Site): Parts {
  const split = (x: Value | undefined): Value | undefined => x && splitHeads(x, site.heads);
  return { queries: split(site.queries), keys: split(site.keys), scores: site.scores, prior: site.prior };
}

/** Scores with the prior, before they are normalised: [N, heads, Q, L]. */
function logits(parts: Parts, site: Site): Value {
  const { score } = site.affinity;
  const compare = (): Value => {
    switch (score.kind) {
      case 'dot-product':
        return products(parts.queries!, parts.keys!, score.scale);
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
  };
  return parts.prior ? add(compare(), parts.prior) : compare();
}

/** scale · Qᵀ K: queries [N, heads, D, Q], keys [N, heads, D, L] → [N, heads, Q, L]. */
function products(queries: Value, keys: Value, scale: number): Value {
  const [n, heads, d, q] = queries.shape as [Dim, Dim, Dim, Dim];
  const single = q === 1; // a column is a row without being transposed
  return matMul(single ? reshape(queries, [n, heads, 1, d]) : queries, keys, { transA: !single, alpha: scale });
}

/** The weights with which each query of `parts` reads: [N, heads, Q, L] (fewer where a map is shared). */
export function weightsOf(parts: Parts, site: Site): Value {
  const scores = logits(parts, site);
  const { normalise } = site.affinity;
  switch (normalise) {
    case 'softmax':
      return softmax(scores, 3);
    case 'count':
      return overCount(scores, site.l);
    case 'none':
      return scores;
    default:
      return normalise satisfies never;
  }
}

/** Reads with given weights: values [N, heads, V, L], weights [N, heads, Q, L] → [N, heads, V, Q]. */
export function readWith(values: Value, weights: Value): Value {
  return matMul(values, weights, { transB: true });
}

/** The whole affinity, [N, heads, Q, L]: N heads Q L numbers, made only when something asks for them. */
export function affinityOf(site: Site): Value {
  return weightsOf(partsOf(site), site);
}

/**
 * Rows of the affinity for chosen queries. `queries` int64 [R], positions in one line → [N, heads, R, L]; a map that
 * all queries share gives its single row. No other row is computed.
 */
export function affinityRows(site: Site, queries: Value): Value {
  const parts = partsOf(site);
  return weightsOf(
    {
      keys: parts.keys,
      queries: parts.queries && pick(parts.queries, queries, 3),
      scores: parts.scores && pick(parts.scores, queries, 2),
      prior: parts.prior && pick(parts.prior, queries, 2),
    },
    site,
  );
}

/** The chosen queries along an axis; what has one for all stays as it is. */
function pick(x: Value, queries: Value, axis: number): Value {
  return x.shape[axis] === 1 ? x : gather(x, queries, axis);
}

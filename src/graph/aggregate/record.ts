import { Fault } from '../../core/fault.ts';
import { type Dim, mulDim, productDim, sameDim, sameDims, showDims } from '../dimension.ts';
import { at, sameDType, shapeFault } from '../ops/common.ts';
import { emit1 } from '../trace.ts';
import type { Attributes, Node, OpDef, OutputType, Value } from '../value.ts';

/** What a query reads. */
export type Reads = {
  /** Every position of the keys and values, over any number of axes. */
  readonly kind: 'everywhere';
};

/** How a query and a key are compared. */
export type Score =
  /** scale · qᵀk, head by head. */
  | { readonly kind: 'dot-product'; readonly scale: number }
  /** ReLU(a_i + b_j), with queries and keys already projected to one number a head and position. */
  | { readonly kind: 'concatenation' }
  /** A tensor from elsewhere; with a query axis of 1 it is one map that all queries share. */
  | { readonly kind: 'given' }
  /** No comparison: all that is read counts the same. */
  | { readonly kind: 'none' };

/** What becomes of the scores of one query: softmax over what is read, 1/N for N positions read, or nothing. */
export type Normalise = 'softmax' | 'count' | 'none';

/** What an affinity is, apart from its tensors. */
export interface Affinity {
  readonly reads: Reads;
  readonly score: Score;
  readonly normalise: Normalise;
  /** Affinities side by side; channels are split among them in order, channel c belonging to head ⌊c · heads / C⌋. */
  readonly heads: number;
  /** Sizes of the queries' axes, and so of the result's. All 1 where all queries share one map. */
  readonly querySpace: readonly Dim[];
}

/** The tensors of an affinity, positions not yet in one line. */
export interface AffinityInputs {
  /** [N or 1, heads · D, ..] or, for concatenation, [N or 1, heads, ..]. */
  readonly queries?: Value | undefined;
  readonly keys?: Value | undefined;
  /** [N, heads · V, ..] */
  readonly values: Value;
  /** [N or 1, heads, Q or 1, L], L the positions of the values in one line. */
  readonly scores?: Value | undefined;
  /** Added to the scores before they are normalised; broadcasts to [N, heads, Q, L]. */
  readonly prior?: Value | undefined;
}

/** One use of `aggregate` with its sizes worked out. Positions are counted in one line. */
export interface Site extends AffinityInputs {
  readonly affinity: Affinity;
  readonly path: string;
  readonly n: Dim;
  readonly heads: number;
  /** Numbers of queries and of keys. */
  readonly q: Dim;
  readonly l: Dim;
  /** Channels a head of queries and keys (0 if there are none), and of values. */
  readonly d: number;
  readonly v: number;
}

const channels = (v: Value): Dim => v.shape[1]!;
const space = (v: Value): readonly Dim[] => v.shape.slice(2);

function perHead(v: Value, heads: number, what: string): number {
  const c = channels(v);
  if (typeof c === 'number' && c % heads === 0) return c / heads;
  throw shapeFault(`expected ${heads} heads to divide the channels of the ${what}, got ${showDims(v.shape)}.`);
}

/** The sizes of a use, checked. */
export function siteOf(inputs: readonly (Value | undefined)[], affinity: Affinity, path = ''): Site {
  const [queries, keys, , scores, prior] = inputs;
  const values = at(inputs, 2);
  const { heads, score, querySpace } = affinity;
  if (!Number.isInteger(heads) || heads < 1) throw shapeFault(`expected a positive number of heads, got ${heads}.`);
  const q = productDim(querySpace);
  const l = productDim(space(values));
  const compared = score.kind === 'dot-product' || score.kind === 'concatenation';
  const d = compared ? comparedWidth(at(inputs, 0), at(inputs, 1), values, affinity) : 0;
  if (!compared && (queries || keys)) throw shapeFault(`expected no queries and keys with score "${score.kind}".`);
  if ((score.kind === 'given') !== Boolean(scores))
    throw shapeFault('expected scores with score "given" and only then.');
  const full = [values.shape[0]!, heads, q, l];
  for (const [name, v] of [
    ['scores', scores],
    ['prior', prior],
  ] as const)
    if (v) checkMap(name, v, full);
  if (prior && score.kind === 'none')
    throw shapeFault('expected no prior with score "none". Use score "given" with it.');
  return {
    ...{ queries, keys, values, scores, prior },
    affinity,
    path,
    n: full[0]!,
    heads,
    q,
    l,
    d,
    v: perHead(values, heads, 'values'),
  };
}

function comparedWidth(queries: Value, keys: Value, values: Value, { score, heads, querySpace }: Affinity): number {
  if (!sameDims(space(queries), querySpace)) {
    throw shapeFault(`expected queries over ${showDims(querySpace)}, got ${showDims(queries.shape)}.`);
  }
  if (!sameDims(space(keys), space(values)) || !sameDim(channels(queries), channels(keys))) {
    const got = `queries ${showDims(queries.shape)}, keys ${showDims(keys.shape)}, values ${showDims(values.shape)}`;
    throw shapeFault(`expected keys with the queries' channels and the values' positions, got ${got}.`);
  }
  const d = perHead(queries, heads, 'queries');
  if (score.kind === 'concatenation' && d !== 1) {
    throw shapeFault(`expected one number a head and position (${heads} channels), got ${showDims(queries.shape)}.`);
  }
  return d;
}

function checkMap(name: string, v: Value, full: readonly Dim[]): void {
  if (v.shape.length !== 4 || v.shape.some((d, i) => d !== 1 && !sameDim(d, full[i]!))) {
    throw shapeFault(
      `expected ${name} that broadcast to [N, heads, Q, L] = ${showDims(full)}, got ${showDims(v.shape)}.`,
    );
  }
}

/** The use that a node of {@link AGGREGATE} stands for. */
export function siteOfNode(node: Node): Site {
  return siteOf(node.inputs, affinityOfNode(node.attributes), node.path);
}

function affinityOfNode(attributes: Attributes): Affinity {
  return attributes.affinity as Affinity;
}

/**
 * y_i = Σ_j a_ij v_j with a_i = normalise_j(score(q_i, k_j) + prior_ij), head by head.
 * Inputs: queries, keys, values, scores, prior. It is lowered before differentiation: see `lowerAggregates`.
 */
export const AGGREGATE: OpDef = {
  name: 'aggregate',
  domain: 'farsight',
  since: 1,
  shape: (inputs, attributes): readonly OutputType[] => {
    const site = siteOf(inputs, affinityOfNode(attributes));
    const { n, heads, v, affinity } = site;
    return [{ shape: [n, heads * v, ...affinity.querySpace], dtype: sameDType(inputs.filter((x) => x !== undefined)) }];
  },
  // dv = Σ_i a_ij dy_i; the rest through a: what its lowering's operators say
  vjp: ({ node }) => {
    throw new Fault(
      'graph',
      `${node.path}: "aggregate" has a derivative only once it is lowered. Call lowerAggregates first.`,
    );
  },
  attributes: {},
  macs: (node) => {
    const site = siteOfNode(node);
    return site.affinity.score.kind === 'none' ? 0 : plainMacs(site); // a mean multiplies nothing
  },
};

/** Multiply-adds of comparing every query with every key, then reading: N heads Q L (D + V). */
export function plainMacs({ n, heads, q, l, d, v, affinity }: Site): Dim {
  const compare = affinity.score.kind === 'dot-product' ? d : 0;
  return mulDim(productDim([n, heads, q, l]), compare + v);
}

/** Reads values through an affinity. values [N, heads · V, ..] → [N, heads · V, ...querySpace]. */
export function aggregate(inputs: AffinityInputs, affinity: Affinity): Value {
  const { queries, keys, values, scores, prior } = inputs;
  return emit1(AGGREGATE, [queries, keys, values, scores, prior], { affinity });
}

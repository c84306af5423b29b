import { Fault } from '../../core/fault.ts';
import {
  addDim,
  type Dim,
  floorDivDim,
  mulDim,
  productDim,
  sameDim,
  sameDims,
  showDim,
  showDims,
  subDim,
} from '../dimension.ts';
import { at, sameDType, shapeFault } from '../ops/common.ts';
import { emit1 } from '../trace.ts';
import type { Attributes, Node, OpDef, OutputType, Value } from '../value.ts';

/** What a query reads. */
export type Reads =
  /** Every position of the keys and values, over any number of axes; they may be another set than the queries. */
  | { readonly kind: 'everywhere' }
  /** The positions that differ from the query's along these axes of positions alone, counted from 0: [1] of (h, w) is its row. */
  | { readonly kind: 'along'; readonly axes: readonly number[] }
  /**
   * A window around the query's position, an odd `size` for each axis, with zeros of dilation · (size − 1) / 2 positions
   * around the map. Beyond its border, `zero` (where absent): zeros are read like all else, and given scores stay as they
   * are; `excluded`: nothing is read; a number: the comparison gives this number, to which the prior is added, and the
   * value is zero.
   */
  | {
      readonly kind: 'window';
      readonly size: readonly number[];
      readonly stride?: readonly number[];
      readonly dilation?: readonly number[];
      readonly outside?: 'zero' | 'excluded' | number;
    };

/** A window with nothing left to be assumed. */
export type Window = Required<Extract<Reads, { readonly kind: 'window' }>>;

/** How a query and a key are compared. */
export type Score =
  /** scale · qᵀk, head by head; of one channel a head it is the product of two numbers. */
  | { readonly kind: 'dot-product'; readonly scale: number }
  /** −scale · Σ_d (q_d − k_d)² */
  | { readonly kind: 'squared-difference'; readonly scale: number }
  /** −scale · Σ_d |q_d − k_d| */
  | { readonly kind: 'absolute-difference'; readonly scale: number }
  /** ReLU(a_i + b_j), with queries and keys already projected to one number a head and position. */
  | { readonly kind: 'concatenation' }
  /** A tensor from elsewhere; with a query axis of 1 it is one map that all queries share. */
  | { readonly kind: 'given' }
  /** No comparison: all that is read counts the same. */
  | { readonly kind: 'none' };

/** What becomes of the scores of one query: softmax over what is read, 1/N for N positions read, or nothing. */
export type Normalise = 'softmax' | 'count' | 'none';

/** Where the channels of queries, keys, values and result stand: behind the batch, or last, as of tokens [N, L, C]. */
export type Layout = 'channels-first' | 'channels-last';

/** What an affinity is, apart from its tensors. */
export interface Affinity {
  readonly reads: Reads;
  readonly score: Score;
  readonly normalise: Normalise;
  /** Affinities side by side. */
  readonly heads: number;
  /**
   * How the values' channels are shared among the heads: they lie as [runs, share, heads / runs], and channel (r, s, i)
   * belongs to head r · heads / runs + i. `heads` where absent: neighbours share a head, channel c belonging to head
   * ⌊c · heads / C⌋. 1: channel c belongs to head c mod heads.
   */
  readonly runs?: number;
  /** `channels-first` where absent. */
  readonly layout?: Layout;
  /** Sizes of the queries' axes, and so of the result's. All 1 where all queries share one map that reads everywhere. */
  readonly querySpace: readonly Dim[];
}

/**
 * The tensors of an affinity, positions not yet in one line. Maps (scores, prior, mask) broadcast to [N, heads, Q, L] with
 * L positions read by each query; where a window is read to [N, heads, K, Q], the K places of the window first.
 */
export interface AffinityInputs {
  /** [N or 1, heads · D, ..] or, for concatenation, [N or 1, heads, ..]. */
  readonly queries?: Value | undefined;
  readonly keys?: Value | undefined;
  /** [N, heads · V, ..] */
  readonly values: Value;
  readonly scores?: Value | undefined;
  /** Added to the scores before they are normalised. */
  readonly prior?: Value | undefined;
  /** 1 where a query may read, 0 where not: left out by a softmax and by the count. A query that may read nothing gets 0. */
  readonly mask?: Value | undefined;
}

/** One use of `aggregate` with its sizes worked out. Positions are counted in one line. */
export interface Site extends AffinityInputs {
  readonly affinity: Affinity;
  readonly path: string;
  readonly n: Dim;
  readonly heads: number;
  readonly runs: number;
  readonly layout: Layout;
  /** Axes of the values' positions. */
  readonly space: readonly Dim[];
  /** The window that is read, if one is. */
  readonly window: Window | undefined;
  /** Number of queries, and of the positions that each of them reads. */
  readonly q: Dim;
  readonly l: Dim;
  /** Channels a head of queries and keys (0 if there are none), and of values. */
  readonly d: number;
  readonly v: number;
}

/** Sizes of a tensor's axes of positions. */
export function spaceOf(v: Value, layout: Layout): readonly Dim[] {
  return layout === 'channels-last' ? v.shape.slice(1, -1) : v.shape.slice(2);
}

const channelsOf = (v: Value, layout: Layout): Dim => v.shape[layout === 'channels-last' ? v.shape.length - 1 : 1]!;

function perHead(v: Value, { heads, layout, what }: { heads: number; layout: Layout; what: string }): number {
  const c = channelsOf(v, layout);
  if (typeof c === 'number' && c % heads === 0) return c / heads;
  const divisors = typeof c === 'number' ? Array.from({ length: c }, (_, i) => i + 1).filter((k) => c % k === 0) : [];
  const use = divisors.length > 0 ? ` Use ${divisors.slice(-12).join(', ')}.` : '';
  throw shapeFault(
    `expected heads that divide the channels of the ${what}, got ${heads} for ${showDim(c)} channels.${use}`,
  );
}

/** The window with all its options; a fault unless its sizes are odd and there is one for each axis. */
export function windowOf(reads: Extract<Reads, { readonly kind: 'window' }>, rank: number): Window {
  const { size, outside = 'zero' } = reads;
  const { stride = size.map(() => 1), dilation = size.map(() => 1) } = reads;
  const fits = [size, stride, dilation].every((a) => a.length === rank && a.every((s) => Number.isInteger(s) && s > 0));
  if (!fits || size.some((s) => s % 2 === 0)) {
    const got = `size ${showDims(size)}, stride ${showDims(stride)}, dilation ${showDims(dilation)}`;
    throw shapeFault(`expected a window of ${rank} odd sizes with as many strides and dilations, got ${got}.`);
  }
  return { kind: 'window', size, stride, dilation, outside };
}

/** Axes of the positions that read windows of a map. */
export function windowedSpace(space: readonly Dim[], stride: readonly number[]): Dim[] {
  return space.map((d, i) => addDim(floorDivDim(subDim(d, 1), stride[i]!), 1));
}

const COMPARED: ReadonlySet<Score['kind']> = new Set([
  'dot-product',
  'squared-difference',
  'absolute-difference',
  'concatenation',
]);

/** The sizes of a use, checked. */
export function siteOf(inputs: readonly (Value | undefined)[], affinity: Affinity, path = ''): Site {
  const [queries, keys, , scores, prior, mask] = inputs;
  const values = at(inputs, 2);
  const { heads, score, querySpace, runs = heads, layout = 'channels-first' } = affinity;
  if (!Number.isInteger(heads) || heads < 1) throw shapeFault(`expected a positive number of heads, got ${heads}.`);
  if (!Number.isInteger(runs) || runs < 1 || heads % runs !== 0) {
    throw shapeFault(`expected runs of channels that divide ${heads} heads, got ${runs}.`);
  }
  const space = spaceOf(values, layout);
  const window = affinity.reads.kind === 'window' ? windowOf(affinity.reads, space.length) : undefined;
  const reading = readingOf(affinity, space, window);
  if (window || affinity.reads.kind === 'along') {
    const wanted = window ? windowedSpace(space, window.stride) : space;
    if (!sameDims(querySpace, wanted)) {
      throw shapeFault(`expected queries over ${showDims(wanted)}, got ${showDims(querySpace)}.`);
    }
  }
  const q = productDim(querySpace);
  const compared = COMPARED.has(score.kind);
  const d = compared ? comparedWidth([at(inputs, 0), at(inputs, 1), values], affinity) : 0;
  if (!compared && (queries || keys)) throw shapeFault(`expected no queries and keys with score "${score.kind}".`);
  if ((score.kind === 'given') !== Boolean(scores))
    throw shapeFault('expected scores with score "given" and only then.');
  const n = values.shape[0]!;
  const full = window ? [n, heads, reading, q] : [n, heads, q, reading];
  checkMaps({ scores, prior, mask }, full, window ? '[N, heads, K, Q]' : '[N, heads, Q, L]');
  if (prior && score.kind === 'none')
    throw shapeFault('expected no prior with score "none". Use score "given" with it.');
  const v = perHead(values, { heads, layout, what: 'values' });
  const sizes = { n, heads, runs, layout, space, window, q, l: reading, d, v };
  return { queries, keys, values, scores, prior, mask, affinity, path, ...sizes };
}

/** How many positions each query reads. */
function readingOf({ reads }: Affinity, space: readonly Dim[], window: Window | undefined): Dim {
  if (window) return productDim(window.size);
  if (reads.kind !== 'along') return productDim(space);
  const { axes } = reads;
  const known = axes.every((a) => Number.isInteger(a) && a >= 0 && a < space.length);
  if (axes.length === 0 || !known || new Set(axes).size !== axes.length) {
    throw shapeFault(`expected axes from 0 to ${space.length - 1} to read along, got ${showDims(axes)}.`);
  }
  return productDim(axes.map((a) => space[a]!));
}

function comparedWidth([queries, keys, values]: readonly [Value, Value, Value], affinity: Affinity): number {
  const { score, heads, querySpace, layout = 'channels-first' } = affinity;
  if (!sameDims(spaceOf(queries, layout), querySpace)) {
    throw shapeFault(`expected queries over ${showDims(querySpace)}, got ${showDims(queries.shape)}.`);
  }
  const together = sameDims(spaceOf(keys, layout), spaceOf(values, layout));
  if (!together || !sameDim(channelsOf(queries, layout), channelsOf(keys, layout))) {
    const got = `queries ${showDims(queries.shape)}, keys ${showDims(keys.shape)}, values ${showDims(values.shape)}`;
    throw shapeFault(`expected keys with the queries' channels and the values' positions, got ${got}.`);
  }
  const d = perHead(queries, { heads, layout, what: 'queries' });
  if (score.kind === 'concatenation' && d !== 1) {
    throw shapeFault(`expected one number a head and position (${heads} channels), got ${showDims(queries.shape)}.`);
  }
  return d;
}

function checkMaps(maps: Readonly<Record<string, Value | undefined>>, full: readonly Dim[], form: string): void {
  for (const [name, v] of Object.entries(maps)) {
    if (!v || (v.shape.length === 4 && v.shape.every((d, i) => d === 1 || sameDim(d, full[i]!)))) continue;
    throw shapeFault(`expected ${name} that broadcast to ${form} = ${showDims(full)}, got ${showDims(v.shape)}.`);
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
 * j goes over what is read. Inputs: queries, keys, values, scores, prior, mask. It is lowered before differentiation: see
 * `lowerAggregates`.
 */
export const AGGREGATE: OpDef = {
  name: 'aggregate',
  domain: 'farsight',
  since: 1,
  shape: (inputs, attributes): readonly OutputType[] => {
    const site = siteOf(inputs, affinityOfNode(attributes));
    const { n, heads, v, affinity, layout } = site;
    const [channels, space] = [heads * v, affinity.querySpace];
    const shape = layout === 'channels-last' ? [n, ...space, channels] : [n, channels, ...space];
    return [{ shape, dtype: sameDType(inputs.filter((x) => x !== undefined)) }];
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

/** Multiply-adds of comparing every query with every key that it reads, then reading: N heads Q L (D + V). */
export function plainMacs({ n, heads, q, l, d, v, affinity }: Site): Dim {
  const { kind } = affinity.score;
  const compare = kind === 'dot-product' || kind === 'squared-difference' ? d : 0;
  return mulDim(productDim([n, heads, q, l]), compare + v);
}

/** Reads values through an affinity. values [N, heads · V, ..] → [N, heads · V, ...querySpace], or with channels last. */
export function aggregate(inputs: AffinityInputs, affinity: Affinity): Value {
  const { queries, keys, values, scores, prior, mask } = inputs;
  return emit1(AGGREGATE, [queries, keys, values, scores, prior, mask], { affinity });
}

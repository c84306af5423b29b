import { addDim, type Dim, mulDim, productDim } from '../../dimension.ts';
import { abs, add, mul, relu, sub } from '../../ops/elementwise.ts';
import { concat, expand, reshape, transpose } from '../../ops/layout.ts';
import { reduceSum } from '../../ops/reduce.ts';
import { scalar } from '../../trace.ts';
import type { Value } from '../../value.ts';
import { localPartsOf, localWeightsOf } from '../affinity.ts';
import { splitHeads } from '../heads.ts';
import type { Site } from '../record.ts';
import { lookAt, padded, placesOf } from '../window.ts';
import { type WindowUse, windowDot, windowSum } from '../window-words.ts';
import { BYTES, type Cost, type Lowering } from './lowering.ts';

/** x with its channels second, wherever they stand. */
export function channelsFirst(x: Value, { layout }: Site): Value {
  const last = x.shape.length - 1;
  if (layout === 'channels-first') return x;
  return transpose(x, [0, last, ...Array.from({ length: last - 1 }, (_, i) => i + 1)]);
}

/** A result with its channels second as the use gives it. */
export function asLaidOut(y: Value, { layout }: Site): Value {
  if (layout === 'channels-first') return y;
  return transpose(y, [0, ...y.shape.slice(2).map((_, i) => i + 2), 1]);
}

/**
 * The weights of all places, [N, heads, K, Q]. Keys of several channels are compared place by place, without a copy of
 * them for each place of the window.
 */
function weightsOf(site: Site, by: WindowUse['by']): Value {
  const compared = site.queries && site.d > 1 ? { ...site, ...asGiven(site, by) } : site;
  const weights = localWeightsOf(localPartsOf(compared), compared);
  return expand(weights, [site.n, site.heads, site.l, site.q]);
}

/** The comparisons of a use as given scores. */
function asGiven(site: Site, by: WindowUse['by']): Pick<Site, 'affinity' | 'scores' | 'queries' | 'keys'> {
  const affinity = { ...site.affinity, score: { kind: 'given' as const } };
  return { affinity, scores: comparisons(site, by), queries: undefined, keys: undefined };
}

function comparisons(site: Site, by: WindowUse['by']): Value {
  const { score, querySpace } = site.affinity;
  const [n, space] = [site.n, site.space];
  const window = site.window!;
  const own = { heads: site.heads, runs: site.heads, layout: site.layout };
  const c = site.heads * site.d;
  const keys = reshape(splitHeads(site.keys!, own), [site.keys!.shape[0]!, c, ...space]);
  const queries = reshape(splitHeads(site.queries!, own), [site.queries!.shape[0]!, c, ...querySpace]);
  if (score.kind === 'dot-product') {
    const all = expand(queries, [n, c, ...querySpace]);
    const dots = windowDot(all, keys, { window, heads: site.heads, runs: site.heads, by });
    return score.scale === 1 ? dots : mul(dots, scalar(score.scale));
  }
  const look = lookAt(padded(keys, window), window, querySpace);
  const places = placesOf(window.size).map((place) => {
    const terms = compared(score.kind, queries, look(place));
    return reduceSum(reshape(terms, [terms.shape[0]!, site.heads, site.d, 1, site.q]), [2], false);
  });
  const sums = concat(places, 2); // [N, heads, K, Q]
  if (score.kind === 'concatenation') return relu(sums);
  return mul(sums, scalar(score.kind === 'given' || score.kind === 'none' ? 1 : -score.scale));
}

function compared(kind: string, queries: Value, keys: Value): Value {
  if (kind === 'concatenation') return add(queries, keys);
  const apart = sub(queries, keys);
  return kind === 'squared-difference' ? mul(apart, apart) : abs(apart);
}

/** Multiply-adds of comparing and reading every place of every window. */
function windowMacs({ n, heads, q, l, d, v }: Site): Dim {
  return mulDim(productDim([n, heads, q, l]), d + v);
}

function build(site: Site, by: WindowUse['by']): Value {
  const { window, heads, runs } = site;
  const y = windowSum(channelsFirst(site.values, site), weightsOf(site, by), { window: window!, heads, runs, by });
  return asLaidOut(y, site);
}

/** Bytes of the weights and `copies` of the result. */
function bytesOf({ n, heads, q, l, v }: Site, copies: number): Cost['bytes'] {
  return mulDim(productDim([n, heads, q]), addDim(mulDim(l, 2 * BYTES), v * copies * BYTES));
}

const NO_WINDOW = 'it does not read windows';

/**
 * The values shifted to each place of the window, weighed and added one after another: no copy of the values with all
 * places, and operators that every provider has.
 */
export const SHIFTS: Lowering = {
  general: true,
  refuses: ({ window }) => (window ? undefined : NO_WINDOW),
  cost: (site) => ({ macs: windowMacs(site), bytes: bytesOf(site, 4) }),
  pace: 60,
  build: (site) => build(site, 'shifts'),
};

/** Providers whose runtime adds up columns. */
const ADDS_COLUMNS: ReadonlySet<string> = new Set(['cpu', 'wasm']);

/**
 * All places at once as products that `Col2Im` adds up where they belong: the values are written by their positions
 * instead of being read by the queries, so that none is shifted. In a derivative it is what a window's values get.
 */
export const COLUMNS: Lowering = {
  general: true,
  refuses: ({ window, space }, { provider }) => {
    if (!window) return NO_WINDOW;
    if (!ADDS_COLUMNS.has(provider)) return `provider ${provider} does not add up columns`;
    if (space.length > 2) return 'the map has more than two axes';
    return space.every((d) => typeof d === 'number') ? undefined : 'the size of the map is not known';
  },
  cost: (site) => ({ macs: windowMacs(site), bytes: bytesOf(site, 4) }),
  pace: 35,
  build: (site) => build(site, 'columns'),
};

import { Fault } from '../core/fault.ts';
import { int64 } from '../core/tensor.ts';
import {
  type Affinity,
  affinityOf,
  affinityRows,
  aggregate as aggregateOp,
  type Layout,
  type Normalise,
  type Reads,
  type Score,
  type Site,
  siteOf,
  spaceOf,
  windowedSpace,
  windowOf,
  windowRows,
} from '../graph/aggregate/index.ts';
import { type Dim, known, sameDims } from '../graph/dimension.ts';
import * as op from '../graph/ops/index.ts';
import { constant, currentPath } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';

import type { Scope, TapOffer } from './scope.ts';
import { offerTokens, type TokenAffinity, type TokenGrid } from './token-taps.ts';

/** What every affinity says, whatever it compares. */
export interface Reading {
  readonly reads: Reads;
  readonly normalise: Normalise;
  /** Affinities side by side; 1 where absent. */
  readonly heads?: number;
  /** How channels share heads: `heads` where absent (neighbours share one); 1: channel c reads with head c mod heads. */
  readonly runs?: number;
  /** 1 where a query may read, 0 where not; as `prior`. */
  readonly mask?: Value;
}

/** An affinity that compares queries and keys. */
export interface Compared extends Reading {
  readonly score: Exclude<Score, { readonly kind: 'given' | 'none' }>;
  /** [N, heads · D, ..], or [N, heads, ..] for concatenation. */
  readonly queries: Value;
  readonly keys: Value;
  /** Added to the scores; broadcasts to [N, heads, Q, L], or to [N, heads, K, Q] where windows of K places are read. */
  readonly prior?: Value;
}

/** An affinity whose scores come from elsewhere. */
export interface Given extends Reading {
  /**
   * `logits` [N or 1, heads, Q, L], or [N or 1, heads, K, Q] where windows are read. Q = 1 is one map for all queries: of
   * a map that reads everywhere the result then has axes of size 1, of windows it is a kernel.
   */
  readonly score: { readonly kind: 'given'; readonly logits: Value };
  /** Sizes of the queries' axes where there is more than one query; those of the values where absent. */
  readonly querySpace?: readonly Dim[];
  readonly prior?: Value;
}

/** An affinity that compares nothing. */
export interface Uniform extends Reading {
  readonly score: { readonly kind: 'none' };
}

/** Who reads what, and with which weights. */
export type Weighing = Compared | Given | Uniform;

interface Common {
  /** [N, heads · V, ..], or [N, .., heads · V] with channels last. */
  readonly values: Value;
  /** Where the channels of queries, keys, values and result stand; `channels-first` where absent. */
  readonly layout?: Layout;
  /** Name of the tap that shows the affinity, [N, heads, Q, L]; windows also have `NAME_window`, [N, heads, Q, K]. */
  readonly tap?: string;
  /** The grid on which tokens [N, L, C] lie, for their tap to be drawn; see {@link offerTokens}. */
  readonly grid?: TokenGrid;
}

/** {@link Compared} with its values. */
export type ComparedConfig = Common & Compared;

/** {@link Given} with its values. */
export type GivenConfig = Common & Given;

/** {@link Uniform} with its values. */
export type UniformConfig = Common & Uniform;

/** One affinity of a mixture, times its weight: [1], or [heads]; 1 where absent. */
export type MixPart = Weighing & { readonly weight?: Value };

/** Several affinities added up; each has heads of its own, and all give the same queries. */
export type MixedConfig = Common & { readonly mix: readonly MixPart[] };

/** Who reads what, and how: the one word in which context blocks are written. */
export type AggregateConfig = ComparedConfig | GivenConfig | UniformConfig | MixedConfig;

/**
 * Reads values through an affinity: y_i = Σ_j a_ij v_j, a_i = normalise_j(score_ij + prior_ij), or through a weighted sum
 * of several, a = Σ_m w_m a^m, each of which then reads by itself: the affinity enters linearly, so their sum is never made.
 * values [N, heads · V, ..] → [N, heads · V, ...], with the queries' axes. How it is computed is chosen later, by cost.
 */
export function aggregate(s: Scope, config: AggregateConfig): Value {
  const { values, tap, grid, layout = 'channels-first' } = config;
  const parts: readonly MixPart[] = 'mix' in config ? config.mix : [config];
  return s.within(() => {
    const path = currentPath();
    const members = parts.map((part) => memberOf(part, { values, layout, path }));
    const y = members.map((m) => weighed(m, layout)).reduce((a, b) => op.add(a, b));
    if (tap !== undefined) offer(s, tap, members, grid);
    return y;
  });
}

/** One affinity of a use, with its weight. */
interface Member {
  readonly site: Site;
  readonly weight: Value | undefined;
}

interface Place {
  readonly values: Value;
  readonly layout: Layout;
  readonly path: string;
}

function memberOf(part: MixPart, { values, layout, path }: Place): Member {
  const inputs = [
    'queries' in part ? part.queries : undefined,
    'keys' in part ? part.keys : undefined,
    values,
    part.score.kind === 'given' ? part.score.logits : undefined,
    'prior' in part ? part.prior : undefined,
    part.mask,
  ];
  return { site: siteOf(inputs, affinityFor(part, values, layout), path), weight: part.weight };
}

function weighed({ site, weight }: Member, layout: Layout): Value {
  const y = aggregateOp(site, site.affinity);
  if (!weight) return y;
  const { heads, runs, v } = site;
  const each = op.reshape(weight, [-1]);
  const rank = y.shape.length - 2;
  const channels = heads * v;
  const first = (count: number): Dim[] => (layout === 'channels-last' ? [count] : [count, ...Array(rank).fill(1)]);
  if (each.shape[0] === 1) return op.mul(y, op.reshape(each, first(1)));
  const spread = op.expand(op.reshape(each, [runs, 1, heads / runs]), [runs, v, heads / runs]);
  return op.mul(y, op.reshape(spread, first(channels)));
}

function affinityFor(part: Weighing, values: Value, layout: Layout): Affinity {
  const { reads, normalise, heads = 1, runs = heads } = part;
  const score: Score = part.score.kind === 'given' ? { kind: 'given' } : part.score;
  return { reads, score, normalise, heads, runs, layout, querySpace: querySpaceOf(part, values, layout) };
}

function querySpaceOf(part: Weighing, values: Value, layout: Layout): readonly Dim[] {
  const space = spaceOf(values, layout);
  const { reads } = part;
  if (reads.kind === 'window') return windowedSpace(space, windowOf(reads, space.length).stride);
  if (reads.kind === 'along') return space;
  if ('queries' in part) return spaceOf(part.queries, layout);
  const shared = space.map(() => 1);
  if (part.score.kind === 'none') return shared;
  return part.score.logits.shape[2] === 1 ? shared : ((part as Given).querySpace ?? space);
}

function offer(s: Scope, tap: string, members: readonly Member[], grid: TokenGrid | undefined): void {
  const { site } = members[0]!;
  const { space, affinity } = site;
  const whole: TokenAffinity = {
    value: () => s.within(() => summed(members, affinityOf)),
    rows: (chosen) => s.within(() => summed(members, (m) => affinityRows(m, chosen))),
  };
  if (grid) {
    offerTokens(s, tap, whole, grid);
    return;
  }
  s.tap(tap, { ...axesOf(affinity.querySpace, space), ...whole });
  const windows = members.find((m) => m.site.window)?.site;
  if (!windows) return;
  const all = (): Value => {
    const q = known(windows.q, `${s.path}: queries`);
    return constant(
      int64(
        [q],
        Array.from({ length: q }, (_, i) => i),
      ),
    );
  };
  const sizes = windows.window!.size;
  const letters = ['dt', 'dy', 'dx'].slice(-sizes.length);
  const { axes, sizes: known_ } = axesOf(affinity.querySpace, space);
  s.tap(`${tap}_window`, {
    axes: `${axes.slice(0, axes.lastIndexOf(' (') >= 0 ? axes.lastIndexOf(' (') : axes.lastIndexOf(' '))} (${letters.join(' ')})`,
    sizes: { ...known_, ...Object.fromEntries(letters.map((l, i) => [l, sizes[i]!])) },
    value: () => s.within(() => windowRows(windows, all())),
    rows: (chosen) => s.within(() => windowRows(windows, chosen)),
  });
}

/** The affinities of all members as one: those with fewer heads count for all channels of each of their heads. */
function summed(members: readonly Member[], read: (site: Site) => Value): Value {
  const most = Math.max(...members.map((m) => m.site.heads));
  const terms = members.map(({ site, weight }) => {
    const a = read(site);
    const heavy = weight ? op.mul(a, op.reshape(weight, [1, -1, 1, 1])) : a;
    return members.length === 1 ? heavy : repeatHeads(heavy, site, most);
  });
  return terms.reduce((a, b) => op.add(a, b));
}

/** [N, heads, R, L] → [N, most, R, L], each head repeated for the heads of another affinity that share its channels. */
function repeatHeads(a: Value, { heads, path }: Site, most: number): Value {
  if (heads === most) return a;
  const [n, , r, l] = a.shape as readonly [Dim, Dim, Dim, Dim];
  if (most % heads !== 0)
    throw new Fault(
      'config',
      `${path}: expected heads that divide ${most}, got ${heads}, in the affinities of one mixture.`,
    );
  const each = op.reshape(op.expand(a, [n, heads, r, l]), [n, heads, 1, r, l]);
  return op.reshape(op.expand(each, [n, heads, most / heads, r, l]), [n, most, r, l]);
}

/** Letters of one, two and three axes of positions. */
const LETTERS: readonly (readonly string[])[] = [[], ['l'], ['h', 'w'], ['t', 'h', 'w']];

/** How the axes of an affinity read: `n head (h w) (kh kw)`; keys at the queries' positions bear the queries' letters. */
function axesOf(queries: readonly Dim[], keys: readonly Dim[]): Pick<TapOffer, 'axes' | 'sizes'> {
  const same = sameDims(queries, keys);
  const shared = queries.every((d) => d === 1);
  const name = (dims: readonly Dim[], before: string): string[] =>
    dims.map((_, i) => before + (LETTERS[dims.length]?.[i] ?? `p${i}`));
  const keyNames = name(keys, same || shared ? '' : 'k');
  const queryNames = shared ? [] : name(queries, '');
  const sizes = Object.fromEntries([
    ...queryNames.map((n, i) => [n, queries[i]!]),
    ...keyNames.map((n, i) => [n, keys[i]!]),
  ]);
  const group = (names: readonly string[]): string => (names.length === 0 ? '1' : `(${names.join(' ')})`);
  return { axes: `n head ${group(queryNames)} ${group(keyNames)}`, sizes };
}

import {
  type Affinity,
  affinityOf,
  affinityRows,
  aggregate as aggregateOp,
  type Normalise,
  type Reads,
  siteOf,
} from '../graph/aggregate/index.ts';
import { type Dim, sameDims } from '../graph/dimension.ts';
import { currentPath } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import type { Scope, TapOffer } from './scope.ts';

/** What every {@link AggregateConfig} says. */
export interface Reading {
  /** [N, heads · V, ..] */
  readonly values: Value;
  readonly reads: Reads;
  readonly normalise: Normalise;
  /** Affinities side by side; 1 where absent. */
  readonly heads?: number;
  /** Name of the tap that shows the affinity, [N, heads, Q, L]. */
  readonly tap?: string;
}

/** {@link AggregateConfig} where queries and keys are compared. */
export interface ComparedConfig extends Reading {
  readonly score: { readonly kind: 'dot-product'; readonly scale: number } | { readonly kind: 'concatenation' };
  /** [N, heads · D, ..], or [N, heads, ..] for concatenation. */
  readonly queries: Value;
  readonly keys: Value;
  /** Added to the scores; broadcasts to [N, heads, Q, L]. */
  readonly prior?: Value;
}

/** {@link AggregateConfig} where the scores come from elsewhere. */
export interface GivenConfig extends Reading {
  /** `logits` [N or 1, heads, Q, L]; Q = 1 is one map for all queries, and the result then has axes of size 1. */
  readonly score: { readonly kind: 'given'; readonly logits: Value };
  /** Sizes of the queries' axes where there is more than one query; those of the values where absent. */
  readonly querySpace?: readonly Dim[];
  readonly prior?: Value;
}

/** {@link AggregateConfig} where nothing is compared. */
export interface UniformConfig extends Reading {
  readonly score: { readonly kind: 'none' };
}

/** Who reads what, and how: the one word in which context blocks are written. */
export type AggregateConfig = ComparedConfig | GivenConfig | UniformConfig;

/**
 * Reads values through an affinity: y_i = Σ_j a_ij v_j, a_i = normalise_j(score_ij + prior_ij).
 * values [N, heads · V, ..] → [N, heads · V, ...], with the queries' axes. How it is computed is chosen later, by cost.
 */
export function aggregate(s: Scope, config: AggregateConfig): Value {
  const { values, tap } = config;
  const affinity = affinityFor(config);
  const inputs = {
    values,
    queries: 'queries' in config ? config.queries : undefined,
    keys: 'keys' in config ? config.keys : undefined,
    scores: config.score.kind === 'given' ? config.score.logits : undefined,
    prior: 'prior' in config ? config.prior : undefined,
  };
  return s.within(() => {
    const y = aggregateOp(inputs, affinity);
    if (tap !== undefined) {
      const { queries, keys, scores, prior } = inputs;
      const site = siteOf([queries, keys, values, scores, prior], affinity, currentPath());
      s.tap(tap, {
        ...axesOf(affinity.querySpace, values.shape.slice(2)),
        value: () => s.within(() => affinityOf(site)),
        rows: (chosen) => s.within(() => affinityRows(site, chosen)),
      });
    }
    return y;
  });
}

function affinityFor(config: AggregateConfig): Affinity {
  const { reads, normalise, heads = 1 } = config;
  const common = { reads, normalise, heads };
  const space = config.values.shape.slice(2);
  const shared = space.map(() => 1);
  switch (config.score.kind) {
    case 'dot-product':
    case 'concatenation':
      return { ...common, score: config.score, querySpace: (config as ComparedConfig).queries.shape.slice(2) };
    case 'given': {
      const { querySpace = space } = config as GivenConfig;
      return {
        ...common,
        score: { kind: 'given' },
        querySpace: config.score.logits.shape[2] === 1 ? shared : querySpace,
      };
    }
    case 'none':
      return { ...common, score: config.score, querySpace: shared };
    default:
      return config.score satisfies never;
  }
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

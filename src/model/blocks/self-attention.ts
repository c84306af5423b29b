import * as z from 'zod';
import type { Dim } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { aggregate } from '../aggregate.ts';
import type { Init } from '../init.ts';
import { convNd } from '../layers/conv.ts';
import { linear } from '../layers/linear.ts';
import { count } from '../read-options.ts';
import type { Scope } from '../scope.ts';
import type { TokenGrid } from '../token-taps.ts';
import type { Block } from './block.ts';
import { denseAffinity, LIBRARY_NORMAL, type Positions } from './dense-affinity.ts';
import { POSITIONS } from './mlp-mixer.ts';
import { channelsOf, divide } from './shape.ts';

/** Options of {@link selfAttention}. */
export interface SelfAttentionConfig {
  readonly kind: 'self-attention';
  /** Affinities M, each of C / M channels; 8 where absent. */
  readonly heads?: number;
  /** Whether the projection to queries, keys and values has a bias; true where absent. */
  readonly qkvBias?: boolean;
  /** A learned dense affinity for each head, added to what the softmax gives (CONTAINER-PAM); none where absent. */
  readonly static?: 'dense' | 'none';
  /** The map, or the number of tokens, that the learned affinity is made for. */
  readonly positions?: Positions;
  /** Where the channels stand: behind the batch (absent), or last, as of tokens [N, L, C]. */
  readonly layout?: 'channels-first' | 'channels-last';
}

/** What {@link selfAttention} takes beside its options. */
export interface SelfAttentionPlace {
  /** First values of both projections; PyTorch's own where absent. */
  readonly init?: Init;
  readonly biasInit?: Init;
  /** The grid on which tokens lie, for taps to be drawn; none where absent. */
  readonly grid?: TokenGrid;
}

/**
 * Multi-head self-attention: every position reads all positions, each head for itself.
 *
 *     [Q, K, V] = X W_qkv + b                              one projection, a head's channels next to one another
 *     Y_m = (softmax(Q_m K_mᵀ / √(C/M)) [+ A_m]) V_m       A_m learned: CONTAINER-PAM
 *     Z = concat_m(Y_m) W_o + b_o
 *
 * Vaswani et al., "Attention is All You Need", NeurIPS 2017, arXiv:1706.03762, eq. 1; with A_m: Gao et al., "Container:
 * Context Aggregation Network", NeurIPS 2021, arXiv:2106.01401.
 * Departs from the papers: one projection for all three (timm); no dropout. Norm and residual connection are those of
 * the block around it. A_m has no gate and starts from timm's `trunc_normal_` with a standard deviation of 1, as in the
 * paper's listing.
 *
 * x [N, C, ..] (or [N, .., C]) → the same. Tap `attention` [N, M, L, L]; rows sum to 1 without A_m. State: `qkv`, `proj`
 * (convolutions of 1, or linear layers), `static_a` [1, M, L, L].
 */
export function selfAttention(
  s: Scope,
  x: Value,
  config: SelfAttentionConfig,
  { init, biasInit, grid }: SelfAttentionPlace = {},
): Value {
  const { qkvBias = true, layout = 'channels-first' } = config;
  const last = layout === 'channels-last';
  const c = last ? (x.shape[x.shape.length - 1] as number) : channelsOf(s, x);
  const first = { ...(init && { init }), ...(biasInit && { biasInit }) };
  const project = (name: string, v: Value, features: number, bias: boolean): Value =>
    last
      ? linear(s.at(name), v, { features, bias, ...first })
      : convNd(s.at(name), v, { channels: features, kernel: 1, bias, init: { kind: 'fan-in-uniform' }, ...first });
  const qkv = project('qkv', x, 3 * c, qkvBias);
  const y = attend(s, qkv, { ...config, ...(grid && { grid }) });
  return project('proj', y, c, true);
}

/** Options of {@link attend}. */
export type AttendConfig = Omit<SelfAttentionConfig, 'kind' | 'qkvBias'> & { readonly grid?: TokenGrid };

/**
 * The reading of {@link selfAttention} alone: [Q | K | V] on the channels → concat_m(A_m V_m).
 * qkv [N, 3C, ..] (or [N, .., 3C]) → [N, C, ..] (or [N, .., C]). State: `static_a` where asked.
 */
export function attend(s: Scope, qkv: Value, config: AttendConfig): Value {
  const { heads = 8, layout = 'channels-first', positions, grid } = config;
  const { queries, keys, values, c, space } = s.within(() => thirds(s, qkv, layout));
  const d = divide(s, c, heads, 'number of heads');
  const dynamic = {
    ...{ queries, keys, heads },
    reads: { kind: 'everywhere' },
    score: { kind: 'dot-product', scale: d ** -0.5 },
    normalise: 'softmax',
  } as const;
  const common = { values, layout, tap: 'attention', ...(grid && { grid }) };
  if (config.static !== 'dense') return aggregate(s, { ...common, ...dynamic });
  const logits = denseAffinity(s, space, { positions, heads, init: LIBRARY_NORMAL });
  const learned = {
    reads: { kind: 'everywhere' },
    score: { kind: 'given', logits },
    normalise: 'none',
    heads,
  } as const;
  return aggregate(s, { ...common, mix: [dynamic, learned] });
}

interface Thirds {
  readonly queries: Value;
  readonly keys: Value;
  readonly values: Value;
  /** Channels of each. */
  readonly c: number;
  readonly space: readonly Dim[];
}

/** [Q | K | V] on the channels, apart. */
export function thirds(s: Scope, qkv: Value, layout: 'channels-first' | 'channels-last'): Thirds {
  const axis = layout === 'channels-last' ? qkv.shape.length - 1 : 1;
  const c = divide(s, qkv.shape[axis] as number, 3, 'number of parts');
  const part = (i: number): Value => op.slice(qkv, { axes: [axis], starts: [i * c], ends: [(i + 1) * c] });
  const space = qkv.shape.filter((_, i) => i !== 0 && i !== axis);
  return { queries: part(0), keys: part(1), values: part(2), c, space };
}

const ROW = {
  reads: 'everywhere',
  heads: 'heads',
  sharing: 'C / heads neighbours share one',
  prior: 'none',
  transform: 'W_o after the heads',
  fusion: 'residual of the block around it',
} as const;

/** What is known of {@link selfAttention}. */
export const SELF_ATTENTION: Block<SelfAttentionConfig> = {
  kind: 'self-attention',
  title: 'multi-head self-attention',
  options: z.strictObject({
    kind: z.literal('self-attention'),
    heads: count.optional(),
    qkvBias: z.boolean().optional(),
    static: z.enum(['dense', 'none']).optional(),
    positions: POSITIONS.optional(),
    layout: z.enum(['channels-first', 'channels-last']).optional(),
  }),
  build: (s, x, config) => selfAttention(s, x, config),
  child: { block: 'attn', stage: 'attn' },
  strides: false,
  axes: [1, 2, 3],
  algebra: [
    {
      ...ROW,
      mechanism: 'self-attention',
      score: 'dot-product qᵀk / √(C/heads)',
      normalise: 'softmax',
      mix: 'none',
      macs: '2 N² C',
      source: 'arXiv:1706.03762, eq. 1',
    },
    {
      ...ROW,
      mechanism: 'CONTAINER-PAM',
      changes: { static: 'dense', positions: [4, 3] },
      reads: 'everywhere; everywhere',
      score: 'dot-product qᵀk / √(C/heads); given, learned for each pair',
      normalise: 'softmax; none',
      mix: 'sum, without a gate',
      macs: '3 N² C',
      source: 'arXiv:2106.01401',
    },
  ],
  sample: { config: { kind: 'self-attention', heads: 2 }, shape: [2, 8, 4, 3] },
};

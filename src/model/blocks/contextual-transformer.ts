import * as z from 'zod';
import { Fault } from '../../core/fault.ts';
import { type Dim, productDim } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { aggregate } from '../aggregate.ts';
import { convNd } from '../layers/conv.ts';
import { groupNorm } from '../layers/group-norm.ts';
import { batchNorm } from '../layers/norm.ts';
import { overPositions, pointwise } from '../layers/pointwise.ts';
import { globalAveragePool } from '../layers/pool.ts';
import { count } from '../read-options.ts';
import type { Scope } from '../scope.ts';
import { type Block, readReference } from './block.ts';
import { channelsOf } from './shape.ts';

/** Options of {@link contextualTransformer}. */
export interface ContextualTransformerConfig {
  readonly kind: 'contextual-transformer';
  /** Side k of the window that is read, odd; 3 where absent, as in the paper. */
  readonly kernel?: number;
  /** Side of the key convolution, odd; `kernel` where absent. */
  readonly keyKernel?: number;
  /** Groups of the projections: 1 (CoT) where absent, 2 (CoXt). The key convolution has four times as many. */
  readonly groups?: 1 | 2;
  /** Channels that share an affinity; 8 where absent, as in the authors' code: C / 8 heads. */
  readonly share?: number;
  /** Which context is given: `both` where absent. */
  readonly context?: 'both' | 'static' | 'dynamic';
  /** How the two contexts become one: `split-attention` where absent. */
  readonly fusion?: 'split-attention' | 'sum' | 'concatenate';
  /** What the affinity is made of: the query x, the static key K¹, or `both`, as where absent. */
  readonly attention?: 'both' | 'query' | 'key';
}

/** The options with nothing left out. */
type Settled = Required<ContextualTransformerConfig>;

/**
 * Contextual transformer block: a convolution gives each position a key that knows its neighbours; key and query together
 * say, without comparing anything, with which weights the neighbours' values are read.
 *
 *     K¹ = ReLU(BN(key * x))                                    static context, a k x k convolution
 *     A = GN(W_δ ReLU(BN(W_θ [x, K¹])))                         eq. 4: k² weights a head and position, no softmax
 *     K² = SiLU(BN(A ⊛ V)),  V = BN(W_v x)                      eq. 5: the dynamic context
 *     y = s_0 ⊙ K² + s_1 ⊙ K¹,  s = softmax(W_b ReLU(BN(W_a mean(K² + K¹))))      fusion, channel by channel
 *
 * Li et al., "Contextual Transformer Networks for Visual Recognition", TPAMI 2023, arXiv:2107.12292.
 * Departs from the paper as the authors' code does: [x, K¹] in this order; a group norm on A, over a head's k² weights
 * and all positions; heads of 8 channels, channel c reading with head c mod C/8; the key convolution has 4 groups. With
 * two groups (CoXt) x and K¹ alternate channel by channel, and each half of the channels has half of the heads.
 * `concatenate` is a 1 x 1 convolution with norm on [K², K¹], which the paper's counts fit but its text does not say.
 *
 * x [N, C, ..] → y, the same. Taps: `attention` [N, heads, L, L], `attention_window`; its weights may be negative;
 * `fusion` [N, C, 2], s_0 and s_1.
 */
export function contextualTransformer(s: Scope, x: Value, config: ContextualTransformerConfig): Value {
  const given = settled(config);
  const channels = channelsOf(s, x);
  check(s, channels, given);
  const { keyKernel, groups, context, fusion } = given;
  const key = s.at('key_embed');
  const conv = { channels, kernel: keyKernel, padding: 'same', groups: 4 * groups } as const;
  const convolved = batchNorm(key.at(1), convNd(key.at(0), x, conv));
  const statics = s.within(() => op.relu(convolved)); // K¹
  if (context === 'static') return statics;
  const dynamics = dynamicContext(s, { x, statics }, given); // K²
  if (context === 'dynamic') return dynamics;
  switch (fusion) {
    case 'split-attention':
      return splitAttention(s, dynamics, statics);
    case 'sum':
      return s.within(() => op.add(dynamics, statics));
    case 'concatenate': {
      const both = s.within(() => op.concat([dynamics, statics], 1));
      return batchNorm(s.at('fuse').at(1), convNd(s.at('fuse').at(0), both, { channels, kernel: 1 }));
    }
    default:
      return fusion satisfies never;
  }
}

function settled(config: ContextualTransformerConfig): Settled {
  const { kernel = 3, keyKernel = kernel, groups = 1, share = 8 } = config;
  const { context = 'both', fusion = 'split-attention', attention = 'both' } = config;
  return { kind: config.kind, kernel, keyKernel, groups, share, context, fusion, attention };
}

function check(s: Scope, channels: number, { kernel, keyKernel, groups, share, context }: Settled): void {
  const where = s.path || 'contextual-transformer';
  for (const [name, side] of Object.entries({ kernel, keyKernel })) {
    if (side % 2 === 1) continue;
    throw new Fault('config', `${where}: expected an odd ${name}, got ${side}. Use ${side - 1} or ${side + 1}.`);
  }
  // Heads of `share` channels in each group, the key convolution's groups, and the halved widths.
  const unit = context === 'static' ? 4 * groups : leastCommon(4 * groups, share * groups);
  if (channels % unit === 0) return;
  const below = Math.max(1, Math.floor(channels / unit)) * unit;
  const message = `expected a multiple of ${unit} channels for ${groups} groups with heads of ${share}, got ${channels}.`;
  throw new Fault('config', `${where}: ${message} Use ${below} or ${below + unit}.`);
}

function leastCommon(a: number, b: number): number {
  let n = a;
  while (n % b !== 0) n += a;
  return n;
}

interface Sources {
  readonly x: Value;
  readonly statics: Value;
}

/** K² */
function dynamicContext(s: Scope, sources: Sources, { kernel, groups, share, attention }: Settled): Value {
  const { x } = sources;
  const [n, channels, ...space] = x.shape as readonly [Dim, number, ...Dim[]];
  const heads = channels / share;
  const [embed, project] = [s.at('embed'), s.at('conv1x1')];
  const seen = s.within(() => seenBy(attention, sources, groups));
  const hidden = batchNorm(embed.at(1), convNd(embed.at(0), seen, { channels: channels / 2, kernel: 1, groups }));
  const thin = s.within(() => op.relu(hidden));
  const places = kernel ** space.length;
  const weights = { channels: places * heads, kernel: 1, groups, bias: true } as const;
  const logits = groupNorm(embed.at(4), convNd(embed.at(3), thin, weights), { groups: heads });
  const values = batchNorm(project.at(1), convNd(project.at(0), x, { channels, kernel: 1, groups }));
  const y = aggregate(s, {
    values,
    reads: { kind: 'window', size: space.map(() => kernel) },
    score: {
      kind: 'given',
      logits: s.within(() => op.reshape(logits, [n, heads, places, productDim(space)])),
    },
    normalise: 'none',
    heads,
    runs: groups,
    tap: 'attention',
  });
  const normed = batchNorm(s.at('bn'), y);
  return s.within(() => op.silu(normed));
}

/** What the affinity is made of: [x, K¹] one behind the other, or channel by channel in turn where there are groups. */
function seenBy(attention: Settled['attention'], { x, statics }: Sources, groups: number): Value {
  if (attention === 'query') return x;
  if (attention === 'key') return statics;
  if (groups === 1) return op.concat([x, statics], 1); // [N, 2C, H, W]
  const [n, channels, ...space] = x.shape as readonly [Dim, number, ...Dim[]];
  const apart = [n, channels, 1, ...space];
  return op.reshape(op.concat([op.reshape(x, apart), op.reshape(statics, apart)], 2), [n, 2 * channels, ...space]);
}

/** s_0 ⊙ K² + s_1 ⊙ K¹; a softmax over two is a sigmoid of their difference. */
function splitAttention(s: Scope, dynamics: Value, statics: Value): Value {
  const [n, channels] = dynamics.shape as readonly [Dim, number, ...Dim[]];
  const axes = dynamics.shape.length - 2;
  const pooled = s.within(() => op.add(globalAveragePool(dynamics), globalAveragePool(statics))); // [N, C]
  const se = s.at('se');
  const width = Math.max(channels / 2, 32);
  const hidden = batchNorm(se.at(1), pointwise(se.at(0), pooled, { channels: width, axes }));
  const logits = pointwise(
    se.at(3),
    s.within(() => op.relu(hidden)),
    { channels: 2 * channels, axes },
  );
  return s.within(() => {
    const pairs = op.reshape(logits, [n, channels, 2]);
    const [zero, one] = op.split(pairs, [1, 1], 2) as [Value, Value];
    const share = op.reshape(op.sigmoid(op.sub(zero, one)), [n, channels]); // s_0
    s.tap('fusion', { axes: 'n c context', value: () => op.softmax(pairs, 2) });
    return op.add(statics, op.mul(op.sub(dynamics, statics), overPositions(share, axes)));
  });
}

/** The authors' `CotLayer` and `CoXtLayer`. */
const layerCase = z.object({ kernel_size: count });

/** The record of {@link contextualTransformer}. */
export const CONTEXTUAL_TRANSFORMER: Block<ContextualTransformerConfig> = {
  kind: 'contextual-transformer',
  title: 'contextual transformer',
  options: z.strictObject({
    kind: z.literal('contextual-transformer'),
    kernel: count.optional(),
    keyKernel: count.optional(),
    groups: z.union([z.literal(1), z.literal(2)]).optional(),
    share: count.optional(),
    context: z.enum(['both', 'static', 'dynamic']).optional(),
    fusion: z.enum(['split-attention', 'sum', 'concatenate']).optional(),
    attention: z.enum(['both', 'query', 'key']).optional(),
  }),
  build: contextualTransformer,
  child: { block: 'cot', stage: 'cot' },
  strides: false,
  axes: [1, 2, 3],
  algebra: [
    {
      mechanism: 'contextual transformer (CoT)',
      reads: 'window k x k',
      score: 'given by two 1 x 1 convolutions of [x, K¹], K¹ a k x k convolution of x',
      normalise: 'none',
      heads: 'C / share',
      sharing: 'c mod heads',
      prior: 'none',
      mix: 'none',
      transform: 'SiLU BN',
      fusion: 's_0 ⊙ y + s_1 ⊙ K¹, s a softmax over the two for each channel',
      macs: 'N k² C + N (C² + k² C² / 16)',
      source: 'Li et al. 2023, eq. 4 and 5',
    },
    {
      mechanism: 'contextual transformer with two groups (CoXt)',
      changes: { groups: 2 },
      reads: 'window k x k',
      score: 'given by two 1 x 1 convolutions of x and K¹ in turn',
      normalise: 'none',
      heads: 'C / share',
      sharing: 'c mod heads / 2 in each half',
      prior: 'none',
      mix: 'none',
      transform: 'SiLU BN',
      fusion: 's_0 ⊙ y + s_1 ⊙ K¹',
      macs: 'N k² C + N (C² + k² C² / 16) / 2',
      source: "the authors' code",
    },
  ],
  sample: { config: { kind: 'contextual-transformer', share: 8 }, shape: [2, 16, 5, 4] },
  references: {
    'cot.CotLayer': (config) => ({
      kind: 'contextual-transformer',
      kernel: readReference(config, layerCase).kernel_size,
    }),
    'cot.CoXtLayer': (config) => ({
      kind: 'contextual-transformer',
      kernel: readReference(config, layerCase).kernel_size,
      groups: 2,
    }),
  },
};

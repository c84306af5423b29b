import * as z from 'zod';
import type { Dim } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { aggregate } from '../aggregate.ts';
import { conv2d } from '../layers/conv.ts';
import { batchNorm } from '../layers/norm.ts';
import { count, ratio } from '../read-options.ts';
import type { Scope } from '../scope.ts';
import type { Block } from './block.ts';
import { channelsOf, divide, makeDivisible } from './shape.ts';

/** Options of {@link splitAttention}. */
export interface SplitAttentionConfig {
  readonly kind: 'split-attention';
  /** Splits R that are weighed against each other: 2 where absent, as in the paper; of 1 a sigmoid is made (SE-conv). */
  readonly radix?: number;
  /** Groups (cardinal groups) of all layers; 1 where absent. */
  readonly groups?: number;
  /** Side of the convolution, odd; 3 where absent. */
  readonly kernel?: number;
  readonly stride?: number;
  /** Hidden width as a factor of R · C, rounded to a multiple of 8; 1/4 where absent, as in the paper. */
  readonly ratio?: number;
  /** Least hidden width; 32 where absent, as in the authors' code. */
  readonly least?: number;
  /** ReLU where absent, as in the paper. */
  readonly activation?: 'relu' | 'silu';
}

/**
 * Split-attention convolution: R convolutions side by side, added up with weights that the whole picture says, channel by
 * channel. With a radix of 1 it is a convolution with squeeze-and-excitation on its result.
 *
 *     U_r = σ(BN(W_r * x))                                  eq. 1: the splits; σ the activation
 *     c = 1/L Σ_j Σ_r u_r,j                                 eq. 2
 *     a = softmax_r(W_2 σ(BN(W_1 c))), or a sigmoid         eq. 3
 *     y = Σ_r a_r ⊙ U_r                                     eq. 4
 *
 * Zhang et al., "ResNeSt: Split-Attention Networks", CVPRW 2022, arXiv:2004.08955; radix 1 is the SE-conv of CoTNet.
 * Departs from the paper: the splits are one convolution of R · groups groups on all of x, as in the authors' code.
 *
 * x [N, C, H, W] → y [N, C, H', W']. Tap `scale` [N, R, C]. State: `conv`, `bn0`, `fc1`, `bn1`, `fc2`.
 */
export function splitAttention(s: Scope, x: Value, config: SplitAttentionConfig): Value {
  const { radix = 2, groups = 1, kernel = 3, stride = 1, activation = 'relu' } = config;
  const channels = channelsOf(s, x);
  divide(s, channels, radix * groups, 'product of radix and groups');
  const act = (v: Value): Value => s.within(() => (activation === 'silu' ? op.silu(v) : op.relu(v)));
  const wide = { channels: radix * channels, kernel, stride, padding: 'same', groups: radix * groups } as const;
  const splits = act(batchNorm(s.at('bn0'), conv2d(s.at('conv'), x, wide))); // [N, R · C, H', W']
  const [n, , h, w] = splits.shape as readonly [Dim, number, Dim, Dim];
  const apart = s.within(() => op.reshape(splits, [n, radix, channels, h, w]));
  const merged = radix === 1 ? splits : s.within(() => op.reduceSum(apart, [1], false)); // [N, C, H', W']
  const mean = aggregate(s, {
    values: merged,
    reads: { kind: 'everywhere' },
    score: { kind: 'none' },
    normalise: 'count',
  });
  const hidden = { channels: hiddenWidth(channels * radix, config), kernel: 1, groups, bias: true };
  const thin = act(batchNorm(s.at('bn1'), conv2d(s.at('fc1'), mean, hidden)));
  const logits = conv2d(s.at('fc2'), thin, { channels: radix * channels, kernel: 1, groups, bias: true });
  return s.within(() => {
    const scale = weights(logits, { n, radix, groups, channels }); // [N, R, C, 1, 1]
    s.tap('scale', { axes: 'n split c', value: () => op.reshape(scale, [n, radix, channels]) });
    if (radix === 1) return op.mul(splits, op.reshape(scale, [n, channels, 1, 1]));
    return op.reduceSum(op.mul(apart, scale), [1], false);
  });
}

function hiddenWidth(channels: number, { ratio: factor = 1 / 4, least = 32 }: SplitAttentionConfig): number {
  return Math.max(least, makeDivisible(channels * factor, 8));
}

interface Splits {
  readonly n: Dim;
  readonly radix: number;
  readonly groups: number;
  readonly channels: number;
}

/** Logits lie as (group, split, channel of the group); the splits as (split, channel). [N, R, C, 1, 1] */
function weights(logits: Value, { n, radix, groups, channels }: Splits): Value {
  const shape = [n, radix, channels, 1, 1];
  if (radix === 1) return op.reshape(op.sigmoid(logits), shape);
  const grouped = op.reshape(logits, [n, groups, radix, channels / groups]);
  return op.reshape(op.softmax(op.transpose(grouped, [0, 2, 1, 3]), 1), shape);
}

/** The record of {@link splitAttention}. */
export const SPLIT_ATTENTION: Block<SplitAttentionConfig> = {
  kind: 'split-attention',
  title: 'split-attention convolution',
  options: z.strictObject({
    kind: z.literal('split-attention'),
    radix: count.optional(),
    groups: count.optional(),
    kernel: count.optional(),
    stride: count.optional(),
    ratio: ratio.optional(),
    least: count.optional(),
    activation: z.enum(['relu', 'silu']).optional(),
  }),
  build: splitAttention,
  child: { block: 'split', stage: 'split' },
  strides: true,
  axes: [2],
  algebra: [
    {
      mechanism: 'split attention (ResNeSt; of radix 1 the SE-conv of CoTNet)',
      reads: 'everywhere, one query for all',
      score: 'none',
      normalise: 'count',
      heads: '1',
      sharing: 'all channels',
      prior: 'none',
      mix: 'none',
      transform: 'softmax over the splits of W_2 σ BN W_1, on one vector',
      fusion: 'Σ_r a_r ⊙ U_r, U_r = σ(BN(W_r * x))',
      macs: 'N C',
      source: 'Zhang et al. 2022, eq. 1 to 4',
    },
  ],
  sample: { config: { kind: 'split-attention', least: 4 }, shape: [2, 8, 5, 4] },
};

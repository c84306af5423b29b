import * as z from 'zod';
import type { Value } from '../../graph/value.ts';
import { convNd } from '../layers/conv.ts';
import { count } from '../read-options.ts';
import type { Scope } from '../scope.ts';
import type { Block } from './block.ts';
import { channelsOf, divide } from './shape.ts';
import { checkWindow } from './window.ts';

/** Options of {@link convolution}. */
export interface ConvolutionConfig {
  readonly kind: 'convolution';
  /** Side k of the kernel, odd; 3 where absent. */
  readonly window?: number;
  /** 1 where absent. */
  readonly groups?: number;
  /** Whether each channel has a bias; false where absent. */
  readonly bias?: boolean;
  /** 1 where absent. */
  readonly stride?: number;
  /** 1 where absent. */
  readonly dilation?: number;
}

/**
 * Convolution, the baseline of every other operator: each place of the window has a linear map of all channels.
 *
 *     y_i = Σ_o W_o x_i+o,   o over the k x k offsets
 *
 * It is no single affinity: k² shifts, each with a transform of its own.
 * Departs from the paper: nowhere; LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998.
 *
 * x [N, C, ..] over one, two or three axes → [N, C, ..'], ⌊(size − 1) / stride⌋ + 1 along each; zeros beyond the border.
 * No tap. State: `weight` [C, C / groups, k, ..], `bias` [C].
 */
export function convolution(s: Scope, x: Value, config: ConvolutionConfig): Value {
  const channels = channelsOf(s, x);
  const { window: kernel = 3, groups = 1, bias = false, stride = 1, dilation = 1 } = config;
  checkWindow(s, x, { window: kernel, stride, dilation });
  divide(s, channels, groups, 'number of groups');
  return convNd(s, x, { channels, kernel, groups, bias, stride, dilation, padding: 'same' });
}

/** The record of {@link convolution}. */
export const CONVOLUTION: Block<ConvolutionConfig> = {
  kind: 'convolution',
  title: 'convolution',
  options: z.strictObject({
    kind: z.literal('convolution'),
    window: count.optional(),
    groups: count.optional(),
    bias: z.boolean().optional(),
    stride: count.optional(),
    dilation: count.optional(),
  }),
  build: convolution,
  child: { block: 'convolution', stage: 'convolution' },
  strides: true,
  axes: [1, 2, 3],
  algebra: [],
  sample: { config: { kind: 'convolution', window: 3 }, shape: [2, 6, 4, 3] },
};

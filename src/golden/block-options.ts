import * as z from 'zod';
import type { ContextSpec } from '../model/blocks/context.ts';

z.config({ jitless: true }); // asks for no `eval`

/** Options of mmcv's non-local block, in its own words but for the mode of comparison. */
export interface NonLocalOptions {
  /** Inner width is the channels divided by this, rounded down, at least 1. */
  readonly reduction: number;
  readonly mode: 'gaussian' | 'embedded_gaussian' | 'dot_product' | 'concatenation';
  readonly use_scale: boolean;
  readonly sub_sample: boolean;
  /** Whether a batch norm ends the block. */
  readonly norm: boolean;
}

/** Reads {@link NonLocalOptions}. */
export const nonLocalOptions: z.ZodType<NonLocalOptions> = z.object({
  reduction: z.number().int().positive().default(2),
  mode: z.enum(['gaussian', 'embedded_gaussian', 'dot_product', 'concatenation']),
  use_scale: z.boolean().default(true),
  sub_sample: z.boolean().default(false),
  norm: z
    .union([z.boolean(), z.null(), z.literal('BN')])
    .default(false)
    .transform(Boolean),
});

const MODES = {
  gaussian: 'gaussian',
  embedded_gaussian: 'embedded-gaussian',
  dot_product: 'dot-product',
  concatenation: 'concatenation',
} as const;

/** mmcv's non-local block on `channels` channels; only its embedded Gaussian heeds `use_scale`. */
export function mmcvNonLocal(options: NonLocalOptions, channels: number): ContextSpec & { readonly kind: 'non-local' } {
  return {
    kind: 'non-local',
    mode: MODES[options.mode],
    innerChannels: Math.max(Math.floor(channels / options.reduction), 1),
    ...(options.mode === 'embedded_gaussian' && { scale: options.use_scale ? 'D^-1/2' : 'none' }),
    ...(options.sub_sample && { subSample: { order: 'after-projection' } }),
    norm: options.norm ? 'batch' : 'none',
    names: 'mmcv',
  };
}

/** Options of GCNet's context block. */
export interface ContextOptions {
  /** Hidden width as a factor of the channels. */
  readonly ratio: number;
  readonly pooling_type: 'att' | 'avg';
  readonly fusion_types: readonly ('channel_add' | 'channel_mul')[];
}

/** Reads {@link ContextOptions}. */
export const contextOptions: z.ZodType<ContextOptions> = z.object({
  ratio: z.number().positive(),
  pooling_type: z.enum(['att', 'avg']).default('att'),
  fusion_types: z
    .array(z.enum(['channel_add', 'channel_mul']))
    .min(1)
    .default(['channel_add']),
});

/** GCNet's context block. */
export function gcnetContext({ ratio, pooling_type, fusion_types }: ContextOptions): ContextSpec {
  return {
    kind: 'global-context',
    ratio,
    pooling: pooling_type === 'att' ? 'attention' : 'average',
    fusions: fusion_types.map((f) => (f === 'channel_add' ? 'add' : 'multiply')),
    names: 'gcnet',
  };
}

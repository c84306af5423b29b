import type { Dim } from '../../graph/dimension.ts';
import { mulDim } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import type { Init } from '../init.ts';
import { conv2d } from '../layers/conv.ts';
import { layerNorm } from '../layers/pointwise.ts';
import type { Scope } from '../scope.ts';

/** Options of {@link patchTokens} and {@link patchEmbed}. */
export interface PatchEmbedConfig {
  readonly channels: number;
  /** Side of a patch, in positions of the map that is cut. */
  readonly patch: number;
  /** First values of the projection; PyTorch's own where absent. */
  readonly init?: Init;
  readonly biasInit?: Init;
}

/** Tokens and the grid that they lie on, row by row. */
export interface Tokens {
  /** [N, h · w, C] */
  readonly tokens: Value;
  readonly grid: readonly [height: Dim, width: Dim];
}

/**
 * Cuts a map into patches that do not overlap and projects each to one token.
 *
 *     t_p = E x_p + b
 *
 * Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, arXiv:2010.11929, eq. 1.
 * Departs from the paper: written as a convolution with its patch as stride (as in all released code).
 *
 * x [N, C', H, W] → tokens [N, ⌊H/p⌋ · ⌊W/p⌋, C]. State: `proj`.
 */
export function patchTokens(s: Scope, x: Value, { channels, patch, init, biasInit }: PatchEmbedConfig): Tokens {
  const y = conv2d(s.at('proj'), x, {
    ...{ channels, kernel: patch, stride: patch, bias: true },
    init: init ?? { kind: 'fan-in-uniform' },
    ...(biasInit && { biasInit }),
  }); // [N, C, h, w]
  return s.within(() => tokensOf(y));
}

/**
 * CONTAINER's patch embedding: patches projected, then a layer norm over their channels (ε 1e-5).
 * x [N, C', H, W] → [N, C, ⌊H/p⌋, ⌊W/p⌋]. State: `proj`, `norm`.
 */
export function patchEmbed(s: Scope, x: Value, config: PatchEmbedConfig): Value {
  const { tokens, grid } = patchTokens(s, x, config);
  const normed = layerNorm(s.at('norm'), tokens);
  return s.within(() => mapOf({ tokens: normed, grid }));
}

/** A map as tokens: [N, C, h, w] → [N, h · w, C]. */
export function tokensOf(x: Value): Tokens {
  const [n, c, h, w] = x.shape as [Dim, Dim, Dim, Dim];
  return { tokens: op.transpose(op.reshape(x, [n, c, mulDim(h, w)]), [0, 2, 1]), grid: [h, w] };
}

/** What {@link tokensOf} did, undone. */
export function mapOf({ tokens, grid }: Tokens): Value {
  const [n, , c] = tokens.shape as [Dim, Dim, Dim];
  return op.reshape(op.transpose(tokens, [0, 2, 1]), [n, c, ...grid]);
}

import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import type { Init } from '../init.ts';
import { dropPath } from '../layers/drop.ts';
import { mlp } from '../layers/mlp.ts';
import { layerNorm } from '../layers/pointwise.ts';
import type { Scope } from '../scope.ts';

/** Options of {@link tokenBlock}. */
export interface TokenBlockConfig {
  /** What reads other tokens, shape preserving and without a residual connection: x [N, L, C] → the same. */
  readonly mixer: (s: Scope, x: Value) => Value;
  /** Hidden width of the feed-forward part. */
  readonly hidden: number;
  /** Children that hold the mixer and the feed-forward part; `attn` and `mlp` where absent. */
  readonly names?: { readonly mixer: string; readonly mlp: string };
  /** Added to the variance of the layer norms; 1e-6 where absent (timm). */
  readonly epsilon?: number;
  /** First values of the feed-forward part; PyTorch's own where absent. */
  readonly init?: (fanIn: number, fanOut: number) => Init;
  readonly biasInit?: Init;
  /** Probability that a picture skips a branch in training; 0 where absent. */
  readonly dropPath?: number;
}

/**
 * Transformer block of tokens around any mixer, its norms in front.
 *
 *     v = x + mixer(LN(x))                      eq. 2
 *     y = v + W₂ GELU(W₁ LN(v) + b₁) + b₂       eq. 3
 *
 * Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021, arXiv:2010.11929.
 * Departs from the paper: nowhere; names are timm's.
 *
 * x [N, L, C] → y, the same. State: `norm1`, the mixer's child, `norm2`, `mlp.fc1`, `mlp.fc2`.
 */
export function tokenBlock(s: Scope, x: Value, config: TokenBlockConfig): Value {
  const { mixer, hidden, epsilon = 1e-6, dropPath: rate = 0, init, biasInit } = config;
  const { names = { mixer: 'attn', mlp: 'mlp' } } = config;
  const [mixing, feeding] = [s.at(names.mixer), s.at(names.mlp)];
  const mixed = mixing.within(() => mixer(mixing, layerNorm(s.at('norm1'), x, { epsilon })));
  const v = s.within(() => op.add(x, dropPath(mixing, mixed, rate)));
  const first = { hidden, ...(init && { init }), ...(biasInit && { biasInit }) };
  const fed = mlp(feeding, layerNorm(s.at('norm2'), v, { epsilon }), first);
  return s.within(() => op.add(v, dropPath(feeding, fed, rate)));
}

import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { conv2d } from '../layers/conv.ts';
import { dropPath } from '../layers/drop.ts';
import { convMlp } from '../layers/mlp.ts';
import { batchNorm } from '../layers/norm.ts';
import type { Scope } from '../scope.ts';
import { channelsOf } from './shape.ts';

/** Options of {@link containerBlock}. */
export interface ContainerBlockConfig {
  /** What reads other positions, shape preserving and without a residual connection: x [N, C, H, W] → the same. */
  readonly mixer: (s: Scope, x: Value) => Value;
  /** Hidden width of the feed-forward part as a factor of C, rounded down. */
  readonly mlpRatio: number;
  /** Whether a depthwise 3 x 3 convolution adds positions; true where absent. */
  readonly position?: boolean;
  /** Probability that a picture skips a branch in training; 0 where absent. */
  readonly dropPath?: number;
}

/**
 * The block of CONTAINER around any mixer: `CBlock` with a static one, `MixBlock` with a mixture.
 *
 *     u = x + pos(x)                            a depthwise 3 x 3 convolution, the only position encoding
 *     v = u + mixer(BN(u))                      Y = F(X, W) + X
 *     y = v + W₂ GELU(W₁ BN(v) + b₁) + b₂
 *
 * Gao et al., "Container: Context Aggregation Network", NeurIPS 2021, arXiv:2106.01401; blocks as in the authors' code.
 * Departs from it: nowhere.
 *
 * x [N, C, H, W] → y, the same. State: `pos_embed`, `norm1`, what the mixer has, `norm2`, `mlp.fc1`, `mlp.fc2`.
 */
export function containerBlock(s: Scope, x: Value, config: ContainerBlockConfig): Value {
  const { mixer, mlpRatio, position = true, dropPath: rate = 0 } = config;
  const c = channelsOf(s, x);
  const u = position ? positioned(s, x, c) : x;
  const mixed = mixer(s, batchNorm(s.at('norm1'), u));
  const v = s.within(() => op.add(u, dropPath(s.at('mixer'), mixed, rate)));
  const fed = convMlp(s.at('mlp'), batchNorm(s.at('norm2'), v), { hidden: Math.floor(c * mlpRatio) });
  return s.within(() => op.add(v, dropPath(s.at('mlp'), fed, rate)));
}

function positioned(s: Scope, x: Value, channels: number): Value {
  const pos = conv2d(s.at('pos_embed'), x, {
    ...{ channels, kernel: 3, padding: 1, groups: channels, bias: true },
    init: { kind: 'fan-in-uniform' },
  });
  return s.within(() => op.add(x, pos));
}

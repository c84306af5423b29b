import { type Dim, mulDim } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { ONES, ZEROS } from '../init.ts';
import type { Scope } from '../scope.ts';

/** Options of {@link groupNorm}. */
export interface GroupNormConfig {
  /** Groups of neighbouring channels; they divide the channels. */
  readonly groups: number;
  /** Added to the variance; 1e-5 where absent. */
  readonly epsilon?: number;
}

/**
 * Group norm: each picture's groups of channels have mean 0 and variance 1 over all positions, then each channel its
 * own scale and bias. Wu & He, "Group Normalization", ECCV 2018, arXiv:1803.08494. Departs from the paper: nowhere.
 *
 * x [N, C, ..] → the same. State: `weight`, `bias` [C].
 */
export function groupNorm(s: Scope, x: Value, { groups, epsilon = 1e-5 }: GroupNormConfig): Value {
  const [n, c, ...space] = x.shape as readonly [Dim, number, ...Dim[]];
  const scale = s.param('weight', [c], ONES);
  const bias = s.param('bias', [c], ZEROS);
  return s.within(() => {
    const rows = op.reshape(x, [n, groups, -1]); // [N, G, C/G · L]
    const mean = op.reduceMean(rows, [2]); // [N, G, 1]
    const centred = op.sub(rows, mean);
    const variance = op.reduceMean(op.mul(centred, centred), [2]);
    // Every channel of every picture as a channel of one picture: the engine's norm is one pass.
    const each = (v: Value): Value => op.reshape(op.expand(v, [n, groups, c / groups]), [-1]); // [N · C]
    const own = (v: Value): Value => each(op.reshape(v, [1, groups, c / groups]));
    const lines = op.reshape(x, [1, mulDim(n, c), ...space]);
    const y = op.batchNormalization(lines, own(scale), own(bias), each(mean), each(variance), epsilon);
    return op.reshape(y, x.shape);
  });
}

import * as op from '../../graph/ops/index.ts';
import { scalar } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import { type Init, ONES, ZEROS } from '../init.ts';
import type { Scope } from '../scope.ts';

/** Options of {@link batchNorm}. */
export interface BatchNormConfig {
  /** Added to the variance; 1e-5 where absent. */
  readonly epsilon?: number;
  /** Share of the new statistics in the running ones; 0.1 where absent (PyTorch's sense). */
  readonly momentum?: number;
  /** First scale; ones where absent. */
  readonly init?: Init;
}

/**
 * Batch norm over all axes but the channels: batch statistics in training, running ones in inference and where the
 * scope says that the norm is frozen.
 * The running variance takes the unbiased batch variance, as PyTorch's.
 * x [N, C, ..] → the same. State: `weight`, `bias`, `running_mean`, `running_var`, `num_batches_tracked`.
 */
export function batchNorm(s: Scope, x: Value, config: BatchNormConfig = {}): Value {
  const { epsilon = 1e-5, momentum = 0.1 } = config;
  const c = x.shape[1]!;
  const scale = s.param('weight', [c], config.init ?? ONES);
  const bias = s.param('bias', [c], ZEROS);
  const mean = s.buffer('running_mean', [c], ZEROS);
  const variance = s.buffer('running_var', [c], ONES);
  const running = !s.training || s.frozenNorm;
  s.counter('num_batches_tracked', running ? 'still' : 'counting');
  return s.within(() => {
    if (running) return op.batchNormalization(x, scale, bias, mean, variance, epsilon);
    const batch = op.batchStatistics(x);
    const unbiased = op.mul(batch.variance, op.div(batch.count, op.max(op.sub(batch.count, scalar(1)), scalar(1))));
    s.update('running_mean', blend(mean, op.stopGradient(batch.mean), momentum));
    s.update('running_var', blend(variance, op.stopGradient(unbiased), momentum));
    return op.batchNormalizationTraining(x, scale, bias, epsilon);
  });
}

/** (1 − share) a + share b */
function blend(a: Value, b: Value, share: number): Value {
  return op.add(op.mul(a, scalar(1 - share)), op.mul(b, scalar(share)));
}

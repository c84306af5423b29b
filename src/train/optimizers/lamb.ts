import * as op from '../../graph/ops/index.ts';
import { scalar } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import type { LambConfig, Optimizer } from './optimizer.ts';

/**
 * LAMB: Adam's direction, at a length that goes with the parameter's own (You et al. 2020, arXiv:1904.00962, algorithm 2).
 *
 *     m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²
 *     u = m / (1 − β₁ᵗ) / (√v / √(1 − β₂ᵗ) + ε) + λ p
 *     p ← p − η r u,  r = ‖p‖ / ‖u‖, or 1 where either is 0
 *
 * Source: timm's Lamb, as apex's FusedLAMB. Departs from the paper as they do: φ is the identity, and r is 1 for parameters
 * without decay (norms, biases) unless `alwaysAdapt`. Departs from them: the common norm of the gradients is clipped only
 * where the step's `clipNorm` says so; theirs is 1.
 */
export function lamb(config: LambConfig): Optimizer {
  const { betas = [0.9, 0.999], eps = 1e-6, alwaysAdapt = false, trustClip = false } = config;
  const [b1, b2] = betas;
  return {
    slots: ['exp_avg', 'exp_avg_sq'],
    scalars: (step, learningRate) => ({
      learningRate,
      meanCorrection: 1 / (1 - b1 ** step),
      rootCorrection: 1 / Math.sqrt(1 - b2 ** step),
    }),
    update: ({ parameter, gradient, slots, scalars, decay, rate }) => {
      const m = op.add(op.mul(slots['exp_avg']!, scalar(b1)), op.mul(gradient, scalar(1 - b1)));
      const squares = op.mul(op.mul(gradient, gradient), scalar(1 - b2));
      const v = op.add(op.mul(slots['exp_avg_sq']!, scalar(b2)), squares);
      const root = op.add(op.mul(op.sqrt(v), scalars['rootCorrection']!), scalar(eps));
      const direction = op.div(op.mul(m, scalars['meanCorrection']!), root);
      const u = decay === 0 ? direction : op.add(direction, op.mul(parameter, scalar(decay)));
      const lr = rate === 1 ? scalars['learningRate']! : op.mul(scalars['learningRate']!, scalar(rate));
      const adapts = decay !== 0 || alwaysAdapt;
      const length = adapts ? op.mul(lr, trustRatio(parameter, u, trustClip)) : lr;
      return { parameter: op.sub(parameter, op.mul(u, length)), slots: { exp_avg: m, exp_avg_sq: v } };
    },
  };
}

/** ‖p‖ / ‖u‖ [], 1 where either is 0. */
function trustRatio(p: Value, u: Value, clip: boolean): Value {
  const norm = (v: Value): Value => op.sqrt(op.reduceSumSquare(v, undefined, false));
  const [own, other] = [norm(p), norm(u)];
  const zero = scalar(0);
  // Where ‖u‖ is 0 the quotient is not read, but it must be a number.
  const ratio = op.div(own, op.where(op.greater(other, zero), other, scalar(1)));
  const usable = op.where(op.greater(own, zero), op.where(op.greater(other, zero), ratio, scalar(1)), scalar(1));
  return clip ? op.min(usable, scalar(1)) : usable;
}

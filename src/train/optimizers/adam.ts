import * as op from '../../graph/ops/index.ts';
import { scalar } from '../../graph/trace.ts';
import type { AdamConfig, Optimizer } from './optimizer.ts';

/**
 * Adam (Kingma and Ba 2015, algorithm 1) and AdamW (Loshchilov and Hutter 2019).
 *
 *     adam:  g ← g + λ p            adamw: p ← p (1 − η λ)
 *     m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²
 *     p ← p − η / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
 *
 * Source: torch.optim.Adam and AdamW. Departures: nowhere.
 */
export function adam(config: AdamConfig): Optimizer {
  const { betas = [0.9, 0.999], eps = 1e-8, kind } = config;
  const [b1, b2] = betas;
  return {
    slots: ['exp_avg', 'exp_avg_sq'],
    scalars: (step, learningRate) => ({
      learningRate,
      stepSize: learningRate / (1 - b1 ** step),
      rootCorrection: 1 / Math.sqrt(1 - b2 ** step),
    }),
    update: ({ parameter, gradient, slots, scalars, decay, rate }) => {
      const scaled = (name: string): typeof parameter =>
        rate === 1 ? scalars[name]! : op.mul(scalars[name]!, scalar(rate));
      const coupled = kind === 'adam' && decay !== 0;
      const g = coupled ? op.add(gradient, op.mul(parameter, scalar(decay))) : gradient;
      const kept = op.sub(scalar(1), op.mul(scaled('learningRate'), scalar(decay)));
      const p = kind === 'adamw' && decay !== 0 ? op.mul(parameter, kept) : parameter;
      const m = op.add(op.mul(slots['exp_avg']!, scalar(b1)), op.mul(g, scalar(1 - b1)));
      const v = op.add(op.mul(slots['exp_avg_sq']!, scalar(b2)), op.mul(op.mul(g, g), scalar(1 - b2)));
      const root = op.add(op.mul(op.sqrt(v), scalars['rootCorrection']!), scalar(eps));
      const next = op.sub(p, op.mul(op.div(m, root), scaled('stepSize')));
      return { parameter: next, slots: { exp_avg: m, exp_avg_sq: v } };
    },
  };
}

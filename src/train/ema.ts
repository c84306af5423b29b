import type { Tensor } from '../core/tensor.ts';

/** Exponential moving average of weights, as timm's ModelEmaV2 and ModelEmaV3. */
export interface EmaConfig {
  /** Share kept at each step, 0.9999 by custom. */
  readonly decay: number;
  /** Lets the decay rise from 0 with the steps (ModelEmaV3's warm-up). */
  readonly warmup?: { readonly gamma: number; readonly power: number };
}

/** The decay of a step, counted from 1: min(decay, 1 − (1 + (step − 1) / gamma)^−power) with warm-up. */
export function emaDecay(config: EmaConfig, step: number): number {
  if (!config.warmup) return config.decay;
  const { gamma, power } = config.warmup;
  return Math.max(0, Math.min(config.decay, 1 - (1 + (step - 1) / gamma) ** -power));
}

/** average ← decay · average + (1 − decay) · value, in place, elementwise. */
export function emaUpdate(average: Tensor, value: Tensor, decay: number): void {
  const a = average.data as Float32Array;
  const v = value.data as Float32Array;
  for (let i = 0; i < a.length; i++) a[i] = decay * a[i]! + (1 - decay) * v[i]!;
}

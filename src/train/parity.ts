import { type Tensor, toNumbers } from '../core/tensor.ts';
import type { Precision } from './export-run.ts';

/** How near a module's output is to what it should be. */
export interface ModuleParity {
  /** Path in the network, such as `layer1.0.conv2`; `logits` for the outcome of the graph as it is. */
  readonly module: string;
  readonly shape: readonly number[];
  /** Largest difference, relative to the largest number that should be there. */
  readonly error: number;
  /** Mean difference, relative to the same. */
  readonly mean: number;
  readonly passes: boolean;
}

/** What may differ: at most, and on average. */
export interface ParityBounds {
  readonly error: number;
  readonly mean: number;
}

/** By precision: float32 rounding through a hundred layers; half precision's 2^-11 a step; eight bits' 1/255 a step. */
export const PARITY_BOUNDS: Readonly<Record<Precision, ParityBounds>> = {
  float32: { error: 1e-4, mean: 1e-5 },
  float16: { error: 2e-2, mean: 2e-3 },
  int8: { error: 0.5, mean: 0.05 },
};

/** Compares one output with what it should be. */
export function parityOf(
  module: string,
  { should, is }: { readonly should: Tensor; readonly is: Tensor },
  bounds: ParityBounds,
): ModuleParity {
  const { shape } = should;
  const same = shape.length === is.shape.length && shape.every((d, i) => d === is.shape[i]);
  if (!same) {
    const none = Number.POSITIVE_INFINITY;
    return { module, shape: is.shape, error: none, mean: none, passes: false };
  }
  const [a, b] = [toNumbers(should), toNumbers(is)];
  let [largest, worst, sum] = [1e-30, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const d = Math.abs(a[i]! - b[i]!);
    worst = Number.isNaN(d) ? Number.POSITIVE_INFINITY : Math.max(worst, d);
    sum += d;
    largest = Math.max(largest, Math.abs(a[i]!));
  }
  const [error, mean] = [worst / largest, sum / a.length / largest];
  return { module, shape, error, mean, passes: error <= bounds.error && mean <= bounds.mean };
}

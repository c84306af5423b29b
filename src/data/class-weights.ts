import { Fault } from '../core/fault.ts';

/** How classes are weighed in the loss: a rule over their counts, or one weight a class. */
export type ClassWeighting =
  | 'none'
  | 'balanced'
  | 'effective'
  | { readonly kind: 'effective'; readonly beta: number }
  | readonly number[];

/** β of the effective number where none is given: it grows to at most 1 / (1 − β) = 1000. */
const EFFECTIVE_BETA = 0.999;

/**
 * Weight of each class in a loss; null where none are wanted.
 *
 *     balanced:   w_k = n / (K n_k)                        scikit-learn's compute_class_weight
 *     effective:  w_k ∝ (1 − β) / (1 − β^n_k), Σ w = K     eq. 6 (inverse effective number)
 *
 * n_k pictures of class k, n of all, K classes that have any; a class without pictures weighs 0.
 *
 * Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR 2019, arXiv:1901.05555.
 * Departs from the paper: nowhere (β of 0.9 to 0.9999 there; 0.999 here unless given).
 *
 * counts [K] → weights [K].
 */
export function classWeights(counts: readonly number[], kind: ClassWeighting): Float32Array | null {
  if (kind === 'none') return null;
  if (typeof kind === 'object' && !('kind' in kind)) return given(kind, counts.length);
  const present = counts.filter((n) => n > 0).length;
  if (present === 0) throw new Fault('data', 'class weights: expected pictures to count, got none in any class.');
  if (kind === 'balanced') {
    const total = counts.reduce((a, b) => a + b, 0);
    return Float32Array.from(counts, (n) => (n > 0 ? total / (present * n) : 0));
  }
  const beta = kind === 'effective' ? EFFECTIVE_BETA : kind.beta;
  if (!(beta >= 0 && beta < 1))
    throw new Fault('config', `class weights.beta: expected a number in [0, 1), got ${beta}.`);
  // expm1 and log1p: 1 − β^n loses its digits where β is near 1.
  const raw = counts.map((n) => (n > 0 && beta > 0 ? (1 - beta) / -Math.expm1(n * Math.log(beta)) : Number(n > 0)));
  const scale = present / raw.reduce((a, b) => a + b, 0);
  return Float32Array.from(raw, (w) => w * scale);
}

function given(weights: readonly number[], classes: number): Float32Array {
  const right = weights.length === classes && weights.every((w) => Number.isFinite(w) && w >= 0);
  if (!right || !weights.some((w) => w > 0)) {
    const wanted = `${classes} weights of at least 0, one a class, not all 0`;
    throw new Fault('config', `class weights: expected ${wanted}, got ${JSON.stringify(weights)}.`);
  }
  return Float32Array.from(weights);
}

/**
 * Weight of the positives of each class where a picture may have several: negatives over positives, at most `limit`
 * (torch's `pos_weight`). counts [K] of `samples` pictures → [K]; a class without pictures gets 1.
 */
export function positiveWeights(counts: readonly number[], samples: number, limit = 100): Float32Array {
  return Float32Array.from(counts, (n) => (n > 0 ? Math.min((samples - n) / n, limit) : 1));
}

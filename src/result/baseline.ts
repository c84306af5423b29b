import { expect } from '../core/fault.ts';

/** Options of {@link fitLogistic}. */
export interface LogisticOptions {
  /** Number of classes K. */
  readonly classes: number;
  /** Weight decay λ on weights (not biases), on features of unit variance overall; 0.01. */
  readonly l2?: number;
  /** `balanced` gives every class the same total weight; `samples` (the default) every sample. */
  readonly weigh?: 'samples' | 'balanced';
  /** Most steps of L-BFGS; 200. */
  readonly iterations?: number;
  /** Stops when no entry of the gradient exceeds this; 1e-4. */
  readonly tolerance?: number;
}

/** A fitted multinomial logistic regression: logits = x Wᵀ + b. */
export interface LogisticModel {
  readonly classes: number;
  readonly features: number;
  /** W [K, D] */
  readonly weights: Float64Array;
  /** b [K] */
  readonly bias: Float64Array;
  /** Objective at the end. */
  readonly objective: number;
  /** Steps taken. */
  readonly iterations: number;
  /** Whether the gradient fell below the tolerance. */
  readonly converged: boolean;
}

/** Centred and scaled features, and what was done to them. */
interface Prepared {
  readonly x: Float64Array; // [N, D]
  readonly mean: Float64Array; // [D]
  readonly deviation: number;
}

/**
 * Features minus their means, over one standard deviation common to all: weight decay then means the same whatever
 * the features' unit, and features keep their sizes relative to each other.
 */
function prepare(features: Float32Array, n: number, d: number): Prepared {
  const mean = new Float64Array(d);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) mean[j]! += features[i * d + j]! / n;
  let squares = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) squares += (features[i * d + j]! - mean[j]!) ** 2;
  expect(Number.isFinite(squares), 'data', 'fitLogistic: expected finite features, got NaN or infinity.');
  const deviation = Math.sqrt(squares / (n * d)) || 1; // constant features say nothing; only biases are learnt then
  const x = new Float64Array(n * d);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) x[i * d + j] = (features[i * d + j]! - mean[j]!) / deviation;
  return { x, mean, deviation };
}

/** Σ_j a[i + j] b[k + j] over n entries; four sums side by side hide the latency of additions. */
function dot(a: Float64Array, i: number, b: Float64Array, k: number, n: number): number {
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let j = 0;
  for (; j + 3 < n; j += 4) {
    s0 += a[i + j]! * b[k + j]!;
    s1 += a[i + j + 1]! * b[k + j + 1]!;
    s2 += a[i + j + 2]! * b[k + j + 2]!;
    s3 += a[i + j + 3]! * b[k + j + 3]!;
  }
  for (; j < n; j++) s0 += a[i + j]! * b[k + j]!;
  return s0 + s1 + s2 + s3;
}

interface Problem {
  readonly x: Float64Array; // [N, D]
  readonly labels: ArrayLike<number>; // [N]
  readonly sampleWeights: Float64Array; // [N], sums to 1
  readonly classes: number;
  readonly features: number;
  readonly l2: number;
}

/**
 * Objective and gradient at θ = (W [K, D], b [K]); returns the objective, overwrites `gradient`.
 *
 *     f = Σ_n v_n (log Σ_c exp(z_nc) - z_ny) + λ/2 |W|²,   r_nc = ∂f/∂z_nc = v_n (softmax(z_n)_c - [c = y_n])
 */
function evaluate(problem: Problem, theta: Float64Array, gradient: Float64Array): number {
  const { x, labels, sampleWeights, classes, features, l2 } = problem;
  const biases = classes * features;
  for (let j = 0; j < biases; j++) gradient[j] = l2 * theta[j]!;
  gradient.fill(0, biases);
  let objective = (l2 / 2) * dot(theta, 0, theta, 0, biases);
  const residuals = new Float64Array(labels.length * classes); // [N, K]
  const z = new Float64Array(classes);
  for (let i = 0; i < labels.length; i++) {
    for (let c = 0; c < classes; c++) z[c] = theta[biases + c]! + dot(x, i * features, theta, c * features, features);
    const top = z.reduce((a, b) => Math.max(a, b));
    const logSum = top + Math.log(z.reduce((sum, v) => sum + Math.exp(v - top), 0));
    objective += sampleWeights[i]! * (logSum - z[labels[i]!]!);
    for (let c = 0; c < classes; c++) {
      const r = sampleWeights[i]! * (Math.exp(z[c]! - logSum) - (c === labels[i] ? 1 : 0));
      residuals[i * classes + c] = r;
      gradient[biases + c]! += r;
    }
  }
  addProducts(problem, residuals, gradient);
  return objective;
}

/** gradient_cj += Σ_n r_nc x_nj, four samples at a time: one load and store of the gradient serves four products. */
function addProducts(problem: Problem, residuals: Float64Array, gradient: Float64Array): void {
  const { x, classes, features } = problem;
  const n = residuals.length / classes;
  const zero = new Float64Array(features);
  const rowOf = (i: number): Float64Array => (i < n ? x.subarray(i * features, (i + 1) * features) : zero);
  for (let i = 0; i < n; i += 4) {
    const [x0, x1, x2, x3] = [rowOf(i), rowOf(i + 1), rowOf(i + 2), rowOf(i + 3)];
    for (let c = 0; c < classes; c++) {
      const r0 = residuals[i * classes + c]!;
      const r1 = residuals[(i + 1) * classes + c] ?? 0;
      const r2 = residuals[(i + 2) * classes + c] ?? 0;
      const r3 = residuals[(i + 3) * classes + c] ?? 0;
      const at = c * features;
      for (let j = 0; j < features; j++) {
        gradient[at + j]! += r0 * x0[j]! + r1 * x1[j]! + r2 * x2[j]! + r3 * x3[j]!;
      }
    }
  }
}

/** One correction pair of L-BFGS. */
interface Pair {
  readonly s: Float64Array; // θ' - θ
  readonly y: Float64Array; // g' - g
  readonly rho: number; // 1 / sᵀy
}

/** -H g by the two-loop recursion. Nocedal and Wright, "Numerical Optimization", algorithm 7.4. */
function direction(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const n = gradient.length;
  const q = gradient.map((g) => -g);
  const alphas = new Float64Array(pairs.length);
  for (let k = pairs.length - 1; k >= 0; k--) {
    const { s, y, rho } = pairs[k]!;
    const alpha = rho * dot(s, 0, q, 0, n);
    alphas[k] = alpha;
    for (let j = 0; j < n; j++) q[j]! -= alpha * y[j]!;
  }
  const last = pairs.at(-1);
  const scale = last ? 1 / (last.rho * dot(last.y, 0, last.y, 0, n)) : 1 / Math.max(1, Math.sqrt(dot(q, 0, q, 0, n)));
  for (let j = 0; j < n; j++) q[j]! *= scale;
  pairs.forEach(({ s, y, rho }, k) => {
    const beta = rho * dot(y, 0, q, 0, n);
    for (let j = 0; j < n; j++) q[j]! += (alphas[k]! - beta) * s[j]!;
  });
  return q;
}

const largest = (values: Float64Array): number => values.reduce((m, v) => Math.max(m, Math.abs(v)), 0);

/** Minimises by L-BFGS (10 pairs) with backtracking until Armijo's condition (1e-4) holds. */
function minimise(problem: Problem, most: number, tolerance: number) {
  const size = problem.classes * (problem.features + 1);
  let theta = new Float64Array(size);
  let gradient = new Float64Array(size);
  let objective = evaluate(problem, theta, gradient);
  const pairs: Pair[] = [];
  let iterations = 0;
  while (iterations < most && largest(gradient) > tolerance) {
    const d = direction(gradient, pairs);
    const slope = dot(d, 0, gradient, 0, size);
    const nextGradient = new Float64Array(size);
    let next = theta;
    let value = Number.POSITIVE_INFINITY;
    let step = 1;
    for (; step > 1e-10; step /= 2) {
      next = theta.map((v, j) => v + step * d[j]!);
      value = evaluate(problem, next, nextGradient);
      if (value <= objective + 1e-4 * step * slope) break;
    }
    if (step <= 1e-10) break; // rounding: no step lowers the objective any more
    const s = next.map((v, j) => v - theta[j]!);
    const y = nextGradient.map((v, j) => v - gradient[j]!);
    const curvature = dot(s, 0, y, 0, size);
    if (curvature > 0) pairs.push({ s, y, rho: 1 / curvature });
    if (pairs.length > 10) pairs.shift();
    [theta, gradient, objective] = [next, nextGradient, value];
    iterations++;
  }
  return { theta, objective, iterations, converged: largest(gradient) <= tolerance };
}

function weighSamples(labels: ArrayLike<number>, classes: number, how: 'samples' | 'balanced'): Float64Array {
  const counts = new Float64Array(classes);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    expect(
      Number.isInteger(label) && label >= 0 && label < classes,
      'data',
      () => `fitLogistic: sample ${i}: expected a label from 0 to ${classes - 1}, got ${label}.`,
    );
    counts[label]! += 1;
  }
  const present = counts.reduce((sum, c) => sum + (c > 0 ? 1 : 0), 0);
  return Float64Array.from({ length: labels.length }, (_, i) =>
    how === 'balanced' ? 1 / (present * counts[labels[i]!]!) : 1 / labels.length,
  );
}

/**
 * Multinomial logistic regression on a feature matrix [N, D]: the baseline that a network on the same pixels must beat.
 * Convex and started at zero, so the same data give the same model. Biases are not decayed.
 */
export function fitLogistic(
  features: Float32Array,
  labels: ArrayLike<number>,
  options: LogisticOptions,
): LogisticModel {
  const { classes, l2 = 0.01, weigh = 'samples', iterations = 200, tolerance = 1e-4 } = options;
  const n = labels.length;
  expect(
    Number.isInteger(classes) && classes > 0,
    'config',
    `classes: expected a whole number from 1, got ${classes}.`,
  );
  expect(n > 0, 'data', 'fitLogistic: expected at least one sample, got none.');
  expect(
    features.length > 0 && features.length % n === 0,
    'shape',
    `fitLogistic: expected ${n} rows of equal length, got ${features.length} numbers.`,
  );
  expect(l2 >= 0 && Number.isFinite(l2), 'config', `l2: expected a number from 0, got ${l2}.`);
  const d = features.length / n;
  const sampleWeights = weighSamples(labels, classes, weigh);
  const { x, mean, deviation } = prepare(features, n, d);
  const fit = minimise({ x, labels, sampleWeights, classes, features: d, l2 }, iterations, tolerance);
  const weights = fit.theta.slice(0, classes * d).map((w) => w / deviation); // [K, D]
  const bias = Float64Array.from(
    { length: classes },
    (_, c) => fit.theta[classes * d + c]! - dot(weights, c * d, mean, 0, d),
  );
  const { objective, iterations: taken, converged } = fit;
  return { classes, features: d, weights, bias, objective, iterations: taken, converged };
}

/** Logits of a fitted regression. features [N, D] → [N, K] */
export function logisticLogits(model: LogisticModel, features: Float32Array): Float32Array {
  const { classes, features: d, weights, bias } = model;
  expect(
    features.length % d === 0,
    'shape',
    `logisticLogits: expected rows of ${d} features, got ${features.length} numbers.`,
  );
  const n = features.length / d;
  const x = Float64Array.from(features);
  const out = new Float32Array(n * classes); // [N, K]
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < classes; c++) out[i * classes + c] = bias[c]! + dot(x, i * d, weights, c * d, d);
  }
  return out;
}

/** How numbers are spread: counts of those up to each limit and above the one before. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
  /** Upper limits of the buckets, rising. */
  readonly limits: readonly number[];
  readonly counts: readonly number[];
}

/** Buckets of a histogram, as many as TensorBoard's own summaries have. */
const BUCKETS = 30;

/** The finite values in buckets of equal width; null where there is none. */
export function histogramOf(values: Float32Array): Histogram | null {
  let [min, max, count, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    if (!Number.isFinite(v)) continue;
    if (v < min) min = v;
    if (v > max) max = v;
    count++;
    sum += v;
    squares += v * v;
  }
  if (count === 0) return null;
  if (min === max) return { min, max, count, sum, squares, limits: [max], counts: [count] };
  const counts = new Float64Array(BUCKETS);
  const scale = BUCKETS / (max - min);
  for (let i = 0; i < values.length; i++) {
    const v = values[i]!;
    if (Number.isFinite(v)) counts[Math.min(BUCKETS - 1, Math.floor((v - min) * scale))]! += 1;
  }
  const limits = Array.from({ length: BUCKETS }, (_, i) =>
    i === BUCKETS - 1 ? max : min + ((i + 1) * (max - min)) / BUCKETS,
  );
  return { min, max, count, sum, squares, limits, counts: [...counts] };
}

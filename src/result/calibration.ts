/** Answers of about the same probability, and how often they were right. */
export interface CalibrationBin {
  /** Probabilities from `low` to `high`. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Mean probability of the answers, and the share of them that was right. */
  readonly confidence: number;
  readonly accuracy: number;
}

/** Whether probabilities mean what they say. */
export interface Calibration {
  /** Bins that hold answers, by rising probability. */
  readonly bins: readonly CalibrationBin[];
  /** Expected calibration error: Σ n_b / N |accuracy_b − confidence_b|. */
  readonly error: number;
  readonly count: number;
}

/** Adds up answers one by one. */
export interface CalibrationMeter {
  add(probability: number, isRight: boolean): void;
  result(): Calibration;
}

const BINS = 15;

/**
 * A meter of calibration over 15 bins of equal width.
 *
 * Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, arXiv:1706.04599, eq. 3.
 */
export function calibrationMeter(): CalibrationMeter {
  const counts = new Float64Array(BINS);
  const sums = new Float64Array(BINS);
  const right = new Float64Array(BINS);
  const result = (): Calibration => {
    const count = counts.reduce((a, b) => a + b, 0);
    const bins = Array.from(
      counts,
      (n, b): CalibrationBin => ({
        low: b / BINS,
        high: (b + 1) / BINS,
        count: n,
        confidence: n > 0 ? sums[b]! / n : 0,
        accuracy: n > 0 ? right[b]! / n : 0,
      }),
    ).filter((bin) => bin.count > 0);
    const error = bins.reduce((sum, b) => sum + (b.count / count) * Math.abs(b.accuracy - b.confidence), 0);
    return { bins, error, count };
  };
  return {
    add: (probability, isRight) => {
      const bin = Math.min(BINS - 1, Math.floor(probability * BINS));
      counts[bin]! += 1;
      sums[bin]! += probability;
      right[bin]! += Number(isRight);
    },
    result,
  };
}

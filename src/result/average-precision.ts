/**
 * Average precision of one class, as scikit-learn's `average_precision_score`: no interpolation, samples of equal score
 * come in together.
 *
 *     AP = Σ_n (R_n − R_n−1) P_n    over the distinct scores from the largest to the smallest
 *     P_n, R_n: precision and recall of "score at least the n-th"
 *
 * scores [N], targets [N] of zeros and ones → AP; null where no target is one.
 */
export function averagePrecision(scores: ArrayLike<number>, targets: ArrayLike<number>): number | null {
  const order = Int32Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  const total = order.reduce((count, i) => count + targets[i]!, 0);
  if (total === 0) return null;
  let sum = 0;
  let correct = 0;
  let before = 0;
  order.forEach((i, n) => {
    correct += targets[i]!;
    const next = order[n + 1];
    if (next !== undefined && scores[next] === scores[i]) return;
    sum += ((correct - before) / total) * (correct / (n + 1));
    before = correct;
  });
  return sum;
}

import { Fault } from '../../core/fault.ts';
import { showDims } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import { scalar } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import { oneHot } from './classification.ts';

/** Options of {@link binaryCrossEntropy}. */
export interface BinaryCrossEntropyConfig {
  /** Share ε of each target that is replaced by 1 / K, as timm's; 0 where absent. */
  readonly labelSmoothing?: number;
  /** Targets above this become 1 and the others 0, after smoothing, as timm's; absent: targets stay. */
  readonly threshold?: number;
  /** Weight w_k of each class, [K]; ones where absent. */
  readonly classWeights?: Value;
  /** Weight p_k of each class where it is meant, [K]: negatives over positives balance a class; ones where absent. */
  readonly positiveWeights?: Value;
  /** Whether classes are summed and only pictures averaged (timm's `sum_classes`); false: both are averaged. */
  readonly sumClasses?: boolean;
}

/**
 * Binary cross entropy of K independent classes, with logits.
 *
 *     loss = Σ_n Σ_k w_k [p_k t'_nk softplus(−x_nk) + (1 − t'_nk) softplus(x_nk)] / D,    t' = (1 − ε) t + ε / K
 *
 * D is N K, or N where classes are summed: torch.nn.functional.binary_cross_entropy_with_logits, whose `weight` divides
 * nothing; smoothing and threshold as in timm's BinaryCrossEntropy. −log σ(x) = softplus(−x): nothing cancels or
 * overflows where a logit is large.
 * Departs from timm: targets [N, K] are smoothed like labels (timm leaves them as they are).
 *
 * logits [N, K], targets float32 [N, K] in [0, 1] or labels int64 [N] → [].
 */
export function binaryCrossEntropy(logits: Value, targets: Value, config: BinaryCrossEntropyConfig = {}): Value {
  const { labelSmoothing = 0, threshold, classWeights, positiveWeights, sumClasses = false } = config;
  const classes = checkTargets(logits, targets);
  checkConfig(labelSmoothing, threshold);
  const plain = targets.dtype === 'int64' ? oneHot(targets, classes) : targets; // [N, K]
  const smooth = op.add(op.mul(plain, scalar(1 - labelSmoothing)), scalar(labelSmoothing / classes));
  const soft = labelSmoothing === 0 ? plain : smooth;
  const t = threshold === undefined ? soft : op.cast(op.greater(soft, scalar(threshold)), 'float32');
  const meant = op.mul(t, op.softplus(op.neg(logits)));
  const others = op.mul(op.sub(scalar(1), t), op.softplus(logits));
  const surprise = op.add(positiveWeights ? op.mul(meant, positiveWeights) : meant, others); // [N, K]
  const loss = classWeights ? op.mul(surprise, classWeights) : surprise;
  if (!sumClasses) return op.reduceMean(loss, undefined, false);
  return op.reduceMean(op.reduceSum(loss, [1], false), [0], false);
}

function checkConfig(labelSmoothing: number, threshold: number | undefined): void {
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new Fault('config', `binary cross entropy: expected label smoothing in [0, 1], got ${labelSmoothing}.`);
  }
  if (threshold !== undefined && !(threshold >= 0 && threshold < 1)) {
    throw new Fault('config', `binary cross entropy: expected a threshold in [0, 1), got ${threshold}.`);
  }
}

function checkTargets(logits: Value, targets: Value): number {
  const [n, classes] = logits.shape;
  const labels = targets.dtype === 'int64' && targets.shape.length === 1;
  const dense = targets.dtype === 'float32' && targets.shape.length === 2 && targets.shape[1] === classes;
  const sameCount = typeof n !== 'number' || typeof targets.shape[0] !== 'number' || targets.shape[0] === n;
  if (logits.shape.length !== 2 || typeof classes !== 'number' || !(labels || dense) || !sameCount) {
    const got = `logits ${showDims(logits.shape)}, targets ${targets.dtype} ${showDims(targets.shape)}`;
    throw new Fault('shape', `binary cross entropy: expected logits [N, K], float32 [N, K] or int64 [N], got ${got}.`);
  }
  return classes;
}

import { Fault } from '../../core/fault.ts';
import { int64 } from '../../core/tensor.ts';
import { showDims } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import { constant, scalar } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';

/** Options of {@link crossEntropy}. */
export interface CrossEntropyConfig {
  /** Share ε of the target that is spread evenly over the K classes (Szegedy et al. 2016, section 7); 0 where absent. */
  readonly labelSmoothing?: number;
  /** Weight of each class, [K]; ones where absent. */
  readonly classWeights?: Value;
}

/** Rows of zeros with a one at each label. labels int64 [N] → float32 [N, classes]; a label outside gives a zero row. */
export function oneHot(labels: Value, classes: number): Value {
  const index = constant(
    int64(
      [1, classes],
      Array.from({ length: classes }, (_, k) => k),
    ),
  );
  return op.cast(op.equal(op.reshape(labels, [labels.shape[0]!, 1]), index), 'float32');
}

/**
 * Cross entropy, mean over the batch. `targets` are labels, int64 [N], or distributions over the classes, float32 [N, K].
 *
 *     loss = Σ_n Σ_k −w_k t'_nk log softmax_k(logits_n) / D,    t' = (1 − ε) t + ε / K
 *
 * With labels and class weights D is the sum of the labels' weights, else N (torch.nn.functional.cross_entropy).
 *
 * logits [N, K] → [].
 */
export function crossEntropy(logits: Value, targets: Value, config: CrossEntropyConfig = {}): Value {
  const { labelSmoothing = 0, classWeights } = config;
  const classes = checkTargets(logits, targets);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new Fault('config', `cross entropy: expected label smoothing in [0, 1], got ${labelSmoothing}.`);
  }
  const hard = targets.dtype === 'int64';
  const plain = hard ? oneHot(targets, classes) : targets; // [N, K]
  const smooth = op.add(op.mul(plain, scalar(1 - labelSmoothing)), scalar(labelSmoothing / classes));
  const t = labelSmoothing === 0 ? plain : smooth;
  const surprise = op.neg(op.logSoftmax(logits, 1)); // [N, K]
  const product = op.mul(surprise, classWeights ? op.mul(t, classWeights) : t);
  if (!classWeights || !hard) return op.reduceMean(op.reduceSum(product, [1], false), [0], false);
  const total = op.reduceSum(op.mul(plain, classWeights), undefined, false);
  return op.div(op.reduceSum(product, undefined, false), total);
}

function checkTargets(logits: Value, targets: Value): number {
  const classes = logits.shape[1];
  const labels = targets.dtype === 'int64' && targets.shape.length === 1;
  const distributions = targets.dtype === 'float32' && targets.shape.length === 2 && targets.shape[1] === classes;
  if (logits.shape.length !== 2 || typeof classes !== 'number' || !(labels || distributions)) {
    const got = `logits ${showDims(logits.shape)}, targets ${targets.dtype} ${showDims(targets.shape)}`;
    throw new Fault('shape', `cross entropy: expected logits [N, K] and int64 [N] or float32 [N, K], got ${got}.`);
  }
  return classes;
}

import { Fault } from '../../core/fault.ts';
import * as op from '../../graph/ops/index.ts';
import { scalar } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';

/** Options of {@link sigmoidFocalLoss}. */
export interface FocalConfig {
  /** Weight α of the positives, 1 − α of the negatives; 0.25 in the paper. Absent: no weights. */
  readonly alpha?: number;
  /** How much easy examples count less; 2 in the paper, 0 gives binary cross entropy. */
  readonly gamma: number;
}

/**
 * Focal loss of independent binary classes, element by element.
 *
 *     loss = −α_t (1 − p_t)^γ log p_t                       eq. 5
 *     p_t = p where t = 1, 1 − p where t = 0,  p = σ(x);    α_t likewise
 *
 * Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, arXiv:1708.02002.
 * Departs from the paper: targets between 0 and 1 mix the two cases linearly, as torchvision's sigmoid_focal_loss.
 *
 * x logits, targets in [0, 1], both of one shape → that shape.
 */
export function sigmoidFocalLoss(x: Value, targets: Value, { alpha, gamma }: FocalConfig): Value {
  if (!(gamma >= 0)) throw new Fault('config', `focal loss: expected gamma of at least 0, got ${gamma}.`);
  const opposite = op.neg(x);
  const others = op.sub(scalar(1), targets);
  // −log p = softplus(−x) and 1 − p = σ(−x): nothing cancels where p is near 0 or 1.
  const surprise = op.add(op.mul(targets, op.softplus(opposite)), op.mul(others, op.softplus(x)));
  const miss = op.add(op.mul(targets, op.sigmoid(opposite)), op.mul(others, op.sigmoid(x))); // 1 − p_t
  const loss = gamma === 0 ? surprise : op.mul(surprise, op.pow(miss, scalar(gamma)));
  if (alpha === undefined) return loss;
  return op.mul(loss, op.add(op.mul(targets, scalar(alpha)), op.mul(others, scalar(1 - alpha))));
}

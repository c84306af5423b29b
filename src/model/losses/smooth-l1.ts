import { Fault } from '../../core/fault.ts';
import * as op from '../../graph/ops/index.ts';
import { scalar } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';

/** Options of {@link smoothL1}. */
export interface SmoothL1Config {
  /** Distance β where the square becomes a line, in the unit of the values; 1 in Fast R-CNN, 1/9 in its RPN. 0: a line. */
  readonly beta: number;
}

/**
 * Smooth L1 loss, element by element.
 *
 *     loss = d² / 2β  where d < β,  d − β / 2 elsewhere,    d = |x − target|      eq. 3
 *          = m (d − m / 2) / β,    m = min(d, β)
 *
 * Girshick, "Fast R-CNN", ICCV 2015, arXiv:1504.08083; β as in torch.nn.functional.smooth_l1_loss.
 * Departs from the paper: nowhere (its β is 1).
 *
 * x, target of shapes that broadcast → their common shape.
 */
export function smoothL1(x: Value, target: Value, { beta }: SmoothL1Config): Value {
  if (!(beta >= 0)) throw new Fault('config', `smooth L1: expected beta of at least 0, got ${beta}.`);
  const distance = op.abs(op.sub(x, target));
  if (beta === 0) return distance;
  const m = op.min(distance, scalar(beta));
  return op.mul(op.mul(m, op.sub(distance, op.mul(m, scalar(0.5)))), scalar(1 / beta));
}

import { Fault } from '../../core/fault.ts';
import type { Dim } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import { scalar } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import type { Scope } from '../scope.ts';

/**
 * Stochastic depth: in training the branch of a picture is zero with probability `rate` and divided by 1 − rate
 * otherwise, all of it together, so that its mean stays. The identity in inference.
 *
 * Huang et al., "Deep Networks with Stochastic Depth", ECCV 2016, arXiv:1603.09382.
 * Departs from the paper: pictures of a batch are drawn one by one, and what is kept is scaled in training instead of in
 * inference (timm, torchvision).
 *
 * x [N, ..] → the same. Draws `drop_path` [N, 1, ..].
 */
export function dropPath(s: Scope, x: Value, rate: number): Value {
  return dropped(s, x, { name: 'drop_path', rate, shape: x.shape.map((d, i) => (i === 0 ? d : 1)) });
}

/**
 * Dropout: in training each element is zero with probability `rate` and divided by 1 − rate otherwise. The identity in
 * inference.
 *
 * Srivastava et al., "Dropout", JMLR 2014. Departs from the paper: scaled in training instead of in inference (PyTorch).
 *
 * x [..] → the same. Draws `dropout`, of x's shape.
 */
export function dropout(s: Scope, x: Value, rate: number): Value {
  return dropped(s, x, { name: 'dropout', rate, shape: x.shape });
}

interface Drop {
  readonly name: string;
  readonly rate: number;
  readonly shape: readonly Dim[];
}

function dropped(s: Scope, x: Value, { name, rate, shape }: Drop): Value {
  if (!(rate >= 0 && rate < 1)) {
    throw new Fault('config', `${s.at(name).path}: expected a probability from 0 up to, not with, 1, got ${rate}.`);
  }
  if (!s.training || rate === 0) return x;
  return s.module(name, () => {
    const kept = op.cast(op.greaterOrEqual(s.random(name, shape), scalar(rate)), 'float32');
    return op.mul(x, op.mul(kept, scalar(1 / (1 - rate))));
  });
}

/** Rates of {@link dropPath} for the blocks of each stage: from 0 to `last` in equal steps over all blocks (timm). */
export function dropPathRates(last: number, blocks: readonly number[]): number[][] {
  const steps = Math.max(1, blocks.reduce((a, b) => a + b, 0) - 1);
  let at = 0;
  return blocks.map((n) => Array.from({ length: n }, () => (last * at++) / steps));
}

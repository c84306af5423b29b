import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import type { ComparedConfig } from '../aggregate.ts';
import type { Init } from '../init.ts';
import { KAIMING_FAN_IN } from '../layers/pointwise.ts';
import type { Scope } from '../scope.ts';

/**
 * One learned query for all positions of all images: the logits W_k x_j + b of a convolution to one channel are the dot
 * products of its weight with x_j. Its bias is a prior that a softmax does not feel; checkpoints have it.
 *
 * x [N, C, ..]. State as a convolution's: `weight` [1, C, 1, ..], `bias` [1].
 */
export function oneQuery(
  s: Scope,
  x: Value,
  biasInit: Init,
): Pick<ComparedConfig, 'queries' | 'keys' | 'score' | 'prior'> & { readonly prior: Value } {
  const ones = x.shape.slice(2).map(() => 1);
  const queries = s.param('weight', [1, x.shape[1]!, ...ones], KAIMING_FAN_IN);
  const prior = s.within(() => op.reshape(s.param('bias', [1], biasInit), [1, 1, 1, 1]));
  return { queries, keys: x, score: { kind: 'dot-product', scale: 1 }, prior };
}

import { sameDim, showDims } from '../dimension.ts';
import { at, sameDType, shapeFault } from '../ops/common.ts';
import { emit1 } from '../trace.ts';
import type { OpDef, Value } from '../value.ts';

/** How {@link multiHeadAttention} compares. */
export interface AttentionAttributes {
  readonly heads: number;
  readonly scale: number;
}

/**
 * y = softmax(scale · q kᵀ) v, head by head, in blocks that stay in the cache: memory is linear in the positions on
 * ONNX Runtime's CPU provider. q [N, Q, heads · D], k [N, L, heads · D], v [N, L, heads · V] → [N, Q, heads · V].
 * It has no derivative: in training another lowering of `aggregate` is taken.
 */
export const MULTI_HEAD_ATTENTION: OpDef = {
  name: 'MultiHeadAttention',
  domain: 'com.microsoft',
  since: 1,
  shape: (inputs, a) => {
    const [q, k, v] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    const heads = a['num_heads'] as number;
    const widths = [q, k, v].map((x) => x.shape[2]);
    const fits = [q, k, v].every((x) => x.shape.length === 3 && sameDim(x.shape[0]!, q.shape[0]!));
    const split = widths.every((w) => typeof w === 'number' && w % heads === 0);
    if (!fits || !split || widths[0] !== widths[1] || !sameDim(k.shape[1]!, v.shape[1]!)) {
      const got = [q, k, v].map((x) => showDims(x.shape)).join(', ');
      throw shapeFault(`expected q [N, Q, C], k [N, L, C], v [N, L, V] with channels for ${heads} heads, got ${got}.`);
    }
    return [{ shape: [q.shape[0]!, q.shape[1]!, v.shape[2]!], dtype: sameDType(inputs) }];
  },
  vjp: null,
  attributes: { num_heads: 'int', scale: 'float' },
};

/** Softmax attention; see {@link MULTI_HEAD_ATTENTION}. */
export function multiHeadAttention(q: Value, k: Value, v: Value, { heads, scale }: AttentionAttributes): Value {
  return emit1(MULTI_HEAD_ATTENTION, [q, k, v], { num_heads: heads, scale });
}

import { type Dim, knownShape, productDim, sameDim, showDims } from '../dimension.ts';
import { at, sameDType, shapeFault } from '../ops/common.ts';
import { reshape, transpose } from '../ops/layout.ts';
import { emit1 } from '../trace.ts';
import type { OpDef, Value } from '../value.ts';
import { readWith, weightsOf } from './affinity.ts';
import { gradientsByRows, type RowReading, rowsAtOnce, siteFor } from './row-blocks.ts';

/** How {@link multiHeadAttention} compares. */
export interface AttentionAttributes {
  readonly heads: number;
  readonly scale: number;
}

/**
 * y = softmax(scale · q kᵀ) v, head by head, in blocks that stay in the cache: memory is linear in the positions on
 * ONNX Runtime's CPU provider, in the backward pass too. q [N, Q, heads · D], k [N, L, heads · D], v [N, L, heads · V] →
 * [N, Q, heads · V].
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
  // See `gradientsByRows`: the weights of some hundred queries at a time, computed again
  vjp: ({ inputs, outputs, attributes, dy, needs }) => {
    const heads = attributes['num_heads'] as number;
    const whole = readingOf(inputs, attributes as Raw);
    const [n, , , l] = whole.values.shape as readonly [Dim, Dim, Dim, Dim];
    const sizes = knownShape([n, heads, whole.q, l], 'MultiHeadAttention in training');
    const [q, rows] = [sizes[2]!, rowsAtOnce({ n: sizes[0]!, heads, q: sizes[2]!, l: sizes[3]! })];
    const reading = { ...whole, q, rows };
    const names = (['queries', 'keys', 'values'] as const).filter((_, i) => needs(i));
    const byHead = [outputs[0]!, dy[0]!].map((x) => linesByHead(x, heads)) as [Value, Value];
    const found = gradientsByRows(reading, byHead, new Set(names));
    return [found.queries, found.keys, found.values].map((g) => g && headsAsLines(g));
  },
  attributes: { num_heads: 'int', scale: 'float' },
  macs: ({ inputs }) => {
    const [q, k, v] = inputs as readonly [Value, Value, Value];
    const [n, queries, width] = q.shape as [Dim, Dim, number];
    return productDim([n, queries, k.shape[1]!, width + (v.shape[2] as number)]);
  },
  portable: ({ inputs, attributes }) => {
    const { parts, values, affinity, q } = readingOf(inputs as readonly Value[], attributes as Raw);
    return [headsAsLines(readWith(values, weightsOf(parts, siteFor({ parts, values, affinity }, q))))];
  },
};

type Raw = { readonly num_heads: number; readonly scale: number };

type Whole = Omit<RowReading, 'q' | 'rows'> & { readonly q: Dim };

function readingOf(inputs: readonly Value[], a: Raw): Whole {
  const [queries, keys, values] = inputs.map((x) => linesByHead(x, a.num_heads)) as [Value, Value, Value];
  const score = { kind: 'dot-product', scale: a.scale } as const;
  const q = queries.shape[3]!;
  const affinity = { reads: { kind: 'everywhere' }, score, normalise: 'softmax', heads: a.num_heads } as const;
  return { parts: { queries, keys }, values, affinity: { ...affinity, querySpace: [q] }, q };
}

/** [N, L, heads · D] → [N, heads, D, L] */
export function linesByHead(x: Value, heads: number): Value {
  const [n, l, c] = x.shape as readonly [Dim, Dim, number];
  return transpose(reshape(x, [n, l, heads, c / heads]), [0, 2, 3, 1]);
}

/** [N, heads, D, L] → [N, L, heads · D] */
export function headsAsLines(x: Value): Value {
  const [n, heads, d, l] = x.shape as readonly [Dim, number, number, Dim];
  return reshape(transpose(x, [0, 3, 1, 2]), [n, l, heads * d]);
}

/** Softmax attention; see {@link MULTI_HEAD_ATTENTION}. */
export function multiHeadAttention(q: Value, k: Value, v: Value, { heads, scale }: AttentionAttributes): Value {
  return emit1(MULTI_HEAD_ATTENTION, [q, k, v], { num_heads: heads, scale });
}

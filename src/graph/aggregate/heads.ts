import { type Dim, productDim } from '../dimension.ts';
import { reshape, transpose } from '../ops/layout.ts';
import type { Value } from '../value.ts';
import { type Layout, spaceOf } from './record.ts';

/** How channels are shared among heads; see `Affinity`. */
export interface Sharing {
  readonly heads: number;
  readonly runs: number;
  readonly layout: Layout;
}

/** A tensor [N, heads · C, ..], or with channels last, as [N, heads, C, L]. */
export function splitHeads(x: Value, { heads, runs, layout }: Sharing): Value {
  const n = x.shape[0]!;
  const l = productDim(spaceOf(x, layout));
  const last = layout === 'channels-last';
  const c = x.shape[last ? x.shape.length - 1 : 1] as number;
  const share = c / heads;
  if (runs === heads) {
    if (!last) return reshape(x, [n, heads, share, l]);
    return transpose(reshape(x, [n, l, heads, share]), [0, 2, 3, 1]);
  }
  const inner = heads / runs;
  const parts = last
    ? transpose(reshape(x, [n, l, runs, share, inner]), [0, 2, 4, 3, 1])
    : transpose(reshape(x, [n, runs, share, inner, l]), [0, 1, 3, 2, 4]); // [N, runs, heads / runs, C, L]
  return reshape(parts, [n, heads, share, l]);
}

/** What {@link splitHeads} did, undone: [N, heads, C, L] → [N, heads · C, ...space], or with channels last. */
export function joinHeads(y: Value, { heads, runs, layout }: Sharing, space: readonly Dim[]): Value {
  const [n, , share, l] = y.shape as readonly [Dim, Dim, number, Dim];
  const last = layout === 'channels-last';
  const shape = last ? [n, ...space, heads * share] : [n, heads * share, ...space];
  if (runs === heads) return reshape(last ? transpose(y, [0, 3, 1, 2]) : y, shape);
  const parts = reshape(y, [n, runs, heads / runs, share, l]);
  return reshape(transpose(parts, last ? [0, 4, 1, 3, 2] : [0, 1, 3, 2, 4]), shape);
}

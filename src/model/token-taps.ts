import { int64 } from '../core/tensor.ts';
import { addDim, type Dim, mulDim } from '../graph/dimension.ts';
import * as op from '../graph/ops/index.ts';
import { constant } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import type { Scope, TapOffer } from './scope.ts';

/** Tokens of which all but the first `prefix` (a class token) lie on a grid, row by row. */
export interface TokenGrid {
  readonly prefix: number;
  readonly size: readonly [height: Dim, width: Dim];
}

/** An affinity among tokens [N, heads, L, L], whole and by rows. */
export type TokenAffinity = Required<Pick<TapOffer, 'value' | 'rows'>>;

/**
 * Offers an affinity among tokens to be drawn: `NAME`, `n head (h w) (h w)`, among the tokens of the grid, and, where a
 * class token leads, `class_NAME`, `n head 1 (h w)`, what it reads of the grid. What a token reads of the class token is
 * in neither, so that rows sum to 1 less that.
 */
export function offerTokens(s: Scope, name: string, { value, rows }: TokenAffinity, { prefix, size }: TokenGrid): void {
  const [h, w] = size;
  const end = addDim(mulDim(h, w), prefix);
  const cut = (a: Value, axes: readonly number[]): Value =>
    op.slice(a, { axes, starts: axes.map(() => prefix), ends: axes.map(() => end) });
  const sizes = { h, w };
  s.tap(name, {
    axes: 'n head (h w) (h w)',
    sizes,
    value: () => s.within(() => cut(value(), [2, 3])),
    rows: (chosen) => s.within(() => cut(rows(op.add(chosen, constant(int64([1], [prefix])))), [3])),
  });
  if (prefix === 0) return;
  const first = (): Value => s.within(() => cut(rows(constant(int64([1], [0]))), [3]));
  s.tap(`class_${name}`, { axes: 'n head 1 (h w)', sizes, value: first, rows: first });
}

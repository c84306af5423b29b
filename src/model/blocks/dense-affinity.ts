import { Fault } from '../../core/fault.ts';
import { type Dim, productDim, showDim } from '../../graph/dimension.ts';
import type { Value } from '../../graph/value.ts';
import type { Init } from '../init.ts';
import type { Scope } from '../scope.ts';

/** The positions that a learned dense affinity is made for: their number, or the size of each axis. */
export type Positions = number | readonly number[];

/** timm's `trunc_normal_` with its own standard deviation, as CONTAINER-PAM's listing calls it. */
export const LIBRARY_NORMAL: Init = { kind: 'truncated-normal', std: 1 };

/** Options of {@link denseAffinity}. */
export interface DenseAffinity {
  readonly positions: Positions | undefined;
  readonly heads: number;
  readonly init: Init;
}

/**
 * A dense affinity that is learned and the same for all pictures, `static_a` [1, heads, L, L]: A_ij of head m at
 * [0, m, i, j]. It knows one size of map only: `space`, the axes of positions, must be what it is made for.
 */
export function denseAffinity(s: Scope, space: readonly Dim[], { positions, heads, init }: DenseAffinity): Value {
  const l = checkPositions(s, positions, space);
  return s.param('static_a', [1, heads, l, l], init);
}

/** The number of positions that something learned is made for; a fault unless `space` has as many in the same shape. */
export function checkPositions(s: Scope, positions: Positions | undefined, space: readonly Dim[]): number {
  const got = space.map(showDim).join(' x ');
  if (positions === undefined) {
    const message = `expected positions, the size of the map that its affinity is made for, got none`;
    throw new Fault(
      'config',
      `${s.path}: ${message}. Set it to ${JSON.stringify(space.map(showDim)).replaceAll('"', '')}.`,
    );
  }
  const wanted = typeof positions === 'number' ? [positions] : positions;
  const total = productDim(wanted) as number;
  const same =
    typeof positions === 'number'
      ? productDim(space) === total
      : wanted.length === space.length && wanted.every((d, i) => d === space[i]);
  if (same) return total;
  const why = 'what is learned for each pair of positions fits one size only';
  throw new Fault(
    'shape',
    `${s.path}: expected a map of ${wanted.join(' x ')} positions, got ${got}: ${why}. Set positions, or use pictures of the size it was made for.`,
  );
}

import { Fault } from '../../core/fault.ts';
import type { Value } from '../../graph/value.ts';
import type { Scope } from '../scope.ts';

/** A square window that moves over a map; see {@link checkWindow}. */
export interface SquareWindow {
  /** Side, odd. */
  readonly window: number;
  readonly stride?: number;
  readonly dilation?: number;
  /** Whether each place of the window must be inside the map for some position. */
  readonly inside?: boolean;
}

/** A fault unless the window's side is odd and it fits the map as asked; says which sides would do. */
export function checkWindow(
  s: Scope,
  x: Value,
  { window, stride = 1, dilation = 1, inside = false }: SquareWindow,
): void {
  for (const [name, n] of Object.entries({ window, stride, dilation })) {
    if (!Number.isInteger(n) || n < 1) {
      throw new Fault('config', `${s.path}: expected a positive whole number for ${name}, got ${n}.`);
    }
  }
  if (window % 2 === 0) {
    const use = window === 2 ? '3' : `${window - 1} or ${window + 1}`;
    throw new Fault('config', `${s.path}: expected an odd window, got ${window}. Use ${use}.`);
  }
  const sides = x.shape.slice(2).filter((d) => typeof d === 'number');
  const reach = Math.floor((Math.min(...sides) - 1) / dilation); // places on either side of the centre
  if (!inside || (window - 1) / 2 <= reach) return;
  const map = x.shape.slice(2).join(' x ');
  const use = reach === 0 ? 'Use a larger map or a smaller dilation.' : `Use ${odd(2 * reach + 1)}, or a larger map.`;
  const most = `a window of at most ${2 * reach + 1} (dilation ${dilation}) for a map of ${map}`;
  throw new Fault('config', `${s.path}: expected ${most}, of which no place is always outside, got ${window}. ${use}`);
}

/** 3, 5, .. up to `last`, in words. */
function odd(last: number): string {
  const sides = Array.from({ length: (last - 1) / 2 }, (_, i) => 3 + 2 * i).slice(-4);
  return sides.length > 1 ? `${sides.slice(0, -1).join(', ')} or ${sides[sides.length - 1]}` : String(sides[0]);
}

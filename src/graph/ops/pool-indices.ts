import { sizeOf } from '../../core/shape.ts';
import { float32, int64 } from '../../core/tensor.ts';
import { constant, scalar } from '../trace.ts';
import type { Value } from '../value.ts';
import { add, cast, equal, where } from './elementwise.ts';
import { pad, slice } from './layout.ts';
import { overhang, type Window } from './pool-window.ts';

/** Added to what is not in x: no number that a network computes is as small. */
const OUTSIDE = -3e38;

/** Sizes of a pooling node, all known. */
interface Sizes {
  readonly x: readonly number[];
  /** Windows along each axis. */
  readonly counts: readonly number[];
}

/**
 * Where the first largest element of each window lies in x seen as one line (int64), for runtimes whose MaxPool gives
 * the largest alone. Each tap of the window is compared with the maximum, the last tap first, so that the first that is
 * equal stays. x [N, C, ..], y = maxPool(x) [N, C, ..'] → [N, C, ..']; undefined while a size is unknown.
 */
export function firstLargest(x: Value, y: Value, a: Window): Value | undefined {
  const over = overhang(x, y, a);
  if (!over || ![...x.shape, ...y.shape].every((d) => typeof d === 'number')) return undefined;
  const sizes: Sizes = { x: x.shape as readonly number[], counts: (y.shape as readonly number[]).slice(2) };
  const rank = a.kernel_shape.length;
  const after = over.map((n, i) => n + a.pads[rank + i]!);
  const padded = pad(x, [0, 0, ...a.pads.slice(0, rank)], [0, 0, ...after]);
  const taps = tapsOf(a);
  let offset = scalar(lineOf(taps[0]!, sizes)); // from the window's start; exact in float32 below 2^24 positions
  for (const tap of taps.toReversed()) {
    const seen = seenBy(padded, tap, a, sizes);
    offset = where(equal(seen, y), scalar(lineOf(tap, sizes)), offset); // [N, C, ..']
  }
  return add(add(cast(offset, 'int64'), windowStarts(a, sizes)), planeStarts(sizes));
}

/** Offsets of a window's elements from its start, last axis fastest. */
function tapsOf(a: Window): number[][] {
  return a.kernel_shape.reduce<number[][]>(
    (all, k, i) => all.flatMap((head) => Array.from({ length: k }, (_, t) => [...head, t * a.dilations[i]!])),
    [[]],
  );
}

/** An offset along the axes as one along the line. */
function lineOf(offset: readonly number[], { x }: Sizes): number {
  return offset.reduce((sum, v, i) => sum * x[i + 2]! + v, 0);
}

/** What a tap sees at every window, and a number below all others where that is outside x. */
function seenBy(padded: Value, tap: readonly number[], a: Window, sizes: Sizes): Value {
  const { counts } = sizes;
  const seen = slice(padded, {
    axes: counts.map((_, i) => i + 2),
    starts: tap,
    ends: tap.map((v, i) => v + (counts[i]! - 1) * a.strides[i]! + 1),
    steps: a.strides,
  });
  const outside = overWindows(counts, (window) => {
    const place = window.map((w, i) => w * a.strides[i]! - a.pads[i]! + tap[i]!);
    return place.every((p, i) => p >= 0 && p < sizes.x[i + 2]!) ? 0 : OUTSIDE;
  });
  return outside.some((v) => v !== 0) ? add(seen, constant(float32([1, 1, ...counts], outside))) : seen;
}

/** Where each window starts in its plane, which may be before it. [1, 1, ..'] */
function windowStarts(a: Window, sizes: Sizes): Value {
  const { counts } = sizes;
  const starts = overWindows(counts, (window) =>
    lineOf(
      window.map((w, i) => w * a.strides[i]! - a.pads[i]!),
      sizes,
    ),
  );
  return constant(int64([1, 1, ...counts], starts));
}

/** Where each plane starts in x. [N, C, 1, ..] */
function planeStarts({ x }: Sizes): Value {
  const [n, c, ...space] = x as readonly [number, number, ...number[]];
  const plane = sizeOf(space);
  const starts = Array.from({ length: n * c }, (_, i) => i * plane);
  return constant(int64([n, c, ...space.map(() => 1)], starts));
}

/** A number for every window, last axis fastest. */
function overWindows(counts: readonly number[], value: (window: readonly number[]) => number): number[] {
  return Array.from({ length: sizeOf(counts) }, (_, flat) => {
    const window: number[] = [];
    for (let axis = counts.length - 1, rest = flat; axis >= 0; axis--) {
      window.unshift(rest % counts[axis]!);
      rest = Math.floor(rest / counts[axis]!);
    }
    return value(window);
  });
}

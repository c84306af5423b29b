import { float32 } from '../../core/tensor.ts';
import { addDim, type Dim, mulDim, productDim, subDim } from '../dimension.ts';
import { concat, expand, pad, reshape, slice } from '../ops/layout.ts';
import { constant } from '../trace.ts';
import type { Value } from '../value.ts';
import { type Window, windowedSpace } from './record.ts';

/** Zeros on each side of an axis, such that the middle of a window can stand on the border. */
export function marginsOf({ size, dilation }: Window): number[] {
  return size.map((k, i) => (dilation[i]! * (k - 1)) / 2);
}

/** Places of a window in row-major order, each as steps from its first place along the axes. */
export function placesOf(size: readonly number[]): number[][] {
  return size.reduce<number[][]>(
    (places, k) => places.flatMap((p) => Array.from({ length: k }, (_, i) => [...p, i])),
    [[]],
  );
}

/** A map with the zeros around it that windows read: [N, C, ..] → the same, larger. */
export function padded(x: Value, window: Window): Value {
  const margins = [0, 0, ...marginsOf(window)];
  return pad(x, margins, margins);
}

/** What all queries see at one place of their windows: of a padded map [N, C, ..] → [N, C, ...queries]. */
export function seenAt(paddedMap: Value, place: readonly number[], window: Window, queries: readonly Dim[]): Value {
  const starts = place.map((p, i) => p * window.dilation[i]!);
  const ends = starts.map((s, i) => addDim(addDim(s, mulDim(subDim(queries[i]!, 1), window.stride[i]!)), 1));
  return slice(paddedMap, { axes: starts.map((_, i) => i + 2), starts, ends, steps: window.stride });
}

/** Every window of a map: [N, C, ..] → [N, C, K, Q], K places in row-major order. */
export function unfold(x: Value, window: Window): Value {
  const queries = windowedSpace(x.shape.slice(2), window.stride);
  const around = padded(x, window);
  const [n, c] = x.shape as readonly [Dim, Dim];
  const line = [n, c, 1, productDim(queries)];
  return concat(
    placesOf(window.size).map((place) => reshape(seenAt(around, place, window, queries), line)),
    2,
  );
}

/** 1 where a place of a query's window lies on the map, 0 beyond its border: [1, 1, K, Q]. */
export function insideOf(space: readonly Dim[], window: Window): Value {
  const one = constant(float32([1, 1, ...space.map(() => 1)], [1]));
  return unfold(expand(one, [1, 1, ...space]), window);
}

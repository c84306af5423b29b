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

/** What all queries see at a place of their windows. */
export type Look = (place: readonly number[]) => Value;

/**
 * What all queries see at each place of their windows: of a padded map whose positions are its axes from `first` on, the
 * same with the queries' axes. With a stride, the map is cut once into its phases, the positions of equal remainder: a
 * slice with steps is many times slower than a slice, and each place is then a plain slice of one phase.
 */
export function lookAt(paddedMap: Value, window: Window, queries: readonly Dim[], first = 2): Look {
  const { stride, dilation, size } = window;
  const axes = stride.map((_, i) => first + i);
  const cut = size.reduce((n, k) => n * k, 1) > stride.reduce((n, s) => n * s, 1) && stride.some((s) => s > 1);
  const phases = new Map<string, Value>();
  const phaseOf = (starts: readonly number[]): Value => {
    const key = starts.join();
    const ends = axes.map((axis) => paddedMap.shape[axis]!);
    const phase = phases.get(key) ?? slice(paddedMap, { axes, starts, ends, steps: stride });
    phases.set(key, phase);
    return phase;
  };
  return (place) => {
    const offsets = place.map((p, i) => p * dilation[i]!);
    const starts = offsets.map((o, i) => (cut ? Math.floor(o / stride[i]!) : o));
    const steps = cut ? stride.map(() => 1) : stride;
    const ends = starts.map((s, i) => addDim(addDim(s, mulDim(subDim(queries[i]!, 1), steps[i]!)), 1));
    const from = cut ? phaseOf(offsets.map((o, i) => o % stride[i]!)) : paddedMap;
    return slice(from, { axes, starts, ends, steps });
  };
}

/** Every window of a map: [N, C, ..] → [N, C, K, Q], K places in row-major order. */
export function unfold(x: Value, window: Window): Value {
  const queries = windowedSpace(x.shape.slice(2), window.stride);
  const look = lookAt(padded(x, window), window, queries);
  const [n, c] = x.shape as readonly [Dim, Dim];
  const line = [n, c, 1, productDim(queries)];
  return concat(
    placesOf(window.size).map((place) => reshape(look(place), line)),
    2,
  );
}

/** 1 where a place of a query's window lies on the map, 0 beyond its border: [1, 1, K, Q]. */
export function insideOf(space: readonly Dim[], window: Window): Value {
  const one = constant(float32([1, 1, ...space.map(() => 1)], [1]));
  return unfold(expand(one, [1, 1, ...space]), window);
}

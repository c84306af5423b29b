import { addDim, type Dim, mulDim, productDim, subDim } from '../dimension.ts';
import { col2Im } from '../ops/col2im.ts';
import { add, mul } from '../ops/elementwise.ts';
import { concat, dilate, pad, reshape, slice } from '../ops/layout.ts';
import { reduceSum } from '../ops/reduce.ts';
import type { Value } from '../value.ts';
import { type Window, windowedSpace } from './record.ts';
import { marginsOf, padded, placesOf } from './window.ts';
import type { WindowUse } from './window-words.ts';

/** Axes before the positions in {@link byShare} and {@link byPlace}. */
const HEAD_AXES = 4;

/** A map [N, C, ..] as [N · runs, share, heads / runs, 1, ..]. */
function byShare(x: Value, { heads, runs }: WindowUse): Value {
  const [n, c, ...space] = x.shape as readonly [Dim, number, ...Dim[]];
  return reshape(x, [mulDim(n, runs), c / heads, heads / runs, 1, ...space]);
}

/** Weights [N, heads, K, Q] as [N · runs, 1, heads / runs, K, ...queries]. */
function byPlace(w: Value, { heads, runs }: WindowUse, queries: readonly Dim[]): Value {
  const [n, , k] = w.shape as readonly [Dim, Dim, Dim, Dim];
  return reshape(w, [mulDim(n, runs), 1, heads / runs, k, ...queries]);
}

/** What all queries see at one place of their windows, of a padded map by share. */
function seen(around: Value, place: readonly number[], window: Window, queries: readonly Dim[]): Value {
  const starts = place.map((p, i) => p * window.dilation[i]!);
  const ends = starts.map((s, i) => addDim(addDim(s, mulDim(subDim(queries[i]!, 1), window.stride[i]!)), 1));
  return slice(around, { axes: starts.map((_, i) => i + HEAD_AXES), starts, ends, steps: window.stride });
}

function atPlace(w: Value, place: number): Value {
  return slice(w, { axes: [HEAD_AXES - 1], starts: [place], ends: [place + 1] });
}

function total(terms: readonly Value[]): Value {
  return terms.reduce((a, b) => add(a, b));
}

/** A slice of the map for each place of the window, multiplied and added: no copy of the map with all places. */
export function sumByShifts(x: Value, w: Value, use: WindowUse): Value {
  const queries = windowedSpace(x.shape.slice(2), use.window.stride);
  const around = byShare(padded(x, use.window), use);
  const weights = byPlace(w, use, queries);
  const terms = placesOf(use.window.size).map((place, t) =>
    mul(seen(around, place, use.window, queries), atPlace(weights, t)),
  );
  return reshape(total(terms), [x.shape[0]!, x.shape[1]!, ...queries]);
}

/** The products of each place of the window, shifted to where they belong, and added. */
export function spreadByShifts(x: Value, w: Value, use: WindowUse & { readonly space: readonly Dim[] }): Value {
  const { window, space } = use;
  const queries = x.shape.slice(2);
  const shared = byShare(x, use);
  const weights = byPlace(w, use, queries);
  const margins = marginsOf(window);
  const terms = placesOf(window.size).map((place, t) => {
    let term = mul(shared, atPlace(weights, t));
    const after = place.map((p, i) => {
      term = dilate(term, i + HEAD_AXES, window.stride[i]!);
      const end = addDim(p * window.dilation[i]!, mulDim(queries[i]!, window.stride[i]!));
      return subDim(addDim(space[i]!, 2 * margins[i]! + window.stride[i]! - 1), end);
    });
    const before = place.map((p, i) => p * window.dilation[i]!);
    return pad(term, [0, 0, 0, 0, ...before], [0, 0, 0, 0, ...after]);
  });
  const axes = margins.map((_, i) => i + HEAD_AXES);
  const inner = slice(total(terms), { axes, starts: margins, ends: margins.map((m, i) => addDim(m, space[i]!)) });
  return reshape(inner, [x.shape[0]!, x.shape[1]!, ...space]);
}

/** Products of the queries with a slice of the keys for each place of the window. */
export function dotByShifts(q: Value, k: Value, use: WindowUse): Value {
  const queries = q.shape.slice(2);
  const around = byShare(padded(k, use.window), use);
  const shared = byShare(q, use);
  const one = shared.shape[1] === 1;
  const places = placesOf(use.window.size).map((place) => {
    const product = mul(seen(around, place, use.window, queries), shared);
    return one ? product : reduceSum(product, [1]); // [N · runs, 1, heads / runs, 1, ...queries]
  });
  return reshape(concat(places, HEAD_AXES - 1), [k.shape[0]!, use.heads, places.length, productDim(queries)]);
}

/** Sizes in numbers, as `Col2Im` takes them; a line is a plane of one row. */
function plane(sizes: readonly Dim[], first: number): number[] {
  const known = sizes as readonly number[];
  return known.length === 1 ? [first, known[0]!] : [...known];
}

/** The products of all places at once, added up where they belong by `Col2Im`. Axes of known sizes, two at most. */
export function spreadByColumns(x: Value, w: Value, use: WindowUse & { readonly space: readonly Dim[] }): Value {
  const { window, space } = use;
  const [n, c] = x.shape as readonly [Dim, number];
  const l = productDim(x.shape.slice(2));
  const weights = byPlace(w, use, [l]);
  const products = mul(byShare(reshape(x, [n, c, l]), use), weights); // [N · runs, share, heads / runs, K, Q]
  return columns(reshape(products, [n, mulDim(c, w.shape[2]!), l]), window, space);
}

/** [N, C · K, Q], the places in row-major order → [N, C, ...space] */
function columns(products: Value, window: Window, space: readonly Dim[]): Value {
  const margins = plane(marginsOf(window), 0);
  const sizes = plane(space, 1);
  const added = col2Im(products, {
    image_shape: sizes.map((d, i) => d + 2 * margins[i]!),
    block_shape: plane(window.size, 1),
    strides: plane(window.stride, 1),
    dilations: plane(window.dilation, 1),
  });
  const inner = slice(added, { axes: [2, 3], starts: margins, ends: margins.map((m, i) => m + sizes[i]!) });
  return reshape(inner, [products.shape[0]!, added.shape[1]!, ...space]);
}

/**
 * The same sum seen from the positions that are read, with stride 1: y(p) = Σ_t w_t(p) x(p + t) is x spread by the weights
 * w'_t(q) = w_t(q − t) with the window turned round. The weights, fewer than the map's channels, are shifted along the line
 * of positions; what a shift carries into another row is meant for a place beyond the border, which is cut off.
 */
export function sumByColumns(x: Value, w: Value, use: WindowUse): Value {
  const { window, heads } = use;
  const space = x.shape.slice(2);
  const steps = lineSteps(space as readonly number[]);
  const places = placesOf(window.size);
  const offsets = places.map((p) =>
    p.reduce((o, v, i) => o + (v - (window.size[i]! - 1) / 2) * window.dilation[i]! * steps[i]!, 0),
  );
  const reach = offsets[offsets.length - 1]!;
  const [n, , k, l] = w.shape as readonly [Dim, Dim, number, number];
  const line = pad(w, [0, 0, 0, reach], [0, 0, 0, reach]);
  const shifted = places.map((_, i) => {
    const t = k - 1 - i; // the window turned round
    return slice(line, { axes: [2, 3], starts: [t, reach - offsets[t]!], ends: [t + 1, reach - offsets[t]! + l] });
  });
  const weights = reshape(concat(shifted, 2), [n, heads, k, l]);
  return spreadByColumns(x, weights, { ...use, space });
}

/** How many positions lie between neighbours along each axis. */
function lineSteps(space: readonly number[]): number[] {
  return space.map((_, i) => space.slice(i + 1).reduce((n, d) => n * d, 1));
}

import { addDim, type Dim, floorDivDim, mulDim, productDim, subDim } from '../dimension.ts';
import { col2Im } from '../ops/col2im.ts';
import { add, mul, sub } from '../ops/elementwise.ts';
import { concat, pad, reshape, slice } from '../ops/layout.ts';
import { reduceSum } from '../ops/reduce.ts';
import type { Value } from '../value.ts';
import { type Window, windowedSpace } from './record.ts';
import { insideOf, lookAt, marginsOf, padded, placesOf } from './window.ts';
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

function atPlace(w: Value, place: number): Value {
  return slice(w, { axes: [HEAD_AXES - 1], starts: [place], ends: [place + 1] });
}

function total(terms: readonly Value[]): Value {
  return terms.reduce((a, b) => add(a, b));
}

/** A slice of the map for each place of the window, multiplied and added: no copy of the map with all places. */
export function sumByShifts(x: Value, w: Value, use: WindowUse): Value {
  const queries = windowedSpace(x.shape.slice(2), use.window.stride);
  const look = lookAt(byShare(padded(x, use.window), use), use.window, queries, HEAD_AXES);
  const weights = byPlace(w, use, queries);
  const terms = placesOf(use.window.size).map((place, t) => mul(look(place), atPlace(weights, t)));
  return reshape(total(terms), [x.shape[0]!, x.shape[1]!, ...queries]);
}

/**
 * The products of each place of the window, shifted to where they belong, and added. With a stride, the products whose
 * places have equal remainder are added up by themselves, and these phases of the map are woven together once.
 */
export function spreadByShifts(x: Value, w: Value, use: WindowUse & { readonly space: readonly Dim[] }): Value {
  const { window, space } = use;
  const { stride, dilation } = window;
  const queries = x.shape.slice(2);
  const shared = byShare(x, use);
  const weights = byPlace(w, use, queries);
  const margins = marginsOf(window);
  const whole = space.map((d, i) => addDim(d, 2 * margins[i]!));
  const cells = whole.map((d, i) => floorDivDim(addDim(d, stride[i]! - 1), stride[i]!)); // of a phase along each axis
  const phases = new Map<string, Value[]>();
  placesOf(window.size).forEach((place, t) => {
    const offsets = place.map((p, i) => p * dilation[i]!);
    const before = offsets.map((o, i) => Math.floor(o / stride[i]!));
    const after = before.map((b, i) => subDim(cells[i]!, addDim(queries[i]!, b)));
    const term = pad(mul(shared, atPlace(weights, t)), [0, 0, 0, 0, ...before], [0, 0, 0, 0, ...after]);
    const key = offsets.map((o, i) => o % stride[i]!).join();
    phases.set(key, [...(phases.get(key) ?? []), term]);
  });
  const sums = new Map([...phases].map(([key, terms]) => [key, total(terms)]));
  const axes = margins.map((_, i) => i + HEAD_AXES);
  const inner = slice(woven(sums, stride), {
    axes,
    starts: margins,
    ends: margins.map((m, i) => addDim(m, space[i]!)),
  });
  return reshape(inner, [x.shape[0]!, x.shape[1]!, ...space]);
}

/** Maps by the remainders of their positions, `1,0`, put together: the position of cell c in phase p is c stride + p. */
function woven(phases: ReadonlyMap<string, Value>, stride: readonly number[]): Value {
  const [some] = phases.values();
  const step = (prefix: readonly number[]): Value => {
    const axis = prefix.length;
    if (axis === stride.length) return phases.get(prefix.join()) ?? sub(some!, some!);
    const parts = Array.from({ length: stride[axis]! }, (_, p) => step([...prefix, p]));
    const at = HEAD_AXES + axis;
    const apart = parts.map((v) => reshape(v, [...v.shape.slice(0, at + 1), 1, ...v.shape.slice(at + 1)]));
    const [first] = parts as [Value, ...Value[]];
    if (parts.length === 1) return first;
    const shape = first.shape.map((d, i) => (i === at ? mulDim(d, parts.length) : d));
    return reshape(concat(apart, at + 1), shape);
  };
  return step([]);
}

/** Products of the queries with a slice of the keys for each place of the window. */
export function dotByShifts(q: Value, k: Value, use: WindowUse): Value {
  const flat = isDense(use) && k.shape.every((d) => typeof d === 'number');
  return flat ? dotAlongLine(q, k, use) : dotAtPlaces(q, k, use);
}

function isDense({ window }: WindowUse): boolean {
  return window.stride.every((s) => s === 1);
}

function dotAtPlaces(q: Value, k: Value, use: WindowUse): Value {
  const queries = q.shape.slice(2);
  const look = lookAt(byShare(padded(k, use.window), use), use.window, queries, HEAD_AXES);
  const shared = byShare(q, use);
  const one = shared.shape[1] === 1;
  const places = placesOf(use.window.size).map((place) => {
    const product = mul(look(place), shared);
    return one ? product : reduceSum(product, [1]); // [N · runs, 1, heads / runs, 1, ...queries]
  });
  return reshape(concat(places, HEAD_AXES - 1), [k.shape[0]!, use.heads, places.length, productDim(queries)]);
}

/**
 * With stride 1 a shift along the line of positions copies whole channels; what it carries into another row lies beyond
 * the border there, and its product is taken away.
 */
function dotAlongLine(q: Value, k: Value, use: WindowUse): Value {
  const { window } = use;
  const [n, c, ...space] = k.shape as readonly number[];
  const l = productDim(space) as number;
  const offsets = lineOffsets(window, space);
  const reach = offsets[offsets.length - 1]!;
  const line = byShare(pad(reshape(k, [n!, c!, l]), [0, 0, reach], [0, 0, reach]), use);
  const shared = byShare(reshape(q, [n!, c!, l]), use); // [N · runs, share, heads / runs, 1, L]
  const places = offsets.map((o) => {
    const product = mul(slice(line, { axes: [HEAD_AXES], starts: [reach + o], ends: [reach + o + l] }), shared);
    return shared.shape[1] === 1 ? product : reduceSum(product, [1]);
  });
  const all = reshape(concat(places, HEAD_AXES - 1), [n!, use.heads, offsets.length, l]);
  return mul(all, insideOf(space, window));
}

/** How far along the line of positions each place of a window lies from its middle. */
function lineOffsets({ size, dilation }: Window, space: readonly number[]): number[] {
  const steps = space.map((_, i) => space.slice(i + 1).reduce((n, d) => n * d, 1));
  return placesOf(size).map((p) => p.reduce((o, v, i) => o + (v - (size[i]! - 1) / 2) * dilation[i]! * steps[i]!, 0));
}

/** Sizes in numbers, as `Col2Im` takes them; a line is a plane of one row. */
function plane(sizes: readonly Dim[], first: number): number[] {
  const known = sizes as readonly number[];
  return known.length === 1 ? [first, known[0]!] : [...known];
}

/** Products of all places that are made at once: about what the processor's caches hold. */
const PIECE_BYTES = 8e6;

/**
 * The products of all places at once, added up where they belong by `Col2Im`. Axes of known sizes, two at most. Where the
 * products are many, heads (or channels that share one) follow one another, so that what one product writes is read
 * while it is in the cache.
 */
export function spreadByColumns(x: Value, w: Value, use: WindowUse & { readonly space: readonly Dim[] }): Value {
  const { window, space } = use;
  const [n, c] = x.shape as readonly [Dim, number];
  const l = productDim(x.shape.slice(2));
  const maps = byShare(reshape(x, [n, c, l]), use); // [N · runs, share, heads / runs, 1, Q]
  const weights = byPlace(w, use, [l]); // [N · runs, 1, heads / runs, K, Q]
  const pieces = piecesOf(maps, weights);
  const images = pieces.length === 1 ? n : 1;
  const sums = pieces.map(([map, weight]) => columns(mul(map, weight), images, window, space));
  const added = concat(sums, 1); // [N, C, ...space with margins], or [1, N · C, ..]
  const margins = plane(marginsOf(window), 0);
  const sizes = plane(space, 1);
  const inner = slice(added, { axes: [2, 3], starts: margins, ends: margins.map((m, i) => m + sizes[i]!) });
  return reshape(inner, [n, c, ...space]);
}

/** Maps and weights cut into pieces whose products are small, in order. */
function piecesOf(maps: Value, weights: Value): readonly (readonly [Value, Value])[] {
  const [rows, share, inner, , l] = maps.shape as readonly Dim[];
  const row = 4 * (productDim([share!, inner!, l!]) as number) * (weights.shape[3] as number);
  if (typeof rows !== 'number' || row * rows <= PIECE_BYTES) return [[maps, weights]];
  const part = (v: Value, axis: number, start: number, end: number): Value =>
    slice(v, { axes: [axis], starts: [start], ends: [end] });
  const together = Math.max(1, Math.floor(PIECE_BYTES / row));
  const cuts = evenly(rows, together);
  const channels = evenly(share as number, Math.max(1, Math.floor((share as number) * (PIECE_BYTES / row))));
  return cuts.flatMap(([start, end]) => {
    const [map, weight] = [part(maps, 0, start, end), part(weights, 0, start, end)];
    if (end - start > 1 || channels.length === 1) return [[map, weight] as const];
    return channels.map(([from, to]) => [part(map, 1, from, to), weight] as const);
  });
}

/** From 0 to `count` in parts of about one size, `most` at most. */
function evenly(count: number, most: number): (readonly [number, number])[] {
  const parts = Math.ceil(count / most);
  return Array.from({ length: parts }, (_, i) => [
    Math.floor((i * count) / parts),
    Math.floor(((i + 1) * count) / parts),
  ]);
}

/** [.., K, Q], the places in row-major order → [images, C, ...space with margins], C all that comes before them. */
function columns(products: Value, images: Dim, window: Window, space: readonly Dim[]): Value {
  const margins = plane(marginsOf(window), 0);
  const image = plane(space, 1).map((d, i) => d + 2 * margins[i]!);
  const block = { block_shape: plane(window.size, 1), strides: plane(window.stride, 1) };
  const lines = reshape(products, [images, -1, products.shape[4]!]);
  return col2Im(lines, { image_shape: image, ...block, dilations: plane(window.dilation, 1) });
}

/**
 * The same sum seen from the positions that are read, with stride 1: y(p) = Σ_t w_t(p) x(p + t) is x spread by the weights
 * w'_t(q) = w_t(q − t) with the window turned round. The weights, fewer than the map's channels, are shifted along the line
 * of positions; what a shift carries into another row is meant for a place beyond the border, which is cut off.
 */
export function sumByColumns(x: Value, w: Value, use: WindowUse): Value {
  const { window, heads } = use;
  const space = x.shape.slice(2);
  const offsets = lineOffsets(window, space as readonly number[]);
  const reach = offsets[offsets.length - 1]!;
  const [n, , k, l] = w.shape as readonly [Dim, Dim, number, number];
  const line = pad(w, [0, 0, 0, reach], [0, 0, 0, reach]);
  const shifted = offsets.map((_, i) => {
    const t = k - 1 - i; // the window turned round
    return slice(line, { axes: [2, 3], starts: [t, reach - offsets[t]!], ends: [t + 1, reach - offsets[t]! + l] });
  });
  const weights = reshape(concat(shifted, 2), [n, heads, k, l]);
  return spreadByColumns(x, weights, { ...use, space });
}

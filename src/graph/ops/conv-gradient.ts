import { float32 } from '../../core/tensor.ts';
import { constant } from '../trace.ts';
import type { Value } from '../value.ts';
import { type ConvAttributes, type ConvTransposeAttributes, conv, convTranspose } from './conv.ts';
import { MUL, mul } from './elementwise.ts';
import { concat, pad, reshape, slice, transpose } from './layout.ts';
import { matMul } from './matrix.ts';
import { reduceSum } from './reduce.ts';

/** Taps of a kernel from which on sorting positions by their remainder costs less than strided copies. */
const SORTED_FROM = 16;

const numbers = (v: Value): number[] => v.shape as number[];

function product(sizes: readonly number[]): number {
  return sizes.reduce((u, v) => u * v, 1);
}

/**
 * dy = u ⊙ s with one factor s a channel, as batch norm's derivative gives it, where it costs less to scale w and dw
 * than dy; undefined for any other.
 */
function channelScaled(dy: Value, w: readonly number[]): { readonly u: Value; readonly s: Value } | undefined {
  const [u, s] = dy.node.inputs;
  if (dy.node.def !== MUL || !u || !s || s.shape.length !== dy.shape.length) return undefined;
  if (!s.shape.every((d, i) => (i === 1 ? d === dy.shape[1] : d === 1))) return undefined;
  const [n, , ...space] = numbers(dy);
  return 2 * product(w.slice(1)) < n! * product(space) ? { u, s } : undefined;
}

/** w with its row o multiplied by s[o]; as a matrix, since broadcasts over trailing axes of size 1 run slowly. */
function scaleRows(w: Value, s: Value): Value {
  const [o, ...rest] = numbers(w);
  return reshape(mul(reshape(w, [o!, product(rest)]), reshape(s, [o!, 1])), w.shape);
}

/** dx of y = conv(x, w): the transposed convolution of dy, of exactly x's size. */
export function convInputGradient(x: Value, w: Value, dy: Value, a: ConvAttributes): Value {
  const scaled = channelScaled(dy, numbers(w)); // the factors go to the weights, which are fewer
  if (scaled) return convInputGradient(x, scaleRows(w, scaled.s), scaled.u, a);
  const flipped = flippedConvolution(w, dy, a);
  if (flipped) return flipped;
  const rank = a.strides.length;
  const output_padding = a.strides.map((stride, i) => {
    const span = (numbers(w)[i + 2]! - 1) * a.dilations[i]! + 1;
    const reached = (numbers(dy)[i + 2]! - 1) * stride + span - a.pads[i]! - a.pads[rank + i]!;
    return numbers(x)[i + 2]! - reached;
  });
  return convTranspose(dy, w, { ...a, output_padding });
}

/**
 * With stride 1 the transposed convolution is a convolution with the kernel turned round and its channels exchanged,
 * which the engine runs faster.
 */
function flippedConvolution(w: Value, dy: Value, a: ConvAttributes): Value | undefined {
  const kernel = numbers(w).slice(2);
  const rank = kernel.length;
  const pads = a.pads.map((p, i) => (kernel[i % rank]! - 1) * a.dilations[i % rank]! - p);
  if (a.strides.some((s) => s !== 1) || pads.some((p) => p < 0)) return undefined;
  return conv(dy, exchanged(turnedRound(w), a.group), { pads, dilations: a.dilations, group: a.group });
}

/** Outputs and inputs of a kernel exchanged within each group: [O, C/G, ..] → [C, O/G, ..]. */
function exchanged(w: Value, group: number): Value {
  const [o, c, ...kernel] = numbers(w);
  const split = reshape(w, [group, o! / group, c!, ...kernel]);
  const order = [0, 2, 1, ...kernel.map((_, i) => i + 3)];
  return reshape(transpose(split, order), [group * c!, o! / group, ...kernel]);
}

/** The kernel read backwards: a product with the exchange matrix, exact since each sum has one term that is not zero. */
function turnedRound(w: Value): Value {
  const [o, c, ...kernel] = numbers(w);
  const taps = product(kernel);
  if (taps === 1) return w;
  const exchange = new Float32Array(taps * taps);
  for (let i = 0; i < taps; i++) exchange[i * taps + taps - 1 - i] = 1;
  const rows = reshape(w, [o! * c!, taps]);
  return reshape(matMul(rows, constant(float32([taps, taps], exchange))), [o!, c!, ...kernel]);
}

/**
 * dw of y = conv(x, w): dw[o, c, k] = Σ_n Σ_p dy[n, o, p] x[n, c, p s + k d], a product of dy with what each tap sees.
 * Either one product an image and a sum over images, or, where those products would be large beside what they are made
 * of (many channels, few positions), images side by side and one product. `w` is the kernel's shape.
 */
export function convWeightGradient(x: Value, w: readonly number[], dy: Value, a: ConvAttributes): Value {
  const scaled = channelScaled(dy, w); // dw is linear in dy, row by row
  if (scaled) return scaleRows(convWeightGradient(x, w, scaled.u, a), scaled.s);
  const [n, , ...space] = numbers(dy);
  const [o, c, ...kernel] = w as readonly [number, number, ...number[]];
  const g = a.group;
  const p = product(space);
  const rows = o! / g;
  const columns = c! * product(kernel);
  if (rows * columns <= 0.5 * p * (rows + columns)) {
    if (kernel.length === 2 && kernel[0]! > 1 && a.strides.every((v) => v === 1)) return rowsAndColumns(x, w, dy, a);
    const seen = tapViews(x, kernel, space, a).map((v) => reshape(v, [n!, g * c!, 1, p]));
    const windows = reshape(concat(seen, 2), [n!, g, columns, p]);
    const perImage = matMul(reshape(dy, [n!, g, rows, p]), windows, { transB: true }); // [N, G, O/G, C·K]
    return reshape(reduceSum(perImage, [0], false), w);
  }
  const channelsFirst = [1, 0, ...space.map((_, i) => i + 2)];
  const seen = tapViews(transpose(x, channelsFirst), kernel, space, a).map((v) => reshape(v, [g * c!, 1, n! * p]));
  const windows = reshape(concat(seen, 1), [g, columns, n! * p]);
  const sides = reshape(transpose(dy, channelsFirst), [g, rows, n! * p]);
  return reshape(matMul(sides, windows, { transB: true }), w); // [G, O/G, C·K]
}

/**
 * The same for a plane and stride 1 with fewer copies: x is shifted for the taps of a row only; for the taps of a column
 * dy is shifted instead, by rows of zeros around it. With H' = H + pads: [N, G, K_h O/G, H' W] × [N, G, C K_w, H' W]ᵀ.
 */
function rowsAndColumns(x: Value, w: readonly number[], dy: Value, a: ConvAttributes): Value {
  const [n, , h, wide] = numbers(dy) as [number, number, number, number];
  const [o, c, kh, kw] = w as readonly [number, number, number, number];
  const g = a.group;
  const [dh, dw] = a.dilations as [number, number];
  const padded = pad(x, [0, 0, a.pads[0]!, a.pads[1]!], [0, 0, a.pads[2]!, a.pads[3]!]);
  const tall = numbers(padded)[2]!;
  const alongRows = Array.from({ length: kw }, (_, k) =>
    reshape(slice(padded, { axes: [3], starts: [k * dw], ends: [k * dw + wide] }), [n, g * c, 1, tall * wide]),
  );
  const alongColumns = Array.from({ length: kh }, (_, k) =>
    reshape(pad(dy, [0, 0, k * dh, 0], [0, 0, tall - h - k * dh, 0]), [n, g, o / g, tall * wide]),
  );
  const windows = reshape(concat(alongRows, 2), [n, g, c * kw, tall * wide]);
  const perImage = matMul(concat(alongColumns, 2), windows, { transB: true }); // [N, G, K_h·O/G, C·K_w]
  const summed = reshape(reduceSum(perImage, [0], false), [g, kh, o / g, c, kw]);
  return reshape(transpose(summed, [0, 2, 3, 1, 4]), [o, c, kh, kw]);
}

/** What each tap of the kernel sees at every output position: [A, B, H, W] → one [A, B, H', W'] a tap. */
function tapViews(x: Value, kernel: readonly number[], space: readonly number[], a: ConvAttributes): Value[] {
  const rank = kernel.length;
  const taps = offsets(kernel).map((k) => k.map((v, i) => v * a.dilations[i]!));
  if (taps.length <= SORTED_FROM || a.strides.every((s) => s === 1)) {
    const padded = pad(x, [0, 0, ...a.pads.slice(0, rank)], [0, 0, ...a.pads.slice(rank)]);
    return columnViews(padded, taps, space, a.strides);
  }
  return phaseViews(x, taps, space, a);
}

/**
 * Slices of what is padded. With a stride along the last axis every s-th column is copied once for all taps that see it,
 * since whole rows are copied faster than single elements.
 */
function columnViews(
  padded: Value,
  taps: readonly number[][],
  space: readonly number[],
  strides: readonly number[],
): Value[] {
  const last = space.length - 1;
  const s = strides[last]!;
  const phases = new Set(taps.map((t) => t[last]! % s));
  const sorted = s > 1 && phases.size < taps.length;
  const columns = new Map<number, Value>();
  for (const phase of sorted ? phases : []) {
    const ends = [numbers(padded)[last + 2]!];
    columns.set(phase, slice(padded, { axes: [last + 2], starts: [phase], ends, steps: [s] }));
  }
  const axes = space.map((_, i) => i + 2);
  return taps.map((tap) => {
    const from = columns.get(tap[last]! % s) ?? padded;
    const steps = sorted ? [...strides.slice(0, -1), 1] : [...strides];
    const starts = sorted ? [...tap.slice(0, -1), Math.floor(tap[last]! / s)] : tap;
    const ends = starts.map((v, i) => v + (space[i]! - 1) * steps[i]! + 1);
    return slice(from, { axes, starts, ends, steps });
  });
}

/**
 * The same for a stride: positions are first sorted by their remainder, [A, B, H, W] → [A, s s B, H / s, W / s], in one
 * pass, so that each tap sees neighbours instead of every s-th element.
 */
function phaseViews(x: Value, taps: readonly number[][], space: readonly number[], a: ConvAttributes): Value[] {
  const rank = space.length;
  const [first, second, ...size] = numbers(x);
  const before = a.pads.slice(0, rank);
  const counts = size.map((v, i) => Math.ceil((v + before[i]! + a.pads[rank + i]!) / a.strides[i]!));
  const after = size.map((v, i) => counts[i]! * a.strides[i]! - v - before[i]!);
  const padded = pad(x, [0, 0, ...before], [0, 0, ...after]);
  const split = reshape(padded, [first!, second!, ...counts.flatMap((v, i) => [v, a.strides[i]!])]);
  const inner = space.map((_, i) => 3 + 2 * i);
  const outer = space.map((_, i) => 2 + 2 * i);
  const sorted = transpose(split, [0, ...inner, 1, ...outer]);
  const phases = reshape(sorted, [first!, product(a.strides) * second!, ...counts]);
  const axes = [1, ...space.map((_, i) => i + 2)];
  return taps.map((offset) => {
    const phase = offset.reduce((n, v, i) => n * a.strides[i]! + (v % a.strides[i]!), 0);
    const start = offset.map((v, i) => Math.floor(v / a.strides[i]!));
    const starts = [phase * second!, ...start];
    return slice(phases, { axes, starts, ends: [(phase + 1) * second!, ...start.map((v, i) => v + space[i]!)] });
  });
}

/** Every position in a kernel, last axis fastest. */
function offsets(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (all, k) => all.flatMap((head) => Array.from({ length: k }, (_, i) => [...head, i])),
    [[]],
  );
}

/** dw of a transposed convolution: the weight gradient of the convolution that it transposes. */
export function transposedWeightGradient(x: Value, w: Value, dy: Value, a: ConvTransposeAttributes): Value {
  return convWeightGradient(dy, numbers(w), x, a);
}

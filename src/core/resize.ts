import { Fault } from './fault.ts';

/** A filter of antialiased resizing. Bicubic has a = -0.5, as in Pillow (not the -0.75 of plain interpolation). */
export type ResizeKind = 'bilinear' | 'bicubic';

/** Eight-bit colours: `data` [height, width, 3], rows from the top. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Float planes: `data` [planes, height, width]. */
export interface Planes {
  readonly planes: number;
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** A rectangle in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What to resize to, in pixels. */
export interface ResizeOptions {
  readonly width: number;
  readonly height: number;
  readonly kind: ResizeKind;
  /** The part of the source that is resized, as if cropped before; all of it when absent. */
  readonly from?: Box;
  /** The part of the result that is computed and returned; all of it when absent. */
  readonly keep?: Box;
}

/** How outputs of one axis read its inputs: output i is Σ_t weights[i, t] · input[first[i] + t], t < count[i]. */
export interface AxisWeights {
  /** The largest count; the length of a row of `weights`. */
  readonly taps: number;
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** [outputs, taps]; rows sum to 1, zero from `count` on. */
  readonly weights: Float64Array;
}

const SUPPORT: { readonly [K in ResizeKind]: number } = { bilinear: 1, bicubic: 2 };

/** Fraction bits of Pillow's 8-bit weights (32 bits less 8 of the pixel and 2 for overshoot). */
const BITS = 22;

function filter(kind: ResizeKind, at: number): number {
  const x = Math.abs(at);
  if (kind === 'bilinear') return x < 1 ? 1 - x : 0;
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1; // a = -0.5
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

/**
 * The antialiased weights of one axis, equal to Pillow's and to torch's `interpolate(antialias=True)`:
 * with s = in / out and f = max(s, 1), output i reads around (i + ½) s, its filter widened by f.
 */
export function resizeWeights(inSize: number, outSize: number, kind: ResizeKind): AxisWeights {
  return weightsOf(inSize, outSize, { kind, start: 0, length: outSize });
}

/** Weights of the outputs `start` to `start + length`: a centre crop of a long strip must not pay for the strip. */
function weightsOf(
  inSize: number,
  outSize: number,
  range: { readonly kind: ResizeKind; readonly start: number; readonly length: number },
): AxisWeights {
  for (const size of [inSize, outSize]) {
    if (!Number.isInteger(size) || size < 1) {
      throw new Fault('shape', `resize: expected sizes of at least 1 pixel, got ${inSize} to ${outSize}.`);
    }
  }
  const scale = inSize / outSize;
  const widen = Math.max(scale, 1);
  const support = SUPPORT[range.kind] * widen;
  const taps = Math.min(Math.ceil(support) * 2 + 1, inSize);
  const first = new Int32Array(range.length);
  const count = new Int32Array(range.length);
  const weights = new Float64Array(range.length * taps);
  for (let i = 0; i < range.length; i++) {
    const centre = (range.start + i + 0.5) * scale;
    const low = Math.max(Math.trunc(centre - support + 0.5), 0);
    const high = Math.min(Math.trunc(centre + support + 0.5), inSize);
    first[i] = low;
    count[i] = high - low;
    let sum = 0;
    for (let j = low; j < high; j++) {
      const w = filter(range.kind, (j - centre + 0.5) / widen);
      weights[i * taps + j - low] = w;
      sum += w;
    }
    for (let j = 0; j < high - low; j++) weights[i * taps + j]! /= sum;
  }
  return { taps, first, count, weights };
}

/** Weights times 2^22, rounded half away from zero. */
function fixedPoint(weights: Float64Array): Int32Array {
  return Int32Array.from(weights, (w) => Math.trunc(w * 2 ** BITS + (w < 0 ? -0.5 : 0.5)));
}

interface Plan {
  readonly from: Box;
  readonly keep: Box;
  /** Null where the axis keeps its size: such a pass only copies. */
  readonly columns: AxisWeights | null;
  readonly rows: AxisWeights | null;
  /** Source rows that the vertical pass reads, counted within `from`. */
  readonly rowStart: number;
  readonly rowCount: number;
}

function plan(source: { readonly width: number; readonly height: number }, options: ResizeOptions): Plan {
  const { width, height, kind } = options;
  const from = options.from ?? { left: 0, top: 0, width: source.width, height: source.height };
  const keep = options.keep ?? { left: 0, top: 0, width, height };
  inside(from, source.width, source.height);
  inside(keep, width, height);
  const axis = (n: number, m: number, start: number, length: number): AxisWeights | null =>
    n === m ? null : weightsOf(n, m, { kind, start, length });
  const columns = axis(from.width, width, keep.left, keep.width);
  const rows = axis(from.height, height, keep.top, keep.height);
  const last = keep.height - 1;
  const rowStart = rows ? rows.first[0]! : keep.top;
  const rowCount = rows ? rows.first[last]! + rows.count[last]! - rowStart : keep.height;
  return { from, keep, columns, rows, rowStart, rowCount };
}

function inside(box: Box, width: number, height: number): void {
  const { left, top, width: w, height: h } = box;
  const whole = [left, top, w, h].every(Number.isInteger);
  if (!whole || left < 0 || top < 0 || w < 1 || h < 1 || left + w > width || top + h > height) {
    throw new Fault(
      'shape',
      `resize: expected a box of whole pixels inside ${width} x ${height}, got ${w} x ${h} at (${left}, ${top}).`,
    );
  }
}

/**
 * Antialiased resize of 8-bit colours, equal to Pillow's to the last bit: columns first, then rows, each pass in
 * fixed point and rounded to 8 bits; a pass that changes no size is left out. Only what `keep` needs is computed.
 */
export function resizeRgb(image: RgbImage, options: ResizeOptions): RgbImage {
  const p = plan(image, options);
  const { width, height } = p.keep;
  const narrow = p.columns ? resizeColumns8(image, p, p.columns) : copyRect8(image, p); // [rowCount, width, 3]
  return { width, height, data: p.rows ? resizeRows8(narrow, p, p.rows) : narrow };
}

function copyRect8(image: RgbImage, { from, keep, rowStart, rowCount }: Plan): Uint8Array {
  const out = new Uint8Array(rowCount * keep.width * 3);
  for (let y = 0; y < rowCount; y++) {
    const start = ((from.top + rowStart + y) * image.width + from.left + keep.left) * 3;
    out.set(image.data.subarray(start, start + keep.width * 3), y * keep.width * 3);
  }
  return out;
}

function resizeColumns8(image: RgbImage, p: Plan, axis: AxisWeights): Uint8Array {
  const { taps, first, count } = axis;
  const { width } = p.keep;
  const weights = fixedPoint(axis.weights);
  const data = image.data;
  const out = new Uint8ClampedArray(p.rowCount * width * 3);
  let o = 0;
  for (let y = 0; y < p.rowCount; y++) {
    const row = (p.from.top + p.rowStart + y) * image.width + p.from.left;
    for (let x = 0; x < width; x++, o += 3) {
      let at = (row + first[x]!) * 3;
      let r = 1 << (BITS - 1);
      let g = r;
      let b = r;
      const k0 = x * taps;
      const k1 = k0 + count[x]!;
      for (let k = k0; k < k1; k++, at += 3) {
        const w = weights[k]!;
        r = (r + Math.imul(w, data[at]!)) | 0;
        g = (g + Math.imul(w, data[at + 1]!)) | 0;
        b = (b + Math.imul(w, data[at + 2]!)) | 0;
      }
      out[o] = r >> BITS;
      out[o + 1] = g >> BITS;
      out[o + 2] = b >> BITS;
    }
  }
  return new Uint8Array(out.buffer);
}

function resizeRows8(narrow: Uint8Array, p: Plan, axis: AxisWeights): Uint8Array {
  const { taps, first, count } = axis;
  const { width, height } = p.keep;
  const weights = fixedPoint(axis.weights);
  const line = width * 3;
  const sums = new Int32Array(line);
  const out = new Uint8ClampedArray(height * line);
  for (let y = 0; y < height; y++) {
    sums.fill(1 << (BITS - 1));
    for (let k = 0; k < count[y]!; k++) {
      const w = weights[y * taps + k]!;
      const at = (first[y]! - p.rowStart + k) * line;
      for (let x = 0; x < line; x++) sums[x] = (sums[x]! + Math.imul(w, narrow[at + x]!)) | 0;
    }
    for (let x = 0; x < line; x++) out[y * line + x] = sums[x]! >> BITS;
  }
  return new Uint8Array(out.buffer);
}

/**
 * Antialiased resize of float planes, as torch's `interpolate(antialias=True)`: nothing is rounded or clipped,
 * so bicubic overshoots. [P, H, W] → [P, height, width] (or the part to keep).
 */
export function resizePlanes(image: Planes, options: ResizeOptions): Planes {
  const p = plan(image, options);
  const { width, height } = p.keep;
  const data = new Float32Array(image.planes * height * width);
  for (let plane = 0; plane < image.planes; plane++) {
    const from = image.data.subarray(plane * image.height * image.width, (plane + 1) * image.height * image.width);
    const narrow = resizeColumns(from, image.width, p); // [rowCount, width]
    resizeRows(narrow, p, data.subarray(plane * height * width, (plane + 1) * height * width));
  }
  return { planes: image.planes, width, height, data };
}

function resizeColumns(data: Float32Array, stride: number, p: Plan): Float32Array {
  const { width, left } = p.keep;
  const out = new Float32Array(p.rowCount * width);
  for (let y = 0; y < p.rowCount; y++) {
    const row = (p.from.top + p.rowStart + y) * stride + p.from.left;
    if (p.columns === null) {
      out.set(data.subarray(row + left, row + left + width), y * width);
      continue;
    }
    const { taps, first, count, weights } = p.columns;
    for (let x = 0; x < width; x++) {
      const at = row + first[x]!;
      let sum = 0;
      for (let k = 0; k < count[x]!; k++) sum += weights[x * taps + k]! * data[at + k]!;
      out[y * width + x] = sum;
    }
  }
  return out;
}

function resizeRows(narrow: Float32Array, p: Plan, out: Float32Array): void {
  if (p.rows === null) {
    out.set(narrow);
    return;
  }
  const { taps, first, count, weights } = p.rows;
  const { width, height } = p.keep;
  const sums = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let k = 0; k < count[y]!; k++) {
      const w = weights[y * taps + k]!;
      const at = (first[y]! - p.rowStart + k) * width;
      for (let x = 0; x < width; x++) sums[x]! += w * narrow[at + x]!;
    }
    out.set(sums, y * width);
  }
}

import { expect } from '../core/fault.ts';

/** An RGB picture: bytes [height, width, 3], row-major. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Turns a picture into the text of a `data:` URI (PNG, JPEG or WebP); the runtime has one. */
export type EncodePicture = (picture: Picture) => Promise<string>;

/** What one query reads: weights [rows, columns] over the positions of a feature map. */
export interface AttentionMap {
  readonly rows: number;
  readonly columns: number;
  readonly weights: Float32Array;
}

/** A perceptually uniform colour scale: dark is low, bright is high. */
export type Colormap = 'viridis' | 'magma';

/** How weights become 0 to 1: from their minimum to their maximum, or from zero to their maximum. */
export type Stretch = 'range' | 'peak';

/** How an attention map is drawn. */
export interface DrawOptions {
  /** `magma`. */
  readonly colormap?: Colormap;
  /** `range`. */
  readonly stretch?: Stretch;
  /** Share of the colour over the picture, 0 to 1; 0.6. Heat maps ignore it. */
  readonly alpha?: number;
  /** Whether the picture below turns grey, so that all colour is attention; true. Heat maps ignore it. */
  readonly grey?: boolean;
  /** The position that reads, outlined in the drawing; none where every position reads alike. */
  readonly query?: { readonly row: number; readonly column: number };
}

/**
 * Ten evenly spaced colours of each scale; between them colours are interpolated linearly in sRGB.
 * Smith and van der Walt, matplotlib 1.5 (CC0).
 */
const STOPS: { readonly [K in Colormap]: readonly number[] } = {
  viridis: [0x440154, 0x482878, 0x3e4a89, 0x31688e, 0x26828e, 0x1f9e89, 0x35b779, 0x6dcd59, 0xb4de2c, 0xfde725],
  magma: [0x000004, 0x180f3e, 0x451077, 0x721f81, 0x9f2f7f, 0xcd4071, 0xf1605d, 0xfd9567, 0xfec98d, 0xfcfdbf],
};

/** The colour of a value from 0 to 1, as red, green and blue from 0 to 255, not rounded. */
export function colourAt(colormap: Colormap, value: number): readonly [red: number, green: number, blue: number] {
  expect(value >= 0 && value <= 1, 'data', () => `colourAt: expected a value from 0 to 1, got ${value}.`);
  const stops = STOPS[colormap];
  const at = value * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const [from, to, t] = [stops[low]!, stops[low + 1]!, at - low];
  const mix = (shift: number): number => ((from >> shift) & 255) * (1 - t) + ((to >> shift) & 255) * t;
  return [mix(16), mix(8), mix(0)];
}

function checkMap(where: string, { rows, columns, weights }: AttentionMap): void {
  expect(
    Number.isInteger(rows) && Number.isInteger(columns) && rows > 0 && columns > 0 && weights.length === rows * columns,
    'shape',
    () => `${where}: expected ${rows} x ${columns} weights, got ${weights.length}.`,
  );
  const wrong = weights.findIndex((w) => !Number.isFinite(w));
  expect(wrong < 0, 'data', () => `${where}: expected finite weights, got ${weights[wrong]} at ${wrong}.`);
}

/** The mean map of several heads. weights [heads, rows, columns] → [rows, columns] */
export function meanOverHeads(weights: Float32Array, rows: number, columns: number): AttentionMap {
  const size = rows * columns;
  const heads = weights.length / size;
  expect(
    Number.isInteger(heads) && heads > 0,
    'shape',
    () => `meanOverHeads: expected heads x ${rows} x ${columns} weights, got ${weights.length}.`,
  );
  const mean = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let h = 0; h < heads; h++) sum += weights[h * size + i]!;
    mean[i] = sum / heads;
  }
  return { rows, columns, weights: mean };
}

/** Weights from 0 to 1; a map that is the same everywhere becomes 0. */
export function stretchWeights(map: AttentionMap, stretch: Stretch = 'range'): AttentionMap {
  checkMap('stretchWeights', map);
  const low = stretch === 'range' ? map.weights.reduce((a, b) => Math.min(a, b)) : 0;
  const high = map.weights.reduce((a, b) => Math.max(a, b));
  const lowest = map.weights.reduce((a, b) => Math.min(a, b));
  expect(lowest >= low, 'data', () => `stretchWeights: expected weights from 0, got ${lowest}. Use "range".`);
  const span = high - low;
  return { ...map, weights: map.weights.map((w) => (span > 0 ? Math.min(1, (w - low) / span) : 0)) };
}

/**
 * Bilinear enlargement with pixel centres at half-integers and edges repeated
 * (ONNX Resize `half_pixel`, PyTorch `align_corners=False`). [rows, columns] → [height, width]
 */
export function upsample(map: AttentionMap, width: number, height: number): Float32Array {
  checkMap('upsample', map);
  checkSize('upsample', width, height);
  const across = samplesOf(map.columns, width);
  const out = new Float32Array(width * height); // [height, width]
  samplesOf(map.rows, height).forEach((v, y) => {
    const [top, bottom] = [v.from * map.columns, v.to * map.columns];
    across.forEach((u, x) => {
      const above = map.weights[top + u.from]! * (1 - u.t) + map.weights[top + u.to]! * u.t;
      const below = map.weights[bottom + u.from]! * (1 - u.t) + map.weights[bottom + u.to]! * u.t;
      out[y * width + x] = above * (1 - v.t) + below * v.t;
    });
  });
  return out;
}

/** For each of `to` pixels, the two of `from` cells it lies between, and how far from the first. */
function samplesOf(from: number, to: number) {
  return Array.from({ length: to }, (_, i) => {
    const at = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const low = Math.floor(at);
    return { from: low, to: Math.min(low + 1, from - 1), t: at - low };
  });
}

/** The largest drawing, in pixels: 16 million, a wall of a screen. */
const MOST_PIXELS = 2 ** 24;

function checkSize(where: string, width: number, height: number): void {
  expect(
    Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0 && width * height <= MOST_PIXELS,
    'shape',
    () => `${where}: expected a picture of at most ${MOST_PIXELS} pixels, got ${width} x ${height}.`,
  );
}

/** An attention map as a picture of its own, enlarged to the given size. */
export function heatMap(map: AttentionMap, width: number, height: number, options: DrawOptions = {}): Picture {
  const black: Picture = { width, height, data: new Uint8Array(0) };
  return draw(black, map, { ...options, alpha: 1 });
}

/** A picture with an attention map laid over it: (1 - alpha) picture + alpha colour, in sRGB. */
export function overlay(picture: Picture, map: AttentionMap, options: DrawOptions = {}): Picture {
  const { width, height, data } = picture;
  checkSize('overlay', width, height);
  expect(
    data.length === width * height * 3,
    'shape',
    () => `overlay: expected ${width} x ${height} x 3 bytes, got ${data.length}.`,
  );
  return draw(options.grey === false ? picture : greyOf(picture), map, options);
}

/** A picture's luma on all three channels (ITU-R BT.601 weights). */
function greyOf({ width, height, data }: Picture): Picture {
  const grey = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    grey.fill(Math.round(0.299 * data[i]! + 0.587 * data[i + 1]! + 0.114 * data[i + 2]!), i, i + 3);
  }
  return { width, height, data: grey };
}

function draw(under: Picture, map: AttentionMap, options: DrawOptions): Picture {
  const { colormap = 'magma', stretch = 'range', alpha = 0.6, query } = options;
  const { width, height } = under;
  expect(alpha >= 0 && alpha <= 1, 'config', `alpha: expected a number from 0 to 1, got ${alpha}.`);
  const values = upsample(stretchWeights(map, stretch), width, height);
  const data = new Uint8Array(width * height * 3);
  values.forEach((value, i) => {
    const colour = colourAt(colormap, value);
    for (let c = 0; c < 3; c++) {
      data[i * 3 + c] = Math.round((1 - alpha) * (under.data[i * 3 + c] ?? 0) + alpha * colour[c]!);
    }
  });
  const drawn: Picture = { width, height, data };
  if (query) outline(drawn, map, query);
  return drawn;
}

/** Outlines a cell of the map in a picture being drawn: a white frame with a black one inside it. */
function outline(drawn: Picture, map: AttentionMap, query: { readonly row: number; readonly column: number }): void {
  const { width, height, data } = drawn;
  const { row, column } = query;
  const inside = (at: number, size: number): boolean => Number.isInteger(at) && at >= 0 && at < size;
  expect(
    inside(row, map.rows) && inside(column, map.columns),
    'shape',
    () => `query: expected a position inside ${map.rows} x ${map.columns}, got (${row}, ${column}).`,
  );
  const edge = (at: number, cells: number, pixels: number): number => Math.round((at * pixels) / cells);
  const [left, right] = [edge(column, map.columns, width), edge(column + 1, map.columns, width) - 1];
  const [top, bottom] = [edge(row, map.rows, height), edge(row + 1, map.rows, height) - 1];
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const depth = Math.min(x - left, right - x, y - top, bottom - y);
      if (depth < 2) data.fill(depth === 0 ? 255 : 0, (y * width + x) * 3, (y * width + x) * 3 + 3);
    }
  }
}

/** How unevenly a map reads. */
export interface Concentration {
  /** Largest weight over the mean weight; 1 when all positions are read alike. */
  readonly peak: number;
  /** Share of positions effectively read, exp(entropy) / L: 1 when all are read alike, 1/L when one is. */
  readonly effective: number;
}

/** How unevenly a map of non-negative weights reads; pictures, stretched to full contrast, do not show it. */
export function concentration(map: AttentionMap): Concentration {
  checkMap('concentration', map);
  const sum = map.weights.reduce((a, b) => a + b, 0);
  const lowest = map.weights.reduce((a, b) => Math.min(a, b));
  expect(sum > 0 && lowest >= 0, 'data', 'concentration: expected weights from 0 that are not all 0.');
  const size = map.weights.length;
  let entropy = 0;
  for (const w of map.weights) if (w > 0) entropy -= (w / sum) * Math.log(w / sum);
  const peak = (map.weights.reduce((a, b) => Math.max(a, b)) * size) / sum;
  return { peak, effective: Math.exp(entropy) / size };
}

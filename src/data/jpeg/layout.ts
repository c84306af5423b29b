import type { Box, ResizeKind } from '../../core/resize.ts';
import type { JpegHeader } from './header.ts';

/** The part of one axis of a plane that is resized, in samples of the plane. */
export interface PartAxis {
  readonly start: number;
  readonly length: number;
  /** Samples that may be read. */
  readonly low: number;
  readonly high: number;
  /** Most samples that one output reads. */
  readonly taps: number;
}

/** One plane of decoded blocks. */
export interface Plane {
  readonly at: number;
  readonly stride: number;
  /** Side of a decoded block, 8, 4, 2 or 1. */
  readonly side: number;
  readonly across: PartAxis;
  readonly down: PartAxis;
}

/** What is decoded, and where everything stands in the kernel's memory. */
export interface Layout {
  readonly units: { readonly across: number; readonly down: number };
  /** Units that are wanted. */
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly planes: readonly Plane[];
  /** Side of the result, and the same made a multiple of 16: outputs are written in rows of that. */
  readonly size: number;
  readonly wide: number;
  readonly at: {
    readonly [K in
      | 'words'
      | 'quantisers'
      | 'data'
      | 'first'
      | 'weights'
      | 'columnFirst'
      | 'columnWeights'
      | 'narrow']: number;
  } & { readonly outputs: readonly number[]; readonly pixels: number };
  readonly end: number;
}

/** What a layout is made for. */
export interface LayoutOptions {
  readonly size: number;
  readonly kind: ResizeKind;
  /** The first free byte of the kernel's memory. */
  readonly base: number;
  /** Bytes of the data. */
  readonly bytes: number;
}

/** Words of a scan (wasm/jpeg.ts): sixteen, and nine for each of three colours. */
export const WORDS: number = 16 + 9 * 3;
/** Bytes of one Huffman table: two look-up tables, and what longer codes need (wasm/jpeg.ts). */
export const TABLE: number = 4 * (1024 + 2048) + 400;
/** Vectors may be read this far beyond what is used. */
const SLACK = 64;

/** Plans which blocks are decoded, how large, and where they go. `box`: the part, in pixels as stored. */
export function planLayout(header: JpegHeader, box: Box, options: LayoutOptions): Layout {
  const { components, width, height } = header;
  const { size, base, bytes } = options;
  const [first] = components as [JpegHeader['components'][number]];
  const room = Math.min(box.width, box.height) / size;
  const shrink = [8, 4, 2].find((s) => s <= room) ?? 1;
  const unit = { width: 8 * first.h, height: 8 * first.v };
  const left = Math.floor(box.left / unit.width);
  const right = Math.ceil((box.left + box.width) / unit.width);
  const top = Math.floor(box.top / unit.height);
  const bottom = Math.ceil((box.top + box.height) / unit.height);
  const place = allocator(base);
  const at = {
    words: place(4 * WORDS),
    quantisers: place(3 * 128),
    data: place(bytes + SLACK),
  };
  const planes = components.map((c): Plane => {
    // colour of half the size is shrunk by half as much
    const side = Math.min(8, (8 / shrink) * Math.min(first.h / c.h, first.v / c.v));
    const axis = (from: number, length: number, whole: number, share: number, origin: number): PartAxis =>
      partAxis({ from, length, whole, share: (share * side) / 8, origin }, options);
    const across = axis(box.left, box.width, width, c.h / first.h, left * c.h * side);
    const down = axis(box.top, box.height, height, c.v / first.v, top * c.v * side);
    const stride = (right - left) * c.h * side + SLACK;
    const rows = (bottom - top) * c.v * side + down.taps + 2;
    return { at: place(stride * rows + SLACK), stride, side, across, down };
  });
  const wide = Math.ceil(size / 16) * 16;
  const most = Math.max(...planes.flatMap(({ across, down }) => [across.taps, down.taps])) + 8;
  const columns = Math.max(...planes.map((p) => p.stride));
  const outputs = [0, 1, 2].map(() => size * wide);
  const rest = {
    first: place(4 * wide),
    weights: place(2 * wide * most),
    columnFirst: place(4 * wide),
    columnWeights: place(2 * wide * most),
    narrow: place(2 * size * columns + 2 * most + SLACK),
    outputs: outputs.map(place),
    pixels: place(3 * size * wide + SLACK),
  };
  const units = { across: Math.ceil(width / unit.width), down: Math.ceil(height / unit.height) };
  return {
    ...{ units, left, right, top, bottom, planes, size, wide },
    ...{ at: { ...at, ...rest }, end: place(0) },
  };
}

/** Gives out memory, 16 bytes apart. */
function allocator(base: number): (bytes: number) => number {
  let next = Math.ceil(base / 16) * 16;
  return (bytes) => {
    const at = next;
    next = Math.ceil((next + bytes) / 16) * 16;
    return at;
  };
}

interface AxisPart {
  /** The part and the whole, in pixels. */
  readonly from: number;
  readonly length: number;
  readonly whole: number;
  /** Samples of the plane to a pixel. */
  readonly share: number;
  /** The sample at which the plane begins. */
  readonly origin: number;
}

function partAxis({ from, length, whole, share, origin }: AxisPart, { size, kind }: LayoutOptions): PartAxis {
  const start = from * share - origin;
  const samples = length * share;
  const support = Math.max(samples / size, 1) * (kind === 'bicubic' ? 2 : 1);
  return {
    ...{ start, length: samples, low: Math.max(0, Math.floor(start)) },
    high: Math.min(Math.ceil(start + samples), Math.ceil(whole * share) - origin),
    taps: Math.ceil(support) * 2 + 1,
  };
}

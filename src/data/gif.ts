import { Fault } from '../core/fault.ts';
import type { RgbImage } from '../core/resize.ts';
import { MAX_PIXELS } from './image.ts';

/**
 * The first frame of a GIF (GIF89a specification) as Pillow's `convert('RGB')` gives it: transparent pixels keep the
 * colour of their index, what the frame leaves of the screen has the transparent index or else 0, an index without a
 * colour is that grey, and a frame beyond the screen widens it.
 *
 * A file that ends early or is damaged is a `data` fault without a name; memory is taken only for sizes that as many
 * bytes could fill.
 */
export function decodeGif(bytes: Uint8Array): RgbImage {
  const { screen, frame, colours, transparent } = readFrame(bytes);
  const width = Math.max(screen.width, frame.left + frame.width);
  const height = Math.max(screen.height, frame.top + frame.height);
  // A code of 3 bits or more names at most 4096 pixels.
  if (width * height > MAX_PIXELS) throw damaged(`exceeds pixel limit: ${width} x ${height}`);
  if (frame.width * frame.height > (bytes.length * 8 * 4096) / 3) throw damaged('the data are cut short');
  const indices = unpack(bytes, frame);
  const data = new Uint8Array(width * height * 3);
  const put = (place: number, index: number): void => {
    for (let c = 0; c < 3; c++) data[place * 3 + c] = colours[index * 3 + c]!;
  };
  const covered = frame.width === width && frame.height === height;
  if (!covered) for (let i = 0; i < width * height; i++) put(i, transparent ?? 0);
  const order = frame.interlaced ? interlacedRows(frame.height) : null;
  for (let y = 0, i = 0; y < frame.height; y++) {
    const row = (frame.top + (order ? order[y]! : y)) * width + frame.left;
    for (let x = 0; x < frame.width; x++, i++) put(row + x, indices[i]!);
  }
  return { width, height, data };
}

function damaged(what: string): Fault {
  return new Fault('data', what);
}

interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly interlaced: boolean;
  /** Where the data begin: the size of the least code, then blocks. */
  readonly data: number;
}

interface Picture {
  readonly screen: { readonly width: number; readonly height: number };
  readonly frame: Frame;
  /** [256, 3]. */
  readonly colours: Uint8Array;
  readonly transparent: number | null;
}

/** Reads bytes one by one; none beyond the end. */
function byteReader(bytes: Uint8Array): { readonly one: (at: number) => number; readonly two: (at: number) => number } {
  const one = (at: number): number => {
    const value = bytes[at];
    if (value === undefined) throw damaged('the file ends early');
    return value;
  };
  return { one, two: (at) => one(at) + 256 * one(at + 1) };
}

function readFrame(bytes: Uint8Array): Picture {
  const { one, two } = byteReader(bytes);
  const screen = { width: two(6), height: two(8) };
  const common = readColours(bytes, 13, one(10));
  let transparent: number | null = null;
  let at = common.end;
  while (one(at) !== 0x2c) {
    if (one(at) === 0x3b) throw damaged('no frame');
    if (one(at) !== 0x21) {
      at++; // stray bytes between blocks are passed over, as Pillow does
      continue;
    }
    if (one(at + 1) === 0xf9 && one(at + 2) >= 4) transparent = one(at + 3) & 1 ? one(at + 6) : null;
    at += 2;
    while (one(at) > 0) at += one(at) + 1;
    at++;
  }
  const flags = one(at + 9);
  const own = readColours(bytes, at + 10, flags);
  const [left, top, width, height] = [two(at + 1), two(at + 3), two(at + 5), two(at + 7)];
  if (width * height === 0) throw damaged('a frame without pixels');
  const frame = { left, top, width, height, interlaced: (flags & 64) !== 0, data: own.end };
  return { screen, frame, colours: own.colours ?? common.colours ?? greys(), transparent };
}

/** The table of colours at `at`, filled up with greys; null where the flags say that there is none. */
function readColours(
  bytes: Uint8Array,
  at: number,
  flags: number,
): { readonly colours: Uint8Array | null; readonly end: number } {
  if ((flags & 128) === 0) return { colours: null, end: at };
  const end = at + 3 * (2 << (flags & 7));
  if (end > bytes.length) throw damaged('the file ends early');
  const colours = greys();
  colours.set(bytes.subarray(at, end));
  return { colours, end };
}

function greys(): Uint8Array {
  return Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));
}

/** Rows in the order in which an interlaced frame has them: every 8th, those between, every 4th, every 2nd. */
function interlacedRows(height: number): readonly number[] {
  const passes = [
    [0, 8],
    [4, 8],
    [2, 4],
    [1, 2],
  ] as const;
  return passes.flatMap(([start, step]) =>
    Array.from({ length: Math.max(0, Math.ceil((height - start) / step)) }, (_, i) => start + i * step),
  );
}

/** Largest code of GIF's Lempel-Ziv-Welch coding, in bits. */
const MAX_BITS = 12;

/** Indices of a frame's pixels in the order in which they come. [width · height] */
function unpack(bytes: Uint8Array, { width, height, data }: Frame): Uint8Array {
  const least = bytes[data] ?? 0;
  if (least < 1 || least > 8) throw damaged(`codes of ${least} bits`);
  const clear = 1 << least;
  const out = new Uint8Array(width * height);
  const strings = stringTable(clear);
  const read = codeReader(bytes, data + 1);
  let before = -1; // the code before; none after a clear
  for (let filled = 0; filled < out.length; ) {
    const code = read(strings.bits());
    if (code === clear) {
      strings.clear();
      before = -1;
      continue;
    }
    if (code === clear + 1) throw damaged('too few pixels');
    const known = strings.has(code);
    if (!known && (before < 0 || !strings.isNext(code))) throw damaged('a code without a meaning');
    // A code that is defined by its own use is the one before and its first pixel again.
    let end = strings.write(known ? code : before, out, filled);
    const first = out[filled]!;
    if (!known && end < out.length) out[end++] = first;
    if (before >= 0) strings.define(before, first);
    before = code;
    filled = end;
  }
  return out;
}

/** The strings of pixels that codes stand for: each is an earlier one and a pixel more. */
interface StringTable {
  /** Bits of the next code. */
  bits(): number;
  /** Forgets all but the single pixels. */
  clear(): void;
  has(code: number): boolean;
  /** Whether a code is the one that is defined next. */
  isNext(code: number): boolean;
  define(before: number, pixel: number): void;
  /** Writes a code's pixels from `at`, as far as there is room; gives where they end. */
  write(code: number, out: Uint8Array, at: number): number;
}

function stringTable(single: number): StringTable {
  const prefix = new Uint16Array(1 << MAX_BITS);
  const suffix = new Uint8Array(1 << MAX_BITS);
  const length = new Uint16Array(1 << MAX_BITS);
  for (let i = 0; i < single; i++) {
    suffix[i] = i;
    length[i] = 1;
  }
  let next = single + 2; // two codes are the clear and the end
  let size = Math.log2(single) + 1;
  return {
    bits: () => size,
    clear: () => {
      next = single + 2;
      size = Math.log2(single) + 1;
    },
    has: (code) => code < next && code !== single && code !== single + 1,
    isNext: (code) => code === next && next < 1 << MAX_BITS,
    define: (before, pixel) => {
      if (next === 1 << MAX_BITS) return; // a full table stays as it is until it is cleared
      prefix[next] = before;
      suffix[next] = pixel;
      length[next] = length[before]! + 1;
      next++;
      if (next === 1 << size && size < MAX_BITS) size++;
    },
    write: (code, out, at) => {
      const end = at + length[code]!;
      let string = code;
      for (let i = end - 1; i >= at; i--, string = prefix[string]!) if (i < out.length) out[i] = suffix[string]!;
      return Math.min(end, out.length);
    },
  };
}

/** Reads codes of so many bits, the low ones first, from blocks of up to 255 bytes. */
function codeReader(bytes: Uint8Array, start: number): (size: number) => number {
  let at = start;
  let left = 0; // bytes of the block that are left
  let held = 0;
  let bits = 0;
  return (size) => {
    while (bits < size) {
      if (left === 0) {
        left = bytes[at++] ?? 0;
        if (left === 0) throw damaged('the data end early');
      }
      const value = bytes[at++];
      if (value === undefined) throw damaged('the file ends early');
      held |= value << bits;
      bits += 8;
      left--;
    }
    const code = held & ((1 << size) - 1);
    held >>>= size;
    bits -= size;
    return code;
  };
}

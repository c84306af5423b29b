import type { Box, ResizeKind, RgbImage } from '../../core/resize.ts';
import { type JpegHeader, type JpegHuffman, readJpegHeader } from './header.ts';
import { KERNEL } from './kernel.ts';
import { type Layout, type PartAxis, planLayout, TABLE, WORDS } from './layout.ts';
import { storedBox, turnUpright } from './orientation.ts';

/** Which part of a picture is wanted, and how large. */
export interface PartOptions {
  /** The part of the upright picture, in pixels. */
  choose(size: { readonly width: number; readonly height: number }): Box;
  /** Side of the square that the part is resized to, in pixels. */
  readonly size: number;
  readonly kind: ResizeKind;
  /** Whether the file is known to be whole: then what is below the part is not read. */
  readonly whole?: boolean;
}

/** Where a prepared picture goes, and how: (v / 255 - mean) / std by channel, mirrored left to right, top to bottom. */
export interface NormaliseOptions {
  /** [3, size, size] at `offset`. */
  readonly data: Float32Array;
  readonly offset: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly flip: boolean;
  readonly turn: boolean;
}

/** What the kernel (wasm/jpeg.ts) exports. */
interface Kernel {
  readonly memory: WebAssembly.Memory;
  base(): number;
  table(counts: number, symbols: number, out: number, direct: number): number;
  scan(words: number): number;
  axis(start: number, length: number, low: number, high: number, ...rest: readonly number[]): void;
  vertical(plane: number, stride: number, left: number, width: number, ...rest: readonly number[]): void;
  horizontal(from: number, width: number, left: number, rows: number, ...rest: readonly number[]): void;
  colours(luma: number, blue: number, red: number, n: number, out: number): void;
  normalise(pixels: number, size: number, factors: number, mirrored: number, turned: number, out: number): void;
}

/** Where the first samples and the weights of an axis are. */
type AxisPlace = readonly [number, number];

/** The most memory that a picture may take, in bytes; larger ones go another way. */
const MOST = 256 * 1024 ** 2;
const PAGE = 65536;
/** Huffman tables that are kept for the next pictures: encoders have few. */
const KEPT = 16;

/** A block takes two codes of at least one bit each. */
const BLOCKS_A_BYTE = 4;

/** Decodes parts of baseline JPEG pictures by a WebAssembly kernel. */
export class JpegParts {
  readonly #kernel: Kernel;
  #scratch: Uint8Array = new Uint8Array(0);
  #tables: (JpegHuffman & { readonly direct: boolean })[] = [];

  private constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Compiles the kernel; null where the engine lacks what it needs (128-bit vectors). */
  static async create(): Promise<JpegParts | null> {
    try {
      const { instance } = await WebAssembly.instantiate(Uint8Array.from(atob(KERNEL), (c) => c.charCodeAt(0)));
      return new JpegParts(instance.exports as unknown as Kernel); // made from wasm/jpeg.ts
    } catch {
      return null;
    }
  }

  /**
   * Decodes a part, [size, size, 3]: all of the data, but only the blocks of the part become pixels, at an eighth to
   * the whole of their size while the part still has `size` pixels; planes are resized, then made colours. So it differs
   * a little from decoding, cropping and resizing. Good until the next call. Null for what is not a whole baseline JPEG
   * picture.
   */
  decode(bytes: Uint8Array, options: PartOptions): RgbImage | null {
    const header = readJpegHeader(bytes);
    if (header === null) return null;
    if (this.#tables.length > KEPT - 6) this.#tables = []; // a picture has at most six
    const { width, height, orientation } = header;
    const blocks = Math.ceil(width / 8) * Math.ceil(height / 8);
    if (blocks > BLOCKS_A_BYTE * (bytes.length - header.data)) return null; // it claims more than it can hold
    const box = options.choose(orientation > 4 ? { width: height, height: width } : { width, height });
    const base = this.#free();
    const data = bytes.subarray(header.data);
    const layout = planLayout(header, storedBox(box, header), { ...options, base, bytes: data.length });
    if (layout.end > MOST) return null;
    this.#reach(layout.end);
    if (!this.#scan(data, header, { ...layout, whole: options.whole ?? false })) return null;
    this.#resize(header, layout, options.kind);
    return turnUpright({ width: options.size, height: options.size, data: this.#pixels(layout) }, orientation);
  }

  /** {@link normalise}, for squares of at least one vector. */
  normaliser(size: number): ((image: RgbImage, options: NormaliseOptions) => void) | null {
    return size < 16 ? null : (image, options) => this.normalise(image, options);
  }

  /** Normalises a square of bytes of at least 16 x 16; scaled and shifted, so that the last bit may differ from the quotients'. */
  normalise({ width: size, data: bytes }: RgbImage, options: NormaliseOptions): void {
    const { data, offset, mean, std, flip, turn } = options;
    const factors = Math.ceil(this.#free() / 16) * 16;
    const pixels = factors + 32;
    const out = Math.ceil((pixels + bytes.length + 16) / 16) * 16;
    this.#reach(out + 4 * bytes.length);
    const { memory } = this.#kernel;
    const numbers = new Float32Array(memory.buffer, factors, 6);
    for (let c = 0; c < 3; c++) numbers.set([1 / (255 * std[c]!), -mean[c]! / std[c]!], 2 * c);
    new Uint8Array(memory.buffer).set(bytes, pixels);
    this.#kernel.normalise(pixels, size, factors, flip ? 1 : 0, turn ? 1 : 0, out);
    data.set(new Float32Array(memory.buffer, out, bytes.length), offset);
  }

  /** The first byte behind the tables. */
  #free(): number {
    return this.#kernel.base() + KEPT * TABLE + 16;
  }

  /** Makes the memory reach to a byte. */
  #reach(end: number): void {
    const { memory } = this.#kernel;
    const missing = end - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / PAGE));
  }

  #scan(data: Uint8Array, header: JpegHeader, layout: Layout & { readonly whole: boolean }): boolean {
    const { at, units, planes, left, right, top, bottom, whole } = layout;
    const memory = new Uint8Array(this.#kernel.memory.buffer);
    memory.set(data, at.data);
    const words = new Int32Array(memory.buffer, at.words, WORDS);
    words.set([at.data, at.data + data.length, header.restart, planes.length, units.across, units.down]);
    words.set([left, right, top, bottom, whole ? 1 : 0], 6);
    for (const [i, { h, v, dc, ac, quantiser }] of header.components.entries()) {
      const direct = this.#table(header.huffman[dc]!, true, at.first);
      const others = this.#table(header.huffman[4 + ac]!, false, at.first);
      if (direct === null || others === null) return false;
      const quantisers = at.quantisers + 128 * i;
      new Uint16Array(memory.buffer, quantisers, 64).set(header.quantisers[quantiser]!);
      const { at: plane, stride, side } = planes[i]!;
      words.set([h, v, direct, others, quantisers, plane, stride, 0, side], 16 + 9 * i);
    }
    return this.#kernel.scan(at.words) === 0;
  }

  /** Where a Huffman table is, which is built at first; null where it is no code. `free`: memory not in use. */
  #table({ counts, symbols }: JpegHuffman, direct: boolean, free: number): number | null {
    const kernel = this.#kernel;
    const place = (i: number): number => (kernel.base() + 15 + i * TABLE) & ~15;
    const same = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((v, i) => v === b[i]);
    const known = this.#tables.findIndex(
      (t) => t.direct === direct && same(t.counts, counts) && same(t.symbols, symbols),
    );
    if (known >= 0) return place(known);
    const memory = new Uint8Array(kernel.memory.buffer);
    memory.set(counts, free);
    memory.set(symbols, free + 16);
    const next = place(this.#tables.length);
    if (kernel.table(free, free + 16, next, direct ? 1 : 0) !== 0) return null;
    this.#tables.push({ counts: counts.slice(), symbols: symbols.slice(), direct });
    return next;
  }

  #resize({ components }: JpegHeader, { at, planes, size, wide }: Layout, kind: ResizeKind): void {
    const kernel = this.#kernel;
    const axis = ({ start, length, low, high }: PartAxis, taps: number, [first, weights]: AxisPlace): void =>
      kernel.axis(start, length, low, high, size, wide, kind === 'bicubic' ? 1 : 0, taps, first, weights);
    const [rows, columns]: readonly AxisPlace[] = [
      [at.first, at.weights],
      [at.columnFirst, at.columnWeights],
    ];
    planes.forEach(({ across, down, ...plane }, i) => {
      const left = across.low & ~7;
      const width = (across.high - left + 7) & ~7;
      const rowTaps = (down.taps + 1) & ~1;
      const columnTaps = (across.taps + 7) & ~7;
      if (i < 2) {
        axis(down, rowTaps, rows!); // the third plane is as the second
        axis(across, columnTaps, columns!);
      }
      kernel.vertical(plane.at, plane.stride, left, width, size, rowTaps, ...rows!, at.narrow);
      kernel.horizontal(at.narrow, width, left, size, wide, columnTaps, ...columns!, at.outputs[i]!);
    });
    const neutral = new Uint8Array(kernel.memory.buffer);
    if (components.length === 1) neutral.fill(128, at.outputs[1], at.outputs[2]! + size * wide);
    const [luma, blue, red] = at.outputs as [number, number, number];
    kernel.colours(luma, blue, red, size * wide, at.pixels);
  }

  #pixels({ at, size, wide }: Layout): Uint8Array {
    const all = new Uint8Array(this.#kernel.memory.buffer, at.pixels, 3 * size * wide);
    if (this.#scratch.length !== 3 * size * size) this.#scratch = new Uint8Array(3 * size * size);
    const out = this.#scratch;
    if (size === wide) out.set(all);
    else for (let y = 0; y < size; y++) out.set(all.subarray(3 * wide * y, 3 * (wide * y + size)), 3 * size * y);
    return out;
  }
}

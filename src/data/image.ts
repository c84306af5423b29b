import type { RgbImage } from '../core/resize.ts';
import type { NormaliseOptions, PartOptions } from './jpeg/part.ts';

export type { RgbImage } from '../core/resize.ts';

/** A decoded picture; of 16-bit greyscale files the full values too. */
export interface DecodedImage extends RgbImage {
  /** [height, width]; `data` holds its high bytes. */
  readonly grey16?: Uint16Array;
}

/** How to decode. */
export interface DecodeOptions {
  /** Let the decoder halve, quarter or eighth the picture while this many pixels stay on the shorter side; faster, inexact. */
  readonly shorterAtLeast?: number;
}

/** What a runtime offers to turn a file's bytes into colours. */
export interface ImageDecoder {
  /** The first frame, upright, as RGB without alpha; a `data` fault that names the file when it cannot be read. */
  decode(bytes: Uint8Array, name: string, options?: DecodeOptions): Promise<DecodedImage>;
  /** What decodes parts of pictures, inexact and faster than decoding all of them; null where nothing here can. */
  readonly parts?: () => Promise<PartDecoder | null>;
}

/** Decodes and normalises parts of pictures, in memory that it uses again. */
export interface PartDecoder {
  /** A part, upright, [size, size, 3], good until the next call; null where the picture must be decoded otherwise. */
  decode(bytes: Uint8Array, options: PartOptions): RgbImage | null;
  /** Null where a square is too small for it. */
  normaliser(size: number): ((image: RgbImage, options: NormaliseOptions) => void) | null;
}

/** File endings that folders of pictures are searched for. */
export const IMAGE_EXTENSIONS: readonly string[] = ['jpg', 'jpeg', 'png', 'webp', 'avif', 'gif'];

/** Whether a file's name ends as a picture's. */
export function looksLikePicture(name: string): boolean {
  const ending = name.slice(name.lastIndexOf('.') + 1).trim();
  return name.includes('.') && IMAGE_EXTENSIONS.includes(ending.toLowerCase());
}

/** The most pixels that are decoded: Pillow's limit against decompression bombs, a quarter GiB of RGB. */
export const MAX_PIXELS: number = Math.floor(1024 ** 3 / 4 / 3);

/** The most bytes of a picture's file that are read. */
export const MAX_FILE_BYTES: number = 256 * 1024 ** 2;

/** What the first bytes of a file say that it is. */
export interface PictureKind {
  readonly format: 'jpeg' | 'png' | 'webp' | 'gif' | 'avif';
  /** 16-bit channels of a PNG: grey (with or without alpha) or colour. */
  readonly deep?: 'grey' | 'colour';
}

/** Tells a picture's format by its first bytes; null when it is none that we read. */
export function pictureKind(bytes: Uint8Array): PictureKind | null {
  const text = (from: number, to: number): string => String.fromCharCode(...bytes.subarray(from, to));
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return { format: 'jpeg' };
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') {
    // IHDR follows: bit depth at byte 24, colour type at 25 (0 and 4 are grey).
    if (bytes[24] !== 16) return { format: 'png' };
    return { format: 'png', deep: bytes[25] === 0 || bytes[25] === 4 ? 'grey' : 'colour' };
  }
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return { format: 'webp' };
  if (text(0, 6) === 'GIF87a' || text(0, 6) === 'GIF89a') return { format: 'gif' };
  if (text(4, 8) === 'ftyp' && ['avif', 'avis', 'mif1', 'miaf'].includes(text(8, 12))) return { format: 'avif' };
  return null;
}

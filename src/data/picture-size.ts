import type { PictureKind } from './image.ts';

/** What a picture's header claims, before anything is decoded. */
export interface ClaimedPicture {
  readonly width: number;
  readonly height: number;
  /** Colours of a pixel as stored; 4 in a JPEG is CMYK. */
  readonly channels: number;
  /** Whether the file is long enough for so many pixels, whatever they show. */
  readonly plausible: boolean;
}

/**
 * Reads the size that a PNG's, JPEG's or WebP's header claims; null where there is none to read, or for other formats.
 *
 * Deflate packs at most 1032 bytes into one (zlib's documentation), and a Huffman-coded JPEG has at least one bit for
 * each block of 8 x 8 pixels of its most finely sampled colour. A plain area of any size takes a WebP next to nothing,
 * so that its length says nothing; libvips takes memory for its pixels before it holds their number against a limit.
 */
export function claimedPicture(bytes: Uint8Array, { format }: PictureKind): ClaimedPicture | null {
  if (format === 'png') return claimedPng(bytes);
  if (format === 'webp') return claimedWebp(bytes);
  return format === 'jpeg' ? claimedJpeg(bytes) : null;
}

/** The size in a WebP's first chunk: lossy, lossless or extended (RFC 9649, sections 2.5 to 2.7). */
function claimedWebp(bytes: Uint8Array): ClaimedPicture | null {
  if (bytes.length < 30) return null;
  const little = (at: number, n: number): number =>
    bytes.subarray(at, at + n).reduceRight((value, byte) => value * 256 + byte, 0);
  const size = (width: number, height: number): ClaimedPicture => ({ width, height, channels: 4, plausible: true });
  switch (String.fromCharCode(...bytes.subarray(12, 16))) {
    case 'VP8 ':
      return size(little(26, 2) & 0x3fff, little(28, 2) & 0x3fff);
    case 'VP8L': {
      const bits = little(21, 4);
      return size(1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff));
    }
    case 'VP8X':
      return size(1 + little(24, 3), 1 + little(27, 3));
    default:
      return null;
  }
}

const PNG_CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

function claimedPng(bytes: Uint8Array): ClaimedPicture | null {
  if (bytes.length < 26) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const channels = PNG_CHANNELS[bytes[25]!] ?? 1;
  const stored = (width * height * channels * bytes[24]!) / 8;
  return { width, height, channels, plausible: stored <= 1032 * bytes.length };
}

/** The most pixels that one bit of a JPEG may stand for: a block. */
const PIXELS_PER_BIT = 64;

function claimedJpeg(bytes: Uint8Array): ClaimedPicture | null {
  const two = (at: number): number => bytes[at]! * 256 + bytes[at + 1]!;
  for (let at = 2; at + 10 < bytes.length; ) {
    if (bytes[at] !== 0xff) return null;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++; // a marker may begin with more than one FF
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) {
      const [height, width, channels] = [two(at + 5), two(at + 7), bytes[at + 9]!];
      return { width, height, channels, plausible: width * height <= bytes.length * 8 * PIXELS_PER_BIT };
    }
    if (marker === 0xd9 || marker === 0xda) return null;
    at += marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8) ? 2 : 2 + two(at + 2);
  }
  return null;
}

/** One colour of a JPEG picture. */
export interface JpegComponent {
  readonly id: number;
  /** Blocks of a unit across and down; 1 or 2. */
  readonly h: number;
  readonly v: number;
  /** Which quantisers it has, 0 to 3, and which Huffman tables, 0 to 3 each. */
  readonly quantiser: number;
  readonly dc: number;
  readonly ac: number;
}

/** A Huffman table: T.81's BITS, 16 counts, and HUFFVAL. */
export interface JpegHuffman {
  readonly counts: Uint8Array;
  readonly symbols: Uint8Array;
}

/** What stands before the data of a baseline JPEG picture. */
export interface JpegHeader {
  /** As stored, before `orientation`. */
  readonly width: number;
  readonly height: number;
  /** EXIF orientation, 1 to 8. */
  readonly orientation: number;
  /** Grey, or Y, Cb, Cr. */
  readonly components: readonly JpegComponent[];
  /** By number; 64 in zigzag order. */
  readonly quantisers: readonly (Uint16Array | undefined)[];
  /** DC tables 0 to 3, then AC tables 0 to 3. */
  readonly huffman: readonly (JpegHuffman | undefined)[];
  /** Units between restart markers; 0 for none. */
  readonly restart: number;
  /** Where the data of the scan begin. */
  readonly data: number;
}

interface Reading {
  readonly bytes: Uint8Array;
  readonly quantisers: (Uint16Array | undefined)[];
  readonly huffman: (JpegHuffman | undefined)[];
  frame: { readonly width: number; readonly height: number; readonly parts: readonly Uint8Array[] } | null;
  orientation: number;
  restart: number;
  jfif: boolean;
  /** Adobe's transform: 0 is RGB, 1 is YCbCr. */
  adobe: number | null;
}

/**
 * Reads the header of a JPEG file whose one scan holds all colours: baseline or extended sequential Huffman coding, 8
 * bits, grey or YCbCr. Null for everything else (progressive, CMYK, damaged), which another decoder must judge.
 */
export function readJpegHeader(bytes: Uint8Array): JpegHeader | null {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return null;
  const r: Reading = {
    ...{ bytes, quantisers: [], huffman: [], frame: null, orientation: 1, restart: 0, jfif: false, adobe: null },
  };
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) return null;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++; // any number of these may stand before a marker
      continue;
    }
    const end = at + 2 + word(bytes, at + 2);
    if (end < at + 4 || end > bytes.length) return null;
    const segment = bytes.subarray(at + 4, end);
    if (marker === 0xda) return scanOf(r, segment, end);
    if (!readSegment(r, marker, segment)) return null;
    at = end;
  }
  return null;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Takes up one segment; false where the picture is none of ours. */
function readSegment(r: Reading, marker: number, segment: Uint8Array): boolean {
  switch (marker) {
    case 0xc0:
    case 0xc1:
      return readFrame(r, segment);
    case 0xc4:
      return readHuffman(r, segment);
    case 0xdb:
      return readQuantisers(r, segment);
    case 0xdd:
      r.restart = segment.length === 2 ? word(segment, 0) : 0;
      return segment.length === 2;
    case 0xe0:
      r.jfif ||= startsWith(segment, 'JFIF\0');
      return true;
    case 0xe1:
      if (startsWith(segment, 'Exif\0\0')) r.orientation = exifOrientation(segment.subarray(6));
      return true;
    case 0xee:
      if (startsWith(segment, 'Adobe') && segment.length >= 12) r.adobe = segment[11]!;
      return true;
    default:
      // other segments that may be passed over: applications, comments; not other kinds of frames
      return (marker >= 0xe0 && marker <= 0xef) || marker === 0xfe;
  }
}

function startsWith(segment: Uint8Array, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (segment[i] !== text.charCodeAt(i)) return false;
  return true;
}

function readFrame(r: Reading, s: Uint8Array): boolean {
  const count = s[5] ?? 0;
  if (r.frame !== null || s.length !== 6 + 3 * count || s[0] !== 8 || (count !== 1 && count !== 3)) return false;
  const parts = Array.from({ length: count }, (_, i) => s.subarray(6 + 3 * i, 9 + 3 * i));
  r.frame = { height: word(s, 1), width: word(s, 3), parts };
  return r.frame.width > 0 && r.frame.height > 0;
}

function readHuffman(r: Reading, s: Uint8Array): boolean {
  for (let at = 0; at < s.length; ) {
    const place = s[at]!;
    const counts = s.subarray(at + 1, at + 17);
    const total = counts.reduce((a, b) => a + b, 0);
    const end = at + 17 + total;
    if (place >> 4 > 1 || (place & 15) > 3 || total > 256 || end > s.length) return false;
    r.huffman[(place >> 4) * 4 + (place & 15)] = { counts, symbols: s.subarray(at + 17, end) };
    at = end;
  }
  return true;
}

function readQuantisers(r: Reading, s: Uint8Array): boolean {
  for (let at = 0; at < s.length; ) {
    const place = s[at]!;
    const wide = place >> 4;
    const end = at + 1 + 64 * (wide + 1);
    if (wide > 1 || (place & 15) > 3 || end > s.length) return false;
    const from = at + 1;
    r.quantisers[place & 15] = Uint16Array.from({ length: 64 }, (_, k) =>
      wide ? word(s, from + 2 * k) : s[from + k]!,
    );
    at = end;
  }
  return true;
}

function scanOf(r: Reading, s: Uint8Array, data: number): JpegHeader | null {
  const { frame, orientation, quantisers, huffman, restart } = r;
  const count = s[0] ?? 0;
  if (frame === null || count !== frame.parts.length || s.length !== 4 + 2 * count) return null;
  // all coefficients at once, in full
  if (s[1 + 2 * count] !== 0 || s[2 + 2 * count] !== 63 || s[3 + 2 * count] !== 0) return null;
  const components = frame.parts.map((part, i): JpegComponent => {
    const tables = s[2 + 2 * i]!;
    const alone = count === 1; // then a unit is one block, whatever the factors say
    const [h, v] = alone ? [1, 1] : [part[1]! >> 4, part[1]! & 15];
    return { id: part[0]!, h, v, quantiser: part[2]!, dc: tables >> 4, ac: tables & 15 };
  });
  const right = components.every((c, i) => {
    const factors = i === 0 ? c.h >= 1 && c.h <= 2 && c.v >= 1 && c.v <= 2 : c.h === 1 && c.v === 1;
    return factors && s[1 + 2 * i] === c.id && hasTables(c, r);
  });
  if (!right || (count === 3 && !isYcc(components, r))) return null;
  return { width: frame.width, height: frame.height, orientation, components, quantisers, huffman, restart, data };
}

function hasTables({ quantiser, dc, ac }: JpegComponent, { quantisers, huffman }: Reading): boolean {
  return quantisers[quantiser] !== undefined && dc < 4 && ac < 4 && !!huffman[dc] && !!huffman[4 + ac];
}

/** Whether three colours are YCbCr, as libjpeg decides it. */
function isYcc(components: readonly JpegComponent[], { jfif, adobe }: Reading): boolean {
  if (jfif) return true;
  if (adobe !== null) return adobe === 1;
  return String.fromCharCode(...components.map((c) => c.id)) !== 'RGB';
}

/** Tag 0x0112 of the first directory of a TIFF structure; 1 where there is none or it makes no sense. */
function exifOrientation(tiff: Uint8Array): number {
  if (tiff.length < 8) return 1;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.length);
  const little = view.getUint16(0) === 0x4949;
  const directory = view.getUint32(4, little);
  if (directory + 2 > tiff.length) return 1;
  const entries = view.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + 12 * i;
    if (at + 12 > tiff.length) return 1;
    if (view.getUint16(at, little) !== 0x0112) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

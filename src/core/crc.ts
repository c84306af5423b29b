/** Reflected polynomials: CRC-32 of IEEE 802.3 (PNG, zip) and Castagnoli's (RFC 3720, iSCSI). */
const IEEE = 0xedb88320;
const CASTAGNOLI = 0x82f63b78;

/** What eight bytes in a row do to a sum: table k holds what a byte does that k others follow. [8, 256] */
function tablesOf(polynomial: number): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let c = byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    tables[byte] = c;
  }
  for (let i = 256; i < tables.length; i++) {
    const c = tables[i - 256]!;
    tables[i] = tables[c & 255]! ^ (c >>> 8);
  }
  return tables;
}

/** Eight bytes at a time ("slicing by 8"), the words little-endian. */
function update(t: Uint32Array, before: number, bytes: Uint8Array): number {
  let c = ~before;
  let i = 0;
  const single = (end: number): void => {
    for (; i < end; i++) c = t[(c ^ bytes[i]!) & 255]! ^ (c >>> 8);
  };
  const aligned = -bytes.byteOffset & 3;
  const pairs = Math.max(0, Math.floor((bytes.length - aligned) / 8));
  if (pairs > 0) single(aligned);
  const words = new Uint32Array(bytes.buffer, pairs > 0 ? bytes.byteOffset + i : 0, pairs * 2);
  for (let w = 0; w < words.length; w += 2) {
    const a = words[w]! ^ c;
    const b = words[w + 1]!;
    c =
      t[1792 + (a & 255)]! ^
      t[1536 + ((a >>> 8) & 255)]! ^
      t[1280 + ((a >>> 16) & 255)]! ^
      t[1024 + (a >>> 24)]! ^
      t[768 + (b & 255)]! ^
      t[512 + ((b >>> 8) & 255)]! ^
      t[256 + ((b >>> 16) & 255)]! ^
      t[b >>> 24]!;
  }
  i += words.byteLength;
  single(bytes.length);
  return ~c >>> 0;
}

let ieee: Uint32Array | undefined;
let castagnoli: Uint32Array | undefined;

/** CRC-32 as PNG and zip have it; `before` is the sum of the bytes that came before these. */
export function crc32(bytes: Uint8Array, before = 0): number {
  ieee ??= tablesOf(IEEE);
  return update(ieee, before, bytes);
}

/** CRC-32C (Castagnoli), of TFRecord files and our checkpoints; `before` is the sum of the bytes before these. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  castagnoli ??= tablesOf(CASTAGNOLI);
  return update(castagnoli, before, bytes);
}

import type { RgbImage } from '../../core/resize.ts';

/** Applies one table of 256 levels to every channel, or a table a channel. [H, W, 3] → [H, W, 3] */
export function throughTables(image: RgbImage, tables: readonly [Uint8Array, Uint8Array, Uint8Array]): RgbImage {
  const [red, green, blue] = tables;
  const { width, height, data } = image;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    out[i] = red[data[i]!]!;
    out[i + 1] = green[data[i + 1]!]!;
    out[i + 2] = blue[data[i + 2]!]!;
  }
  return { width, height, data: out };
}

/** {@link throughTables} with one function of a level for all channels. */
export function throughLevels(image: RgbImage, level: (v: number) => number): RgbImage {
  const table = Uint8Array.from({ length: 256 }, (_, v) => level(v));
  return throughTables(image, [table, table, table]);
}

/** v → 255 - v; Pillow's ImageOps.invert. */
export function invert(image: RgbImage): RgbImage {
  return throughLevels(image, (v) => 255 - v);
}

/** Inverts levels from `threshold` (0 to 256) on; Pillow's ImageOps.solarize. */
export function solarize(image: RgbImage, threshold: number): RgbImage {
  return throughLevels(image, (v) => (v < threshold ? v : 255 - v));
}

/** Adds `amount` to levels below 128, up to 255; timm's solarize_add. */
export function solarizeAdd(image: RgbImage, amount: number): RgbImage {
  return throughLevels(image, (v) => (v < 128 ? Math.min(255, v + amount) : v));
}

/** Keeps the `bits` highest bits, 0 to 8; Pillow's ImageOps.posterize (0 is black). */
export function posterize(image: RgbImage, bits: number): RgbImage {
  const mask = 256 - 2 ** (8 - bits);
  return throughLevels(image, (v) => v & mask);
}

/** Stretches each channel to the levels 0 to 255, the result truncated; Pillow's ImageOps.autocontrast. */
export function autocontrast(image: RgbImage): RgbImage {
  return throughTables(image, eachChannel(image, stretched));
}

function stretched(counts: Int32Array): Uint8Array {
  const low = counts.findIndex((n) => n > 0);
  const high = counts.findLastIndex((n) => n > 0);
  if (high <= low) return Uint8Array.from({ length: 256 }, (_, v) => v);
  const scale = 255 / (high - low);
  const offset = -low * scale;
  return Uint8Array.from({ length: 256 }, (_, v) => Math.min(255, Math.max(0, Math.trunc(v * scale + offset))));
}

/** Spreads the levels of each channel so that all are about equally frequent; Pillow's ImageOps.equalize. */
export function equalize(image: RgbImage): RgbImage {
  return throughTables(image, eachChannel(image, spread));
}

function spread(counts: Int32Array): Uint8Array {
  const present = counts.filter((n) => n > 0);
  const step = Math.floor((present.reduce((a, b) => a + b, 0) - present.at(-1)!) / 255);
  if (present.length <= 1 || step === 0) return Uint8Array.from({ length: 256 }, (_, v) => v);
  let n = Math.floor(step / 2);
  return Uint8Array.from(counts, (count) => {
    const level = Math.min(255, Math.floor(n / step));
    n += count;
    return level;
  });
}

/** A table for each channel from how often its levels occur. */
function eachChannel(
  { data }: RgbImage,
  table: (counts: Int32Array) => Uint8Array,
): [Uint8Array, Uint8Array, Uint8Array] {
  const counts = [0, 1, 2].map(() => new Int32Array(256)) as [Int32Array, Int32Array, Int32Array];
  const [red, green, blue] = counts;
  for (let i = 0; i < data.length; i += 3) {
    red[data[i]!]!++;
    green[data[i + 1]!]!++;
    blue[data[i + 2]!]!++;
  }
  return [table(red), table(green), table(blue)];
}

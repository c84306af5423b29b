import type { RgbImage } from '../../core/resize.ts';

/**
 * Turns the hue by `shift` turns, -0.5 to 0.5: Pillow's 8-bit HSV and back, its hue moved by trunc(255 shift) of 256,
 * as torchvision's adjust_hue does it. Colours lose what 8-bit HSV cannot hold, for a shift of 0 too.
 */
export function shiftHue({ width, height, data }: RgbImage, shift: number): RgbImage {
  const turn = Math.trunc(shift * 255);
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) turnPixel(data, out, i, turn);
  return { width, height, data: out };
}

function turnPixel(data: Uint8Array, out: Uint8Array, i: number, turn: number): void {
  const r = data[i]!;
  const g = data[i + 1]!;
  const b = data[i + 2]!;
  const value = Math.max(r, g, b);
  const chroma = value - Math.min(r, g, b);
  // float32, as in Pillow; the whole numbers up to 255 are exact
  const s = chroma === 0 ? 0 : Math.trunc(Math.fround(chroma / value) * 255);
  if (s === 0) {
    out[i] = value;
    out[i + 1] = value;
    out[i + 2] = value;
    return;
  }
  const h = (hueOf(r, g, b, value, chroma) + turn) & 255;
  const sixth = (Math.fround(h) * 6) / 255;
  const sector = Math.floor(Math.fround(sixth));
  const f = Math.fround(Math.fround(sixth) - sector);
  const fs = Math.fround(s / 255);
  const p = rounded(value * (1 - fs));
  const q = rounded(value * (1 - fs * f));
  const t = rounded(value * (1 - fs * (1 - f)));
  const [x, y, z] = SECTORS[sector % 6]!;
  const levels = [value, p, q, t];
  out[i] = levels[x]!;
  out[i + 1] = levels[y]!;
  out[i + 2] = levels[z]!;
}

/** Which of value, p, q, t red, green and blue are in each sixth of the circle. */
const SECTORS: readonly (readonly [number, number, number])[] = [
  [0, 3, 1],
  [2, 0, 1],
  [1, 0, 3],
  [1, 2, 0],
  [3, 1, 0],
  [0, 1, 2],
];

function hueOf(r: number, g: number, b: number, value: number, chroma: number): number {
  const rc = Math.fround((value - r) / chroma);
  const gc = Math.fround((value - g) / chroma);
  const bc = Math.fround((value - b) / chroma);
  const sixths = r === value ? Math.fround(bc - gc) : Math.fround(g === value ? 2 + rc - bc : 4 + gc - rc);
  const turns = Math.fround((sixths / 6 + 1) % 1);
  return Math.min(255, Math.max(0, Math.trunc(turns * 255)));
}

/** C's round, halves away from zero, clipped to a byte. */
function rounded(v: number): number {
  return Math.min(255, Math.max(0, Math.floor(v + 0.5)));
}

import type { RgbImage } from '../../core/resize.ts';
import { throughLevels } from './tone.ts';

/**
 * One level of Pillow's Image.blend, a + f (b - a) in float32: truncated where 0 <= f <= 1, clipped and truncated
 * elsewhere; f of 0 or 1 copies.
 */
function blended(a: number, b: number, factor: number): number {
  if (factor === 0) return a;
  if (factor === 1) return b;
  const mixed = Math.fround(a + Math.fround(factor * (b - a)));
  return mixed <= 0 ? 0 : mixed >= 255 ? 255 : Math.trunc(mixed);
}

/** Blends each level of a picture with that of another, or with one level. */
function blend(image: RgbImage, other: (i: number) => number, factor: number): RgbImage {
  const { width, height, data } = image;
  const f = Math.fround(factor);
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) out[i] = blended(other(i), data[i]!, f);
  return { width, height, data: out };
}

/** Pillow's luma of a pixel, (19595 R + 38470 G + 7471 B + 2^15) / 2^16 (ITU-R 601-2), truncated. */
function lumaAt(data: Uint8Array, i: number): number {
  return (data[i]! * 19595 + data[i + 1]! * 38470 + data[i + 2]! * 7471 + 0x8000) >> 16;
}

/** Luma in all three channels; Pillow's convert('L'), as torchvision's greyscale with three channels. */
export function greyscale({ width, height, data }: RgbImage): RgbImage {
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 3) {
    const luma = lumaAt(data, i);
    out[i] = luma;
    out[i + 1] = luma;
    out[i + 2] = luma;
  }
  return { width, height, data: out };
}

/** Factor 0 is black, 1 the picture; Pillow's ImageEnhance.Brightness. */
export function brightness(image: RgbImage, factor: number): RgbImage {
  const f = Math.fround(factor);
  return throughLevels(image, (v) => blended(0, v, f));
}

/** Factor 0 is the mean luma, rounded, everywhere, 1 the picture; Pillow's ImageEnhance.Contrast. */
export function contrast(image: RgbImage, factor: number): RgbImage {
  const { data } = image;
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) sum += lumaAt(data, i);
  const mean = Math.trunc(sum / (data.length / 3) + 0.5);
  const f = Math.fround(factor);
  return throughLevels(image, (v) => blended(mean, v, f));
}

/** Factor 0 is grey, 1 the picture; Pillow's ImageEnhance.Color, torchvision's saturation. */
export function saturation(image: RgbImage, factor: number): RgbImage {
  const grey = greyscale(image).data;
  return blend(image, (i) => grey[i]!, factor);
}

/** Factor 0 is smoothed, 1 the picture; Pillow's ImageEnhance.Sharpness. */
export function sharpness(image: RgbImage, factor: number): RgbImage {
  const smooth = smoothed(image).data;
  return blend(image, (i) => smooth[i]!, factor);
}

/** Pillow's ImageFilter.SMOOTH: 3 x 3 of ones, 5 in the middle, over 13, rounded; the outermost pixels stay. */
function smoothed({ width, height, data }: RgbImage): RgbImage {
  const out = data.slice();
  const row = width * 3;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * row + 3; i < (y + 1) * row - 3; i++) {
      let sum = 4 * data[i]!;
      for (const line of [i - row, i, i + row]) sum += data[line - 3]! + data[line]! + data[line + 3]!;
      out[i] = Math.floor(sum / 13 + 0.5);
    }
  }
  return { width, height, data: out };
}

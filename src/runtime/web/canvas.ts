import type { RgbImage } from '../../core/resize.ts';

/** A picture as a canvas takes it: `context.putImageData(toImageData(picture), 0, 0)`. */
export function toImageData({ width, height, data }: RgbImage): ImageData {
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let i = 0, o = 0; o < rgba.length; i += 3, o += 4) {
    rgba[o] = data[i]!;
    rgba[o + 1] = data[i + 1]!;
    rgba[o + 2] = data[i + 2]!;
    rgba[o + 3] = 255;
  }
  return new ImageData(rgba, width, height);
}

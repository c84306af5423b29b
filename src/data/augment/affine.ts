import type { RgbImage } from '../../core/resize.ts';

/** How a picture is moved. */
export interface AffineOptions {
  readonly interpolation: 'bilinear' | 'bicubic';
  /** Red, green, blue of what comes from outside the picture. */
  readonly fill: readonly [number, number, number];
}

/** a, b, c, d, e, f: the result at (x, y) is the picture at (a x + b y + c, d x + e y + f), in pixels. */
export type Matrix = readonly [number, number, number, number, number, number];

/**
 * Pillow's transform(AFFINE): the result at the centre of pixel (x, y) is the picture, interpolated, where the matrix
 * leads; the outermost pixels are repeated for half a pixel, and beyond is `fill`. Levels are truncated; bicubic has
 * a = -1 here, unlike in resizing. [H, W, 3] → [H, W, 3]
 */
export function affine(image: RgbImage, matrix: Matrix, { interpolation, fill }: AffineOptions): RgbImage {
  const { width, height, data } = image;
  const [a, b, c, d, e, f] = matrix;
  const out = new Uint8Array(data.length);
  const sample = interpolation === 'bilinear' ? bilinear : bicubic;
  let o = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, o += 3) {
      const fromX = a * (x + 0.5) + b * (y + 0.5) + c;
      const fromY = d * (x + 0.5) + e * (y + 0.5) + f;
      if (fromX >= 0 && fromX < width && fromY >= 0 && fromY < height) {
        sample(image, fromX - 0.5, fromY - 0.5, out, o);
      } else {
        out[o] = fill[0];
        out[o + 1] = fill[1];
        out[o + 2] = fill[2];
      }
    }
  }
  return { width, height, data: out };
}

function bilinear({ width, height, data }: RgbImage, x: number, y: number, out: Uint8Array, o: number): void {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const dx = x - left;
  const dy = y - top;
  const x0 = Math.max(left, 0) * 3;
  const x1 = Math.min(left + 1, width - 1) * 3;
  const y0 = Math.max(top, 0) * width * 3;
  const y1 = Math.min(top + 1, height - 1) * width * 3;
  for (let c = 0; c < 3; c++) {
    const a = data[y0 + x0 + c]!;
    const upper = a + (data[y0 + x1 + c]! - a) * dx;
    const b = data[y1 + x0 + c]!;
    const lower = b + (data[y1 + x1 + c]! - b) * dx;
    out[o + c] = upper + (lower - upper) * dy; // a byte truncates
  }
}

function bicubic({ width, height, data }: RgbImage, x: number, y: number, out: Uint8Array, o: number): void {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const dx = x - left;
  const dy = y - top;
  const last = width - 1;
  const x0 = Math.min(Math.max(left - 1, 0), last) * 3;
  const x1 = Math.max(left, 0) * 3;
  const x2 = Math.min(left + 1, last) * 3;
  const x3 = Math.min(left + 2, last) * 3;
  for (let c = 0; c < 3; c++) {
    const row = (k: number): number => {
      const at = Math.min(Math.max(top + k, 0), height - 1) * width * 3 + c;
      return cubic(data[at + x0]!, data[at + x1]!, data[at + x2]!, data[at + x3]!, dx);
    };
    const v = cubic(row(-1), row(0), row(1), row(2), dy);
    out[o + c] = v <= 0 ? 0 : v >= 255 ? 255 : v;
  }
}

/** The cubic through v1 and v2 with slopes (v2 - v0) and (v3 - v1), at d of the way. */
function cubic(v0: number, v1: number, v2: number, v3: number, d: number): number {
  return v1 + d * (v2 - v0 + d * (2 * (v0 - v1) + v2 - v3 + d * (-v0 + v1 - v2 + v3)));
}

/** x → x + factor y. */
export function shearX(image: RgbImage, factor: number, options: AffineOptions): RgbImage {
  return affine(image, [1, factor, 0, 0, 1, 0], options);
}

/** y → y + factor x. */
export function shearY(image: RgbImage, factor: number, options: AffineOptions): RgbImage {
  return affine(image, [1, 0, 0, factor, 1, 0], options);
}

/** Moves left by `share` of the width. */
export function translateX(image: RgbImage, share: number, options: AffineOptions): RgbImage {
  return affine(image, [1, 0, share * image.width, 0, 1, 0], options);
}

/** Moves up by `share` of the height. */
export function translateY(image: RgbImage, share: number, options: AffineOptions): RgbImage {
  return affine(image, [1, 0, 0, 0, 1, share * image.height], options);
}

/** Turns counter-clockwise about the centre, as Pillow's rotate. */
export function rotate(image: RgbImage, degrees: number, options: AffineOptions): RgbImage {
  if (degrees % 360 === 0) return image;
  const angle = -((((degrees % 360) + 360) % 360) * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [cx, cy] = [image.width / 2, image.height / 2];
  return affine(image, [cos, sin, -cos * cx - sin * cy + cx, -sin, cos, sin * cx - cos * cy + cy], options);
}

import type { RgbImage } from '../../core/resize.ts';

/**
 * Gaussian blur with a window of `kernel` pixels (odd) and deviation `sigma` in pixels, the border reflected, rounded;
 * torchvision's gaussian_blur. [H, W, 3] → [H, W, 3]
 */
export function gaussianBlur(image: RgbImage, kernel: number, sigma: number): RgbImage {
  const { width, height, data } = image;
  const half = (kernel - 1) / 2;
  const raw = Array.from({ length: kernel }, (_, i) => Math.exp(-0.5 * ((i - half) / sigma) ** 2));
  const total = raw.reduce((a, b) => a + b, 0);
  const weights = raw.map((w) => w / total);
  const across = new Float32Array(data.length);
  const columns = reflected(width, half);
  const rows = reflected(height, half);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const o = (y * width + x) * 3;
      for (let k = 0; k < kernel; k++) {
        const i = (y * width + columns[x + k]!) * 3;
        for (let c = 0; c < 3; c++) across[o + c]! += weights[k]! * data[i + c]!;
      }
    }
  }
  const line = width * 3;
  const sums = new Float32Array(line);
  const out = new Uint8ClampedArray(data.length); // rounds halves to even, as torch does
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let k = 0; k < kernel; k++) {
      const from = rows[y + k]! * line;
      for (let x = 0; x < line; x++) sums[x]! += weights[k]! * across[from + x]!;
    }
    out.set(sums, y * line);
  }
  return { width, height, data: new Uint8Array(out.buffer) };
}

/** Positions -half to length + half of an axis, mirrored at its first and last pixel as often as it takes. */
function reflected(length: number, half: number): Int32Array {
  const period = Math.max(2 * (length - 1), 1);
  return Int32Array.from({ length: length + 2 * half }, (_, i) => {
    const at = Math.abs(i - half) % period;
    return at < length ? at : period - at;
  });
}

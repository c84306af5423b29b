import type { PositionGrid } from '../core/position-grid.ts';
import { resizePlanes } from '../core/resize.ts';
import { float32, floats, type Tensor } from '../core/tensor.ts';

/** Side of the square grid that a file's table [1, prefix + side², C] lies on; null where it is not such a table. */
function sideOf(shape: readonly number[], prefix: number): number | null {
  const side = Math.sqrt((shape[1] ?? 0) - prefix);
  return shape.length === 3 && shape[0] === 1 && Number.isInteger(side) && side > 0 ? side : null;
}

/** Whether a table of positions can be made from the file's by {@link adaptPositions}: the same channels, a square grid. */
export function canAdaptPositions(want: readonly number[], got: readonly number[], { prefix }: PositionGrid): boolean {
  return want.length === 3 && want[2] === got[2] && sideOf(got, prefix) !== null;
}

/**
 * A table of positions for another grid, by timm's rule (`resample_abs_pos_embed`): rows of the tokens in front stay, the
 * others are resampled as a picture, bicubic and antialiased. The file's grid is taken to be square.
 * t [1, prefix + side², C] → [1, prefix + h · w, C]
 */
export function adaptPositions(t: Tensor, { prefix, size }: PositionGrid): Tensor {
  const side = sideOf(t.shape, prefix)!;
  const [height, width] = size;
  const c = t.shape[2]!;
  const from = floats(t);
  const planes = new Float32Array(c * side * side); // [C, side, side]
  for (let p = 0; p < side * side; p++) {
    for (let k = 0; k < c; k++) planes[k * side * side + p] = from[(prefix + p) * c + k]!;
  }
  const grid = { planes: c, height: side, width: side, data: planes };
  const resized = resizePlanes(grid, { width, height, kind: 'bicubic' }).data; // [C, h, w]
  const out = new Float32Array((prefix + height * width) * c);
  out.set(from.subarray(0, prefix * c));
  for (let p = 0; p < height * width; p++) {
    for (let k = 0; k < c; k++) out[(prefix + p) * c + k] = resized[k * height * width + p]!;
  }
  return float32([1, prefix + height * width, c], out);
}

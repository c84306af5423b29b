import type { Box, RgbImage } from '../../core/resize.ts';

/** What an EXIF orientation does: stored (x, y) is upright (y, x) where transposed, counted from the other end where flipped. */
interface Turn {
  readonly transposed: boolean;
  /** Stored columns, and rows, run the other way. */
  readonly flipX: boolean;
  readonly flipY: boolean;
}

function turnOf(orientation: number): Turn {
  return {
    transposed: orientation > 4,
    flipX: [2, 3, 7, 8].includes(orientation),
    flipY: [3, 4, 6, 7].includes(orientation),
  };
}

/** Where a part of the upright picture is in the stored one, whose size is given. */
export function storedBox(
  box: Box,
  stored: { readonly width: number; readonly height: number; readonly orientation: number },
): Box {
  const { transposed, flipX, flipY } = turnOf(stored.orientation);
  const [left, top] = transposed ? [box.top, box.left] : [box.left, box.top];
  const [width, height] = transposed ? [box.height, box.width] : [box.width, box.height];
  return {
    left: flipX ? stored.width - left - width : left,
    top: flipY ? stored.height - top - height : top,
    width,
    height,
  };
}

/** Turns a stored square upright. [S, S, 3] → [S, S, 3] */
export function turnUpright(image: RgbImage, orientation: number): RgbImage {
  if (orientation === 1) return image;
  const { transposed, flipX, flipY } = turnOf(orientation);
  const size = image.width;
  const data = new Uint8Array(image.data.length);
  for (let y = 0, o = 0; y < size; y++) {
    for (let x = 0; x < size; x++, o += 3) {
      const [across, down] = transposed ? [y, x] : [x, y];
      const i = ((flipY ? size - 1 - down : down) * size + (flipX ? size - 1 - across : across)) * 3;
      data[o] = image.data[i]!;
      data[o + 1] = image.data[i + 1]!;
      data[o + 2] = image.data[i + 2]!;
    }
  }
  return { width: size, height: size, data };
}

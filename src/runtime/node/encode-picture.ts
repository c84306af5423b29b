import type { RgbImage } from '../../core/resize.ts';
import { loadSharp } from './decode.ts';

/** A picture as the text of a `data:` URI, WebP of quality 85. */
export async function encodePicture(picture: RgbImage): Promise<string> {
  const sharp = await loadSharp();
  const { width, height, data } = picture;
  const bytes = await sharp(data, { raw: { width, height, channels: 3 } })
    .webp({ quality: 85 })
    .toBuffer();
  return `data:image/webp;base64,${bytes.toString('base64')}`;
}

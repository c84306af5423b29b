import { Fault, messageOf } from '../../core/fault.ts';
import { decodeGif } from '../../data/gif.ts';
import { type DecodedImage, type ImageDecoder, MAX_PIXELS, pictureKind } from '../../data/image.ts';
import { claimedPicture } from '../../data/picture-size.ts';
import { exactBitmap, pixelsOf } from './pixels.ts';

/**
 * Decodes JPEG, PNG, WebP and AVIF with the browser, GIF by itself; upright, without colour profiles, alpha dropped
 * without compositing, as the decoder for Node. Sizes of JPEG and PNG are checked before anything is decoded.
 */
export const webDecoder: ImageDecoder = { decode };

async function decode(bytes: Uint8Array, name: string): Promise<DecodedImage> {
  const kind = pictureKind(bytes);
  if (kind === null) {
    const got = bytes.length === 0 ? 'an empty file' : 'something else';
    throw new Fault('data', `${name}: expected a JPEG, PNG, WebP, GIF or AVIF picture, got ${got}.`);
  }
  const refused = (why: string, cause?: unknown): Fault =>
    new Fault('data', `${name}: expected a whole ${kind.format} picture, got a damaged or too large one (${why}).`, {
      cause,
    });
  const claimed = claimedPicture(bytes, kind);
  if (claimed && claimed.width * claimed.height > MAX_PIXELS) throw refused(`${claimed.width} x ${claimed.height}`);
  if (claimed && !claimed.plausible) throw refused('the data are cut short');
  try {
    if (kind.format === 'gif') return decodeGif(bytes);
    const bitmap = await exactBitmap(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: `image/${kind.format}` }));
    try {
      return pixelsOf(bitmap, name);
    } finally {
      bitmap.close();
    }
  } catch (cause) {
    if (cause instanceof Fault && cause.message.startsWith(name)) throw cause;
    throw refused(messageOf(cause), cause);
  }
}

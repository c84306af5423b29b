import type { OutputInfo, Sharp } from 'sharp';
import { Fault, messageOf } from '../../core/fault.ts';
import {
  type DecodedImage,
  type DecodeOptions,
  type ImageDecoder,
  MAX_PIXELS,
  type PictureKind,
  pictureKind,
} from '../../data/image.ts';

type SharpModule = typeof import('sharp').default;

/**
 * Decodes JPEG, PNG, WebP, GIF and AVIF with sharp (libvips). Pixels are those of Pillow's `convert('RGB')`: palettes
 * are looked up, grey is repeated, alpha is dropped without compositing, embedded colour profiles are not applied, of
 * 16 bits the high byte stays. Unlike Pillow it turns the picture upright (EXIF), and refuses corrupt JPEG data.
 */
export const sharpDecoder: ImageDecoder = { decode };

let loaded: Promise<SharpModule> | undefined;

/**
 * sharp, loaded when first needed. Pictures are small and many: the threads of a pool give the parallelism, so one
 * picture gets one thread, and no picture comes twice, so libvips need not remember operations.
 */
export function loadSharp(): Promise<SharpModule> {
  loaded ??= import('sharp').then(
    ({ default: sharp }) => {
      sharp.concurrency(1);
      sharp.cache(false);
      return sharp;
    },
    (cause: unknown) => {
      throw new Fault(
        'engine',
        'sharp: expected the image decoder, got none for this machine. Run npm install again.',
        {
          cause,
        },
      );
    },
  );
  return loaded;
}

async function decode(bytes: Uint8Array, name: string, options: DecodeOptions = {}): Promise<DecodedImage> {
  const kind = pictureKind(bytes);
  if (kind === null) {
    const got = bytes.length === 0 ? 'an empty file' : 'something else';
    throw new Fault(
      'data',
      `${name}: expected a JPEG, PNG, WebP, GIF or AVIF picture, got ${got}. Replace or remove the file.`,
    );
  }
  const sharp = await loadSharp();
  const attempt = (failOn: Pipeline['failOn']): Promise<DecodedImage> =>
    pixels(sharp, bytes, { kind, failOn, ...options });
  try {
    return await attempt('warning').catch((cause: unknown) => {
      // Stray bytes between JPEG segments harm nothing: ImageNet has such files.
      if (kind.format === 'jpeg' && messageOf(cause).includes('extraneous bytes')) return attempt('error');
      throw cause;
    });
  } catch (cause) {
    const why = messageOf(cause).split('\n')[0]!;
    throw new Fault(
      'data',
      `${name}: expected a whole ${kind.format} picture, got a damaged or too large one (${why}). Replace or remove the file.`,
      { cause },
    );
  }
}

interface Pipeline extends DecodeOptions {
  readonly kind: PictureKind;
  readonly failOn: 'warning' | 'error';
}

async function pixels(sharp: SharpModule, bytes: Uint8Array, pipeline: Pipeline): Promise<DecodedImage> {
  const { kind, failOn, shorterAtLeast } = pipeline;
  const open = (): Sharp => sharp(bytes, { failOn, limitInputPixels: MAX_PIXELS, ignoreIcc: true, autoOrient: true });
  const picture = open();
  if (kind.deep !== undefined) {
    picture.toColourspace(kind.deep === 'grey' ? 'grey16' : 'rgb16').raw({ depth: 'ushort' });
    const { data, info } = await picture.toBuffer({ resolveWithObject: true });
    return fromDeep(new Uint16Array(data.buffer, data.byteOffset, data.length / 2), info);
  }
  // JPEG and WebP decode at a half, quarter or eighth for less than the whole costs.
  if (shorterAtLeast !== undefined && (kind.format === 'jpeg' || kind.format === 'webp')) {
    const { autoOrient: size } = await open().metadata();
    const room = Math.min(size.width, size.height) / shorterAtLeast;
    const shrink = [8, 4, 2].find((s) => s <= room);
    if (shrink !== undefined) {
      const [width, height] = [Math.ceil(size.width / shrink), Math.ceil(size.height / shrink)];
      picture.resize({ width, height, fit: 'fill' });
    }
  }
  const { data, info } = await picture.raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: toRgb(data, info) };
}

/** Drops alpha and repeats grey: [h, w, 1 to 4] → [h, w, 3]. */
function toRgb(data: Uint8Array, { width, height, channels }: OutputInfo): Uint8Array {
  if (channels === 3) return data;
  const out = new Uint8Array(width * height * 3);
  const second = channels > 2 ? 1 : 0;
  const third = channels > 2 ? 2 : 0;
  for (let i = 0, o = 0; o < out.length; i += channels, o += 3) {
    out[o] = data[i]!;
    out[o + 1] = data[i + second]!;
    out[o + 2] = data[i + third]!;
  }
  return out;
}

function fromDeep(values: Uint16Array, info: OutputInfo): DecodedImage {
  const { width, height, channels } = info;
  const image = {
    width,
    height,
    data: toRgb(
      Uint8Array.from(values, (v) => v >> 8),
      info,
    ),
  };
  if (channels > 2) return image;
  return { ...image, grey16: channels === 1 ? values : values.filter((_, i) => i % channels === 0) };
}

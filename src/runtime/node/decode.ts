import type { OutputInfo, Sharp, SharpOptions } from 'sharp';
import { Fault, messageOf } from '../../core/fault.ts';
import { decodeGif } from '../../data/gif.ts';
import {
  type DecodedImage,
  type DecodeOptions,
  type ImageDecoder,
  MAX_PIXELS,
  type PictureKind,
  pictureKind,
} from '../../data/image.ts';
import { JpegParts } from '../../data/jpeg/part.ts';
import { type ClaimedPicture, claimedPicture } from '../../data/picture-size.ts';

type SharpModule = typeof import('sharp').default;

/**
 * Decodes JPEG, PNG, WebP and AVIF with sharp (libvips), GIF by itself. Pixels are those of Pillow's `convert('RGB')`:
 * palettes are looked up, grey is repeated, alpha is dropped without compositing, embedded colour profiles are not
 * applied (CMYK and YCCK become RGB without one), of 16 bits the high byte stays. Unlike Pillow it turns the picture
 * upright (EXIF), refuses corrupt JPEG data, and takes the high byte of 16-bit grey, which Pillow cuts off at 255.
 */
export const sharpDecoder: ImageDecoder = { decode, parts: () => (jpegParts ??= JpegParts.create()) };

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
  if (kind.format === 'gif') return named(name, kind, () => decodeGif(bytes));
  const claimed = claimedPicture(bytes, kind);
  if (claimed) checkClaimed(claimed, bytes, (why) => refused(name, kind, why));
  const sharp = await loadSharp();
  const cmyk = kind.format === 'jpeg' && claimed?.channels === 4;
  const attempt = (failOn: Pipeline['failOn']): Promise<DecodedImage> =>
    cmyk ? cmykPixels(sharp, bytes, failOn) : pixels(sharp, bytes, { kind, failOn, ...options });
  return named(name, kind, () =>
    attempt('warning').catch((cause: unknown) => {
      // Stray bytes between JPEG segments harm nothing: ImageNet has such files.
      if (kind.format === 'jpeg' && messageOf(cause).includes('extraneous bytes')) return attempt('error');
      throw cause;
    }),
  );
}

/** Refuses a header that claims too many pixels, or more than the file can hold, before memory is taken for them. */
function checkClaimed(
  { width, height, plausible }: ClaimedPicture,
  bytes: Uint8Array,
  fault: (why: string) => Fault,
): void {
  if (width * height > MAX_PIXELS) throw fault(`exceeds pixel limit: ${width} x ${height}`);
  if (!plausible) throw fault(`the data are cut short: ${width} x ${height} pixels in ${bytes.length} bytes`);
}

/** What is decoded, or a fault that names the file. */
async function named(
  name: string,
  kind: PictureKind,
  decoded: () => DecodedImage | Promise<DecodedImage>,
): Promise<DecodedImage> {
  try {
    return await decoded();
  } catch (cause) {
    throw refused(name, kind, messageOf(cause).split('\n')[0]!, cause);
  }
}

function refused(name: string, { format }: PictureKind, why: string, cause?: unknown): Fault {
  const got = `a damaged or too large one (${why})`;
  return new Fault('data', `${name}: expected a whole ${format} picture, got ${got}. Replace or remove the file.`, {
    cause,
  });
}

/** Parts of baseline JPEG pictures by a kernel of our own: libvips takes longer for a call than for such a part. */
let jpegParts: Promise<JpegParts | null> | undefined;

interface Pipeline extends DecodeOptions {
  readonly kind: PictureKind;
  readonly failOn: 'warning' | 'error';
}

async function pixels(sharp: SharpModule, bytes: Uint8Array, pipeline: Pipeline): Promise<DecodedImage> {
  const { kind, failOn, shorterAtLeast } = pipeline;
  const open = (): Sharp => sharp(bytes, openOptions(failOn));
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

/** The options that every decoding has. */
function openOptions(failOn: Pipeline['failOn']): SharpOptions {
  return { failOn, limitInputPixels: MAX_PIXELS, ignoreIcc: true, autoOrient: true };
}

/**
 * A JPEG of CMYK, or of YCCK as libjpeg makes CMYK of it, in Adobe's convention that 255 is no ink. As Pillow:
 *
 *     r = (1 − k) − c (1 − k)    and g, b alike, in units of 255, the product rounded
 */
async function cmykPixels(sharp: SharpModule, bytes: Uint8Array, failOn: Pipeline['failOn']): Promise<DecodedImage> {
  const picture = sharp(bytes, openOptions(failOn)).pipelineColourspace('cmyk').toColourspace('cmyk').raw();
  const { data: inks, info } = await picture.toBuffer({ resolveWithObject: true });
  const data = new Uint8Array(info.width * info.height * 3);
  for (let i = 0, o = 0; o < data.length; i += 4) {
    const white = 255 - inks[i + 3]!;
    for (let ink = 0; ink < 3; ink++) {
      const product = inks[i + ink]! * white + 128;
      data[o++] = white - ((product + (product >> 8)) >> 8);
    }
  }
  return { width: info.width, height: info.height, data };
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

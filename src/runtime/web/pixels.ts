import { Fault, messageOf } from '../../core/fault.ts';
import { MAX_PIXELS, type RgbImage } from '../../data/image.ts';

/** What a page can draw: an element, a bitmap, a canvas, a frame of a video. */
export type Drawable = ImageBitmap | HTMLImageElement | HTMLCanvasElement | OffscreenCanvas | HTMLVideoElement;

/** Pixels that are drawn and read at a time, so that a large picture does not lie in memory twice. */
const STRIP = 2 ** 22;

/** How browsers are asked for the colours of the file: no colour profile, no product with alpha. */
const EXACT: ImageBitmapOptions = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' };

/** A picture of which createImageBitmap gives the colours that stand in the file; upright. */
export function exactBitmap(source: Blob | HTMLImageElement | HTMLVideoElement): Promise<ImageBitmap> {
  return createImageBitmap(source, EXACT);
}

/** The colours [height, width, 3] of what a page can draw; alpha is dropped without compositing. */
export async function drawablePixels(drawable: Drawable, name: string): Promise<RgbImage> {
  if ('getContext' in drawable || isBitmap(drawable)) return pixelsOf(drawable, name);
  let bitmap: ImageBitmap;
  try {
    if ('decode' in drawable) await drawable.decode();
    bitmap = await exactBitmap(drawable);
  } catch (cause) {
    throw new Fault('data', `${name}: expected an element with a picture, got none that loads (${messageOf(cause)}).`, {
      cause,
    });
  }
  try {
    return pixelsOf(bitmap, name);
  } finally {
    bitmap.close();
  }
}

function isBitmap(drawable: Drawable): drawable is ImageBitmap {
  return typeof ImageBitmap !== 'undefined' && drawable instanceof ImageBitmap;
}

/** The colours of a bitmap or canvas. */
export function pixelsOf(source: ImageBitmap | HTMLCanvasElement | OffscreenCanvas, name: string): RgbImage {
  const { width, height } = source;
  if (width < 1 || height < 1 || width * height > MAX_PIXELS) {
    throw new Fault('data', `${name}: expected 1 to ${MAX_PIXELS} pixels, got ${width} x ${height}.`);
  }
  const data = new Uint8Array(width * height * 3);
  const rows = Math.max(1, Math.min(height, Math.floor(STRIP / width)));
  const canvas = newCanvas(width, rows);
  const context = canvas.getContext('2d', { willReadFrequently: true, colorSpace: 'srgb' });
  if (!context) throw new Fault('engine', `${name}: expected a canvas to read its pixels from, got none.`);
  for (let top = 0; top < height; top += rows) {
    const count = Math.min(rows, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(source, 0, -top);
    const rgba = readable(name, () => context.getImageData(0, 0, width, count).data);
    // A canvas multiplies colours by alpha: only where all is opaque are they those of the file.
    if (!copyOpaque(rgba, data, top * width * 3)) return withAlpha(source, name, data);
  }
  return { width, height, data };
}

function newCanvas(width: number, height: number): OffscreenCanvas | HTMLCanvasElement {
  if (typeof OffscreenCanvas !== 'undefined') return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement('canvas'), { width, height });
}

/** What a canvas gives; where it holds pixels of another origin, the page may not know them. */
function readable<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const advice = 'Serve the picture with Access-Control-Allow-Origin, and set crossOrigin = "anonymous".';
    throw new Fault(
      'data',
      `${name}: expected pixels that this page may read, got none (${messageOf(cause)}). ${advice}`,
      { cause },
    );
  }
}

/** [n, 4] → [n, 3] at `offset`; whether all was opaque, up to which point it is copied. */
function copyOpaque(rgba: ArrayLike<number>, out: Uint8Array, offset: number): boolean {
  for (let i = 0, o = offset; i < rgba.length; i += 4, o += 3) {
    if (rgba[i + 3] !== 255) return false;
    out[o] = rgba[i]!;
    out[o + 1] = rgba[i + 1]!;
    out[o + 2] = rgba[i + 2]!;
  }
  return true;
}

/** Colours that no alpha was multiplied into, read back from a texture, strip by strip. */
function withAlpha(source: ImageBitmap | HTMLCanvasElement | OffscreenCanvas, name: string, out: Uint8Array): RgbImage {
  const { width, height } = source;
  const canvas = newCanvas(1, 1);
  const gl = canvas.getContext('webgl2') as WebGL2RenderingContext | null;
  const most = gl ? (gl.getParameter(gl.MAX_TEXTURE_SIZE) as number) : 0;
  if (!gl || Math.max(width, height) > most) {
    const got = gl ? `${width} x ${height}` : 'a transparent one in a browser without WebGL 2';
    throw new Fault(
      'data',
      `${name}: expected a picture without transparent pixels, or sides of at most ${most}, got ${got}.`,
    );
  }
  try {
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    readable(name, () => gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, source));
    gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
    gl.framebufferTexture2D(
      gl.FRAMEBUFFER,
      gl.COLOR_ATTACHMENT0,
      gl.TEXTURE_2D,
      gl.getParameter(gl.TEXTURE_BINDING_2D),
      0,
    );
    const rows = Math.max(1, Math.min(height, Math.floor(STRIP / width)));
    const strip = new Uint8Array(width * rows * 4);
    for (let top = 0; top < height; top += rows) {
      const count = Math.min(rows, height - top);
      gl.readPixels(0, top, width, count, gl.RGBA, gl.UNSIGNED_BYTE, strip);
      for (let i = 0, o = top * width * 3; i < width * count * 4; i += 4) {
        for (let c = 0; c < 3; c++) out[o++] = strip[i + c]!;
      }
    }
    return { width, height, data: out };
  } finally {
    gl.getExtension('WEBGL_lose_context')?.loseContext();
  }
}

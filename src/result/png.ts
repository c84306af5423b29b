import { crc32 } from '../core/crc.ts';
import type { Picture } from './attention.ts';

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);

/** An RGB picture as a PNG file (W3C, Portable Network Graphics): 8 bits a sample, each row told by its change from above. */
export async function encodePng({ width, height, data }: Picture): Promise<Uint8Array> {
  const rows = new Uint8Array(height * (width * 3 + 1));
  const stride = width * 3;
  for (let y = 0; y < height; y++) {
    const at = y * (stride + 1);
    rows[at] = 2; // filter "Up"; above the first row is zero
    for (let i = 0; i < stride; i++) {
      rows[at + 1 + i] = data[y * stride + i]! - (y > 0 ? data[(y - 1) * stride + i]! : 0);
    }
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2, 0, 0, 0], 8); // 8 bits, RGB, deflate, adaptive filters, not interlaced
  const chunks = [chunk('IHDR', header), chunk('IDAT', await deflate(rows)), chunk('IEND', new Uint8Array(0))];
  return new Uint8Array(await new Blob([SIGNATURE, ...chunks]).arrayBuffer());
}

/** Bytes as a zlib stream. */
async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Length, type, data, and the sum of the latter two. */
function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(data.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(new TextEncoder().encode(type), 4);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

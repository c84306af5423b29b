import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { pictureKind } from '../../src/data/image.ts';
import { claimedPicture } from '../../src/data/picture-size.ts';

const picture = (channels: 3 | 4) =>
  sharp({ create: { width: 37, height: 21, channels, background: { r: 1, g: 2, b: 3, alpha: 0.5 } } });

describe('the size that a header claims', () => {
  it.each([
    ['lossy WebP', () => picture(3).webp()],
    ['lossless WebP', () => picture(3).webp({ lossless: true })],
    ['extended WebP', () => picture(4).webp()],
    ['PNG', () => picture(4).png()],
    ['JPEG', () => picture(3).jpeg()],
  ])('is that of the picture: %s', async (_, make) => {
    const bytes = new Uint8Array(await make().toBuffer());
    expect(claimedPicture(bytes, pictureKind(bytes)!)).toMatchObject({ width: 37, height: 21, plausible: true });
  });

  it('of a WebP reaches what the format allows, and a cut one claims nothing', async () => {
    const bytes = new Uint8Array(await picture(3).webp().toBuffer());
    new DataView(bytes.buffer).setUint16(26, 0xffff, true); // the upper two bits are a scale
    expect(claimedPicture(bytes, { format: 'webp' })).toMatchObject({ width: 16383, height: 21 });
    expect(claimedPicture(bytes.subarray(0, 29), { format: 'webp' })).toBeNull();
  });
});

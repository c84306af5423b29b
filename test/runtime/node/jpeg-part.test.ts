import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Random, random } from '../../../src/core/random.ts';
import { type Box, type RgbImage, resizeRgb } from '../../../src/core/resize.ts';
import { readJpegHeader } from '../../../src/data/jpeg/header.ts';
import { JpegParts } from '../../../src/data/jpeg/part.ts';

let parts: JpegParts;

beforeAll(async () => {
  parts = (await JpegParts.create())!;
});

/** Smooth waves of at least twenty pixels' length, or `coarse` times that, and a little noise. */
function picture(width: number, height: number, seed: number, coarse = 1): Uint8Array {
  const draws = random(seed, 'picture');
  const waves = Array.from({ length: 5 }, () => [0, 1, 2, 3].map(() => (draws.uniform() * 0.3) / coarse));
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    const sum = waves.reduce(
      (s, [a, b, p, q]) => s + Math.sin(a! * x + b! * y + 20 * coarse * p! + 9 * coarse * c * q!),
      0,
    );
    return 128 + 20 * sum + 6 * draws.uniform();
  });
}

interface Written {
  readonly width: number;
  readonly height: number;
  readonly quality?: number;
  readonly chromaSubsampling?: string;
  readonly progressive?: boolean;
  readonly optimiseCoding?: boolean;
  readonly grey?: boolean;
  readonly orientation?: number;
  readonly coarse?: number;
}

async function jpeg(seed: number, { width, height, grey, orientation, coarse, ...how }: Written): Promise<Uint8Array> {
  const raw = sharp(picture(width, height, seed, coarse), { raw: { width, height, channels: 3 } });
  const coloured = grey ? raw.greyscale() : raw;
  const tagged = orientation === undefined ? coloured : coloured.withMetadata({ orientation });
  return new Uint8Array(await tagged.jpeg({ quality: 92, ...how }).toBuffer());
}

async function decoded(bytes: Uint8Array): Promise<RgbImage> {
  const { data, info } = await sharp(bytes, { autoOrient: true })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const pixels =
    info.channels === 3 ? data : Uint8Array.from({ length: data.length * 3 }, (_, i) => data[Math.floor(i / 3)]!);
  return { width: info.width, height: info.height, data: pixels };
}

/** Mean and greatest difference of levels. */
function difference(a: RgbImage, b: RgbImage): { readonly mean: number; readonly most: number } {
  expect(a.data.length).toBe(b.data.length);
  let [sum, most] = [0, 0];
  a.data.forEach((v, i) => {
    const d = Math.abs(v - b.data[i]!);
    sum += d;
    most = Math.max(most, d);
  });
  return { mean: sum / a.data.length, most };
}

function someBox(width: number, height: number, draws: Random): Box {
  const [w, h] = [1 + draws.integer(width), 1 + draws.integer(height)];
  return { left: draws.integer(width - w + 1), top: draws.integer(height - h + 1), width: w, height: h };
}

describe('a part of a JPEG picture', () => {
  it.each<[string, Written]>([
    ['colour at half the size', { width: 131, height: 90 }],
    ['colour at its full size', { width: 90, height: 77, chromaSubsampling: '4:4:4' }],
    ['grey', { width: 77, height: 90, grey: true }],
    ['tables of their own', { width: 100, height: 70, optimiseCoding: true }],
    ['high quality', { width: 64, height: 64, quality: 100 }],
    ['low quality', { width: 64, height: 100, quality: 20 }],
    ['one unit', { width: 7, height: 5 }],
  ])('with %s is what decoding, cropping and resizing give, to a level or so', async (_, how) => {
    const bytes = await jpeg(1, how);
    const whole = await decoded(bytes);
    const draws = random(2, 'boxes');
    for (let i = 0; i < 12; i++) {
      const from = someBox(how.width, how.height, draws);
      const kind = i % 2 ? 'bicubic' : 'bilinear';
      const size = [16, 33, 50][i % 3]!;
      // below the part's own size blocks may come at a half or less: compare where they do not
      if (Math.min(from.width, from.height) >= 2 * size) continue;
      const got = parts.decode(bytes, { choose: () => from, size, kind })!;
      const want = resizeRgb(whole, { width: size, height: size, kind, from });
      const { mean, most } = difference(got, want);
      // colours of half the size are interpolated once, not twice: that shows where a few pixels are enlarged
      const few = Math.min(from.width, from.height) < 24;
      expect([i, mean < (few ? 4 : 1.2), most <= (few ? 40 : 14), mean, most]).toEqual([i, true, true, mean, most]);
    }
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('is upright where the file says orientation %i', async (orientation) => {
    const bytes = await jpeg(3, { width: 60, height: 41, orientation });
    const whole = await decoded(bytes);
    expect([whole.width, whole.height]).toEqual(orientation > 4 ? [41, 60] : [60, 41]);
    const from = { left: 3, top: 6, width: 33, height: 30 };
    const choose = (size: { width: number; height: number }): Box => {
      expect(size).toEqual({ width: whole.width, height: whole.height });
      return from;
    };
    const got = parts.decode(bytes, { choose, size: 32, kind: 'bilinear' })!;
    expect(difference(got, resizeRgb(whole, { width: 32, height: 32, kind: 'bilinear', from })).mean).toBeLessThan(1.2);
  });

  it.each([2, 4, 8])('of a large picture comes from blocks at 1/%i of their size', async (shrink) => {
    const side = 32 * shrink;
    const bytes = await jpeg(4, { width: side + 20, height: side + 9, coarse: shrink });
    const from = { left: 11, top: 5, width: side, height: side };
    const got = parts.decode(bytes, { choose: () => from, size: 32, kind: 'bilinear' })!;
    const want = resizeRgb(await decoded(bytes), { width: 32, height: 32, kind: 'bilinear', from });
    expect(difference(got, want).mean).toBeLessThan(2.5); // a block's cosines cut off are a sharper filter
    expect(got.data.reduce((a, b) => a + b, 0) / want.data.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 2);
  });

  it('is the same where what lies below is left unread', async () => {
    const bytes = await jpeg(5, { width: 120, height: 200 });
    const options = {
      choose: () => ({ left: 10, top: 20, width: 90, height: 60 }),
      size: 48,
      kind: 'bilinear',
    } as const;
    const all = parts.decode(bytes, options)!.data.slice();
    expect(parts.decode(bytes, { ...options, whole: true })!.data).toEqual(all);
  });

  it('is refused where the file is cut short, progressive or no JPEG, for another decoder to judge', async () => {
    const bytes = await jpeg(6, { width: 90, height: 90 });
    const options = { choose: () => ({ left: 0, top: 0, width: 8, height: 8 }), size: 16, kind: 'bilinear' } as const;
    expect(parts.decode(bytes, options)).not.toBeNull();
    for (const share of [0.1, 0.5, 0.9]) {
      expect(parts.decode(bytes.subarray(0, bytes.length * share), options)).toBeNull();
    }
    expect(parts.decode(await jpeg(6, { width: 90, height: 90, progressive: true }), options)).toBeNull();
    expect(parts.decode(Uint8Array.of(0x89, 0x50), options)).toBeNull();
    expect(parts.decode(new Uint8Array(0), options)).toBeNull();
  });

  it('survives any damage: a picture or a refusal, never an exception', async () => {
    const whole = await jpeg(7, { width: 70, height: 50, orientation: 6 });
    const draws = random(8, 'damage');
    let read = 0;
    for (let i = 0; i < 400; i++) {
      const bytes = whole.slice(0, i % 3 ? whole.length : draws.integer(whole.length));
      for (let n = 1 + draws.integer(6); n > 0; n--)
        bytes[draws.integer(i % 2 ? 700 : bytes.length)] = draws.integer(256);
      const choose = (size: { width: number; height: number }): Box => someBox(size.width, size.height, draws);
      const got = parts.decode(bytes, { choose, size: 20, kind: 'bilinear' });
      if (got) read++;
      expect(got === null || got.data.length === 1200).toBe(true);
    }
    expect(read).toBeGreaterThan(20);
    const again = parts.decode(whole, {
      choose: () => ({ left: 0, top: 0, width: 50, height: 70 }),
      size: 20,
      kind: 'bilinear',
    });
    expect(again).not.toBeNull();
  });
});

describe('the header of a JPEG picture', () => {
  it('says size, factors and orientation', async () => {
    const header = readJpegHeader(await jpeg(9, { width: 31, height: 17, orientation: 8 }))!;
    expect([header.width, header.height, header.orientation]).toEqual([31, 17, 8]);
    expect(header.components.map((c) => [c.h, c.v])).toEqual([
      [2, 2],
      [1, 1],
      [1, 1],
    ]);
  });
});

describe('normalising by the kernel', () => {
  it.each([16, 37, 224])('equals (v / 255 - mean) / std at side %i, mirrored as asked', (size) => {
    const image = { width: size, height: size, data: picture(size, size, 10) };
    const [mean, std] = [
      [0.485, 0.456, 0.406],
      [0.229, 0.224, 0.225],
    ];
    for (const [flip, turn] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const data = new Float32Array(3 * size * size + 5).fill(7);
      parts.normalise(image, { data, offset: 2, mean, std, flip, turn });
      let worst = 0;
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++) {
          const from = ((turn ? size - 1 - y : y) * size + (flip ? size - 1 - x : x)) * 3;
          for (let c = 0; c < 3; c++) {
            const want = (image.data[from + c]! / 255 - mean[c]!) / std[c]!;
            worst = Math.max(worst, Math.abs(data[2 + (c * size + y) * size + x]! - want));
          }
        }
      }
      expect(worst).toBeLessThan(1e-6);
      expect([data[0], data[1], data.at(-1)]).toEqual([7, 7, 7]);
    }
  });
});

describe('a picture that claims more than its bytes can hold', () => {
  it('is left to the decoder of whole pictures, in no time', async () => {
    const bytes = await jpeg(1, { width: 64, height: 48 });
    const at = bytes.findIndex((v, i) => v === 0xff && bytes[i + 1] === 0xc0);
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(at + 5, 0x43434c21); // 17219 rows of 19489 pixels
    expect(readJpegHeader(bytes)).toMatchObject({ width: 0x4c21, height: 0x4343 });
    const before = process.cpuUsage();
    const whole = ({ width, height }: { readonly width: number; readonly height: number }): Box => ({
      ...{ left: 0, top: 0, width, height },
    });
    expect(parts.decode(bytes, { choose: whole, size: 32, kind: 'bilinear' })).toBeNull();
    expect(process.cpuUsage(before).user).toBeLessThan(50_000); // microseconds
  });
});

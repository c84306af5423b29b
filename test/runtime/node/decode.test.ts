import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { pictureKind } from '../../../src/data/image.ts';
import { sharpDecoder } from '../../../src/runtime/node/decode.ts';

type Format = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif';
const FORMATS: readonly Format[] = ['jpeg', 'png', 'webp', 'gif', 'avif'];

/** A picture of four fields: red and green above, blue and white below. */
function fields(width = 40, height = 20): Sharp {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const right = i % width >= width / 2;
    const below = i >= (width * height) / 2;
    data.set(below ? (right ? [255, 255, 255] : [0, 0, 255]) : right ? [0, 255, 0] : [255, 0, 0], i * 3);
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** Noise, so that no byte of the file is idle. */
function noise(format: Format): Promise<Buffer> {
  const data = Uint8Array.from({ length: 64 * 48 * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
  return sharp(data, { raw: { width: 64, height: 48, channels: 3 } })
    .toFormat(format)
    .toBuffer();
}

const decode = sharpDecoder.decode;
const dataFault = expect.objectContaining({ name: 'Fault', code: 'data' });

describe('decode', () => {
  it.each(FORMATS)('reads %s as RGB rows from the top', async (format) => {
    const bytes = await fields().toFormat(format, { quality: 100 }).toBuffer();
    expect(pictureKind(bytes)).toEqual({ format });
    const { width, height, data } = await decode(bytes, 'x');
    expect([width, height, data.length]).toEqual([40, 20, 2400]);
    const at = (x: number, y: number): number[] => [...data.subarray((y * 40 + x) * 3, (y * 40 + x) * 3 + 3)];
    const near = (wanted: number[]): number[] => wanted.map((v) => expect.closeTo(v, -1.3)); // within 10 levels
    expect([at(5, 5), at(35, 5), at(5, 15), at(35, 15)]).toEqual(
      [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
        [255, 255, 255],
      ].map(near),
    );
  });

  it('turns a picture upright as its EXIF says', async () => {
    const bytes = await fields().withMetadata({ orientation: 6 }).png().toBuffer(); // turn clockwise to view
    const { width, height, data } = await decode(bytes, 'x');
    expect([width, height]).toEqual([20, 40]);
    expect([...data.subarray(0, 3)]).toEqual([0, 0, 255]); // below left comes to the top left
    expect([...data.subarray(57, 60)]).toEqual([255, 0, 0]);
  });

  it('drops alpha and keeps the colour below it', async () => {
    const rgba = Uint8Array.of(10, 20, 30, 0, 40, 50, 60, 128);
    const bytes = await sharp(rgba, { raw: { width: 2, height: 1, channels: 4 } })
      .png()
      .toBuffer();
    expect([...(await decode(bytes, 'x')).data]).toEqual([10, 20, 30, 40, 50, 60]);
  });

  it('repeats grey, with or without alpha', async () => {
    for (const channels of [1, 2] as const) {
      const raw = Uint8Array.from({ length: 2 * channels }, (_, i) => (i % channels === 0 ? 100 + i : 7));
      const bytes = await sharp(raw, { raw: { width: 2, height: 1, channels } })
        .toColourspace('b-w')
        .png()
        .toBuffer();
      const second = 100 + channels;
      expect([...(await decode(bytes, 'x')).data]).toEqual([100, 100, 100, second, second, second]);
    }
  });

  it('takes the high byte of 16 bits, and gives the whole value of grey', async () => {
    const grey = Uint16Array.of(0x1234, 0xfedc);
    const one = await sharp(grey, { raw: { width: 2, height: 1, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    const { data, grey16 } = await decode(one, 'x');
    expect([...data]).toEqual([0x12, 0x12, 0x12, 0xfe, 0xfe, 0xfe]);
    expect([...grey16!]).toEqual([0x1234, 0xfedc]);
    const colour = Uint16Array.of(0x1234, 0x5678, 0x9abc);
    const three = await sharp(colour, { raw: { width: 1, height: 1, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    const deep = await decode(three, 'x');
    expect([[...deep.data], deep.grey16]).toEqual([[0x12, 0x56, 0x9a], undefined]);
  });

  it('leaves pixels alone where a colour profile is embedded', async () => {
    const raw = Uint8Array.of(200, 30, 60);
    const picture = sharp(raw, { raw: { width: 1, height: 1, channels: 3 } });
    const stored = await picture.withIccProfile('p3', { attach: true }).png().toBuffer();
    const plain = await sharp(stored, { ignoreIcc: true }).raw().toBuffer();
    const converted = await sharp(stored).raw().toBuffer();
    expect([...converted]).not.toEqual([...plain]);
    expect([...(await decode(stored, 'x')).data]).toEqual([...plain]);
  });

  it('reads the first frame of an animation', async () => {
    const frames = await Promise.all(
      ['#ff0000', '#00ff00'].map((background) =>
        sharp({ create: { width: 4, height: 4, channels: 3, background } })
          .png()
          .toBuffer(),
      ),
    );
    const bytes = await sharp(frames, { join: { animated: true } })
      .gif()
      .toBuffer();
    const { height, data } = await decode(bytes, 'x');
    expect([height, ...data.subarray(0, 3)]).toEqual([4, 255, 0, 0]);
  });

  it('shrinks on load only as far as the shorter side allows', async () => {
    const bytes = await fields(800, 400).jpeg().toBuffer();
    const sizes = await Promise.all(
      [400, 201, 200, 60, 40].map(async (shorterAtLeast) => (await decode(bytes, 'x', { shorterAtLeast })).height),
    );
    expect(sizes).toEqual([400, 400, 200, 100, 50]);
  });
});

describe('decode refuses, as a data fault that names the file,', () => {
  it.each(FORMATS)('a truncated or damaged %s', async (format) => {
    const whole = await noise(format);
    await decode(whole, 'whole');
    for (const share of [0.05, 0.5, 0.98]) {
      const cut = whole.subarray(0, Math.floor(whole.length * share));
      await expect(decode(cut, `cats/${share}`)).rejects.toThrow(dataFault);
      await expect(decode(cut, `cats/${share}`)).rejects.toThrow(`cats/${share}: expected`);
    }
  });

  it('JPEG and PNG whose middle is damaged', async () => {
    for (const format of ['jpeg', 'png'] as const) {
      const bytes = Buffer.from(await noise(format));
      const middle = bytes.length >> 1;
      for (let i = middle; i < middle + 50; i++) bytes[i]! ^= 0xff;
      await expect(decode(bytes, 'x')).rejects.toThrow(dataFault);
    }
  });

  it('an empty file, text, and formats that it does not read', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>');
    const tiff = await fields().tiff().toBuffer();
    const cases: [Uint8Array, RegExp][] = [
      [new Uint8Array(), /x: expected a JPEG.*got an empty file/],
      [Buffer.from('not a picture'), /got something else/],
      [svg, /got something else/],
      [tiff, /got something else/],
    ];
    for (const [bytes, message] of cases) {
      await expect(decode(bytes, 'x')).rejects.toThrow(dataFault);
      await expect(decode(bytes, 'x')).rejects.toThrow(message);
    }
  });

  it('a header that claims more pixels than may be decoded', async () => {
    const bytes = Buffer.from(await fields().png().toBuffer());
    bytes.writeUInt32BE(60_000, 16);
    bytes.writeUInt32BE(60_000, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    await expect(decode(bytes, 'bomb.png')).rejects.toThrow(/bomb\.png: .*exceeds pixel limit/);
  });

  it('but not a JPEG with stray bytes between its segments', async () => {
    const bytes = await noise('jpeg');
    const end = bytes.length - 2; // before the end marker
    const stray = Buffer.concat([bytes.subarray(0, end), Buffer.alloc(8, 0x11), bytes.subarray(end)]);
    expect((await decode(stray, 'x')).data).toEqual((await decode(bytes, 'x')).data);
  });
});

/** CRC-32 of PNG chunks (polynomial 0xEDB88320). */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

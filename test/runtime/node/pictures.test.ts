import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeGif } from '../../../src/data/gif.ts';
import { sharpDecoder } from '../../../src/runtime/node/decode.ts';

interface Expected {
  readonly width: number;
  readonly height: number;
  /** RGB bytes, deflated, in base64. */
  readonly rgb: string;
}

const FOLDER = new URL('./pictures/', import.meta.url);
const file = (name: string): Buffer => readFileSync(new URL(name, FOLDER));
const EXPECTED = JSON.parse(file('expected.json').toString()) as Readonly<Record<string, Expected>>;
const isLossy = (name: string): boolean => name.endsWith('.jpg') || name === 'lossy.webp';
const names = Object.keys(EXPECTED);

async function compare(name: string): Promise<{ size: number[]; wanted: number[]; worst: number }> {
  const { width, height, rgb } = EXPECTED[name]!;
  const pixels = inflateSync(Buffer.from(rgb, 'base64'));
  const found = await sharpDecoder.decode(file(name), name);
  const worst = pixels.reduce((most, v, i) => Math.max(most, Math.abs(v - found.data[i]!)), 0);
  return { size: [found.width, found.height, found.data.length], wanted: [width, height, pixels.length], worst };
}

describe("a decoded picture equals Pillow's convert('RGB'), turned upright:", () => {
  it.each(names.filter((n) => !isLossy(n)))('%s to the bit', async (name) => {
    const { size, wanted, worst } = await compare(name);
    expect([size, worst]).toEqual([wanted, 0]);
  });
  // Decoders of one standard may round otherwise; these versions of libjpeg and libwebp agree to the bit.
  it.each(names.filter(isLossy))('%s within two levels', async (name) => {
    const { size, wanted, worst } = await compare(name);
    expect(size).toEqual(wanted);
    expect(worst).toBeLessThanOrEqual(2);
  });
});

describe('a picture is refused by name', () => {
  const dataFault = expect.objectContaining({ name: 'Fault', code: 'data' });
  const cut = names.filter((n) => /^(420|progressive|cmyk|ycck|rgb-16|interlaced|plain|small-frame|alpha)\./.test(n));
  it.each(cut)('where %s is cut short', async (name) => {
    const whole = file(name);
    for (const share of [0.3, 0.6, 0.95]) {
      const part = whole.subarray(0, Math.floor(whole.length * share));
      await expect(sharpDecoder.decode(part, `cut/${name}`)).rejects.toThrow(dataFault);
      await expect(sharpDecoder.decode(part, `cut/${name}`)).rejects.toThrow(`cut/${name}: expected a whole`);
    }
  });
  it.each([
    ['420.jpg', /x: .*cut short: 8000 x 9000 pixels in \d+ bytes/],
    ['plain.gif', /x: .*exceeds pixel limit: 60000 x 50000/],
  ] as const)('where the header of %s claims more than its bytes can hold', async (name, message) => {
    const bytes = Buffer.from(file(name));
    if (name === 'plain.gif') {
      const frame = bytes.indexOf(Buffer.from([0x2c, 0, 0, 0, 0, 21, 0, 14, 0]));
      bytes.writeUInt16LE(60000, frame + 5);
      bytes.writeUInt16LE(50000, frame + 7);
    } else {
      const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
      bytes.writeUInt16BE(9000, frame + 5);
      bytes.writeUInt16BE(8000, frame + 7);
    }
    await expect(sharpDecoder.decode(bytes, 'x')).rejects.toThrow(message);
  });
  it('where the codes of a GIF mean nothing, end, or are of no size', () => {
    const gif = (least: number, ...data: readonly number[]): Uint8Array =>
      Uint8Array.from([
        ...Buffer.from('GIF89a'),
        ...[2, 0, 2, 0, 0, 0, 0], // a screen of 2 x 2 without colours
        ...[0x2c, 0, 0, 0, 0, 2, 0, 2, 0, 0, least, data.length, ...data, 0, 0x3b],
      ]);
    // clear (4), 1, 2, 3 of 3 bits, 0 of 4, the low bits first; without colours an index is its grey
    expect([...decodeGif(gif(2, 0x8c, 0x06)).data]).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3, 0, 0, 0]);
    expect(() => decodeGif(gif(2, 0b00_111_100))).toThrow('a code without a meaning'); // 7 right after the clear
    expect(() => decodeGif(gif(2, 0b00_101_100))).toThrow('too few pixels');
    expect(() => decodeGif(gif(2, 0b01_001_100))).toThrow('the data end early');
    expect(() => decodeGif(gif(9, 0))).toThrow('codes of 9 bits');
    expect(() => decodeGif(Buffer.from('GIF89a'))).toThrow('the file ends early');
  });
  it('where random bytes are changed, or else it is a picture; never anything else', async () => {
    let state = 7;
    const draw = (below: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    let read = 0;
    for (let round = 0; round < 400; round++) {
      const bytes = Buffer.from(file(['plain.gif', 'animated.gif', 'small-frame.gif'][round % 3]!));
      for (let i = 0; i < 3; i++) bytes[6 + draw(bytes.length - 6)] = draw(256);
      try {
        const { width, height, data } = await sharpDecoder.decode(bytes, 'x');
        expect(data.length).toBe(width * height * 3);
        read++;
      } catch (error) {
        expect(error).toEqual(dataFault);
      }
    }
    expect(read).toBeGreaterThan(50);
  });
});

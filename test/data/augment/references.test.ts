import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { RgbImage } from '../../../src/core/resize.ts';
import { rotate, shearX, shearY, translateX, translateY } from '../../../src/data/augment/affine.ts';
import { gaussianBlur } from '../../../src/data/augment/blur.ts';
import { brightness, contrast, greyscale, saturation, sharpness } from '../../../src/data/augment/enhance.ts';
import { shiftHue } from '../../../src/data/augment/hue.ts';
import { autocontrast, equalize, invert, posterize, solarize, solarizeAdd } from '../../../src/data/augment/tone.ts';

const { exact, moved } = JSON.parse(readFileSync(new URL('./references.json', import.meta.url), 'utf8')) as {
  readonly exact: Readonly<Record<string, number>>;
  readonly moved: Readonly<Record<string, string>>;
}; // made by references.py

function made(width: number, height: number, level: (x: number, y: number, c: number) => number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    data[i] = level(pixel % width, Math.floor(pixel / width), i % 3);
  }
  return { width, height, data };
}

const picture = made(40, 30, (x, y, c) => ((x * 5 + y * 3 * c + ((x * y) % 17) * 4 + 13) % 211) + 17);
const colours = made(64, 64, (x, y, c) => {
  const i = y * 64 + x;
  return [i * 7919, Math.floor((i * 104729) / 7), Math.floor((i * 1299709) / 31)][c]! % 256;
});
const flat = made(40, 30, () => 7);

function hash({ data }: RgbImage): number {
  let h = 0x811c9dc5;
  for (const byte of data) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

const enhance = { Brightness: brightness, Contrast: contrast, Color: saturation, Sharpness: sharpness };
const alone = { autocontrast, equalize, invert, greyscale };
const byNumber = { posterize, solarize, solarizeAdd };

/** What the reference of this name is of. */
function ours(name: string): RgbImage {
  const [word = '', number = ''] = name.split(' ');
  const by = Number(number);
  if (name === 'picture') return picture;
  if (name === 'colours') return colours;
  if (word in enhance) return enhance[word as keyof typeof enhance](colours, by);
  if (word === 'hue') return shiftHue(colours, by);
  if (word in byNumber) return byNumber[word as keyof typeof byNumber](picture, by);
  const image = word === 'greyscale' || number === 'colours' ? colours : number === 'flat' ? flat : picture;
  return alone[word as keyof typeof alone](image);
}

describe('changes of colour', () => {
  it.each(Object.entries(exact))('%s equals Pillow and torchvision to the last bit', (name, expected) => {
    expect(hash(ours(name))).toBe(expected);
  });
});

const moves = { shearX, shearY, translateX, translateY, rotate };

describe('changes of place', () => {
  it.each(Object.entries(moved))('%s equals Pillow and torchvision', (name, expected) => {
    const [word = '', by = '', how = ''] = name.split(' ');
    const fill = [124, 116, 104] as const;
    const interpolation = how === 'bicubic' ? 'bicubic' : 'bilinear';
    const got =
      word === 'blur'
        ? gaussianBlur(picture, Number(by), Number(how))
        : moves[word as keyof typeof moves](picture, Number(by), { interpolation, fill });
    const want = Buffer.from(expected, 'base64');
    expect(got.data.length).toBe(want.length);
    const worst = got.data.reduce((most, v, i) => Math.max(most, Math.abs(v - want[i]!)), 0);
    // torch sums the window in float32, in an order of its own
    expect(worst).toBeLessThanOrEqual(word === 'blur' ? 1 : 0);
  });
});

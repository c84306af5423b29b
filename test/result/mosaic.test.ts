import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { random } from '../../src/core/random.ts';
import { drawLetters } from '../../src/result/letters.ts';
import { drawMosaic } from '../../src/result/mosaic.ts';
import { encodePng } from '../../src/result/png.ts';

const plain = (size: number, colour: readonly number[]) => ({
  width: size,
  height: size,
  data: Uint8Array.from({ length: size * size * 3 }, (_, i) => colour[i % 3]!),
});

test('a PNG file reads back as the same picture', async () => {
  const draws = random(0, 'png');
  const data = Uint8Array.from({ length: 31 * 17 * 3 }, () => draws.integer(256));
  const png = await encodePng({ width: 31, height: 17, data });
  const { data: read, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([31, 17, 3]);
  expect(new Uint8Array(read)).toEqual(data);
});

describe('letters', () => {
  /** The dots of a text, a line a row. */
  const dots = (text: string, width: number): string[] => {
    const drawn = { width, height: 8, data: new Uint8Array(width * 8 * 3) };
    drawLetters(drawn, text, { x: 0, y: 0, colour: [9, 9, 9] });
    return Array.from({ length: 7 }, (_, y) =>
      Array.from({ length: width }, (_, x) => (drawn.data[(y * width + x) * 3] === 9 ? '#' : '.')).join(''),
    );
  };
  test('have the shapes that one knows', () => {
    expect(dots('7', 5)).toEqual(['#####', '....#', '...#.', '..#..', '.#...', '.#...', '.#...']);
    expect(dots('L', 5)).toEqual(['#....', '#....', '#....', '#....', '#....', '#....', '#####']);
  });
  test('without their accents are drawn, others are boxes', () => {
    expect(dots('é', 5)).toEqual(dots('e', 5));
    expect(dots('日', 5)).toEqual(['#####', '#...#', '#...#', '#...#', '#...#', '#...#', '#####']);
  });
});

describe('a mosaic', () => {
  const tile = (size: number, colour: readonly number[]) => ({ picture: plain(size, colour), caption: 'cat' });
  const at = (m: ReturnType<typeof drawMosaic>, x: number, y: number) => [
    ...m.data.subarray((y * m.width + x) * 3).slice(0, 3),
  ];

  test('puts tiles in rows of eight, small pictures enlarged by a whole factor', () => {
    const tiles = Array.from({ length: 9 }, (_, i) => tile(40, [i * 20, 0, 0]));
    const drawn = drawMosaic([{ title: 'first', tiles }]);
    expect([drawn.width, drawn.height]).toEqual([6 + 8 * 126, 6 + 14 + 2 * 136]);
    expect([at(drawn, 66, 80), at(drawn, 66 + 126, 80), at(drawn, 66, 80 + 136)]).toEqual([
      [0, 0, 0],
      [20, 0, 0],
      [160, 0, 0],
    ]);
  });
  test('reduces large pictures and keeps groups apart', () => {
    const drawn = drawMosaic([
      { title: 'a', tiles: [tile(224, [10, 20, 30])] },
      { title: 'b', tiles: [tile(224, [40, 50, 60])] },
    ]);
    expect([drawn.width, drawn.height]).toEqual([6 + 8 * 134, 6 + 2 * (14 + 144)]);
    expect([at(drawn, 60, 60), at(drawn, 60, 60 + 158)]).toEqual([
      [10, 20, 30],
      [40, 50, 60],
    ]);
  });
});

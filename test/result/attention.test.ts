import { describe, expect, test } from 'vitest';
import {
  type AttentionMap,
  colourAt,
  concentration,
  heatMap,
  meanOverHeads,
  overlay,
  type Picture,
  stretchWeights,
  upsample,
} from '../../src/result/attention.ts';

const mapOf = (rows: number, columns: number, weights: readonly number[]): AttentionMap => ({
  rows,
  columns,
  weights: Float32Array.from(weights),
});

const plain = (width: number, height: number, colour: readonly number[]): Picture => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => colour[i % 3]!),
});

describe('enlargement', () => {
  test('pixel centres lie at halves and edges repeat', () => {
    expect([...upsample(mapOf(1, 2, [0, 1]), 4, 1)]).toEqual([0, 0.25, 0.75, 1]);
  });
  test('rows and columns are interpolated independently', () => {
    // [[0, 1], [2, 3]] is the plane column + 2 row, so its enlargement is one inside the edges
    const out = upsample(mapOf(2, 2, [0, 1, 2, 3]), 4, 4);
    expect([...out.subarray(4, 8)]).toEqual([0.5, 0.75, 1.25, 1.5]);
    expect([...out.subarray(12, 16)]).toEqual([2, 2.25, 2.75, 3]);
  });
  test('a size beyond 16 million pixels is refused before it is allocated', () => {
    expect(() => upsample(mapOf(1, 1, [1]), 100_000, 100_000)).toThrowError(expect.objectContaining({ code: 'shape' }));
  });
});

describe('stretching', () => {
  test('range goes from the least to the largest weight', () => {
    expect([...stretchWeights(mapOf(1, 3, [2, 3, 4])).weights]).toEqual([0, 0.5, 1]);
  });
  test('peak keeps zero at zero', () => {
    expect([...stretchWeights(mapOf(1, 3, [2, 3, 4]), 'peak').weights]).toEqual([0.5, 0.75, 1]);
  });
  test('a map without differences stands out nowhere', () => {
    expect([...stretchWeights(mapOf(1, 3, [0.2, 0.2, 0.2])).weights]).toEqual([0, 0, 0]);
  });
  test('negative weights have no peak stretch', () => {
    expect(() => stretchWeights(mapOf(1, 2, [-1, 1]), 'peak')).toThrowError(expect.objectContaining({ code: 'data' }));
  });
});

test('heads are averaged position by position', () => {
  const mean = meanOverHeads(Float32Array.from([1, 2, 3, 4, 5, 8, 7, 0]), 2, 2);
  expect([...mean.weights]).toEqual([3, 5, 5, 2]);
});

describe('colours', () => {
  test.each([
    ['viridis', 0, [68, 1, 84]],
    ['viridis', 1, [253, 231, 37]],
    ['magma', 0, [0, 0, 4]],
    ['magma', 1, [252, 253, 191]],
  ] as const)('%s at %d is the published colour', (name, value, colour) => {
    expect(colourAt(name, value)).toEqual(colour);
  });
  test.each(['viridis', 'magma'] as const)('%s grows lighter all the way', (name) => {
    const luma = Array.from({ length: 101 }, (_, i) => {
      const [r, g, b] = colourAt(name, i / 100);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    });
    for (let i = 1; i < luma.length; i++) expect(luma[i]).toBeGreaterThan(luma[i - 1]!);
  });
});

describe('drawings', () => {
  test('an overlay mixes grey picture and colour by alpha', () => {
    // luma of (200, 100, 50) = 0.299·200 + 0.587·100 + 0.114·50 = 124.2; magma at 0 and 1
    const out = overlay(plain(2, 1, [200, 100, 50]), mapOf(1, 2, [0, 1]), { alpha: 0.5 });
    expect([...out.data]).toEqual([62, 62, 64, 188, 189, 158]);
  });
  test('without grey the picture keeps its colours', () => {
    const out = overlay(plain(1, 1, [200, 100, 50]), mapOf(1, 1, [1]), { alpha: 0.5, grey: false, stretch: 'peak' });
    expect([...out.data]).toEqual([226, 177, 121]);
  });
  test('alpha 0 shows the picture alone', () => {
    const picture = plain(3, 2, [9, 80, 200]);
    expect(overlay(picture, mapOf(1, 2, [0, 1]), { alpha: 0, grey: false })).toEqual(picture);
  });
  test('a heat map is the colours alone', () => {
    const out = heatMap(mapOf(1, 2, [5, 9]), 2, 1, { colormap: 'viridis' });
    expect([...out.data]).toEqual([68, 1, 84, 253, 231, 37]);
  });
  test('the query is framed in its own cell and nowhere else', () => {
    const options = { colormap: 'viridis', query: { row: 0, column: 1 } } as const;
    const out = heatMap(mapOf(2, 2, [0, 0, 0, 0]), 8, 8, options);
    const letter = (i: number): string => (out.data[i * 3] === 255 ? 'W' : out.data[i * 3] === 0 ? 'B' : '.');
    const rows = Array.from({ length: 8 }, (_, y) => Array.from({ length: 8 }, (_v, x) => letter(y * 8 + x)).join(''));
    expect(rows).toEqual([
      '....WWWW',
      '....WBBW',
      '....WBBW',
      '....WWWW',
      '........',
      '........',
      '........',
      '........',
    ]);
  });
  test('the arguments are left alone', () => {
    const picture = plain(2, 2, [10, 20, 30]);
    const map = mapOf(1, 2, [1, 3]);
    overlay(picture, map, { query: { row: 0, column: 0 } });
    expect([picture, map]).toEqual([plain(2, 2, [10, 20, 30]), mapOf(1, 2, [1, 3])]);
  });
  test.each([
    [
      'a picture with too few bytes',
      () => overlay({ width: 2, height: 2, data: new Uint8Array(3) }, mapOf(1, 1, [1])),
      'shape',
    ],
    ['a weight that is not a number', () => heatMap(mapOf(1, 1, [Number.NaN]), 1, 1), 'data'],
    ['a query outside the map', () => heatMap(mapOf(1, 1, [1]), 4, 4, { query: { row: 1, column: 0 } }), 'shape'],
    [
      'an alpha above one',
      () => heatMap(mapOf(1, 1, [1]), 1, 1) && overlay(plain(1, 1, [0, 0, 0]), mapOf(1, 1, [1]), { alpha: 2 }),
      'config',
    ],
  ])('%s is a fault', (_, run, code) => {
    expect(run).toThrowError(expect.objectContaining({ code }));
  });
});

describe('concentration', () => {
  test('reading everything alike is peak 1 over all positions', () => {
    const { peak, effective } = concentration(mapOf(2, 2, [0.25, 0.25, 0.25, 0.25]));
    expect([peak, effective]).toEqual([1, 1]);
  });
  test('reading one of eight is peak 8 over an eighth', () => {
    expect(concentration(mapOf(2, 4, [0, 0, 0, 1, 0, 0, 0, 0]))).toEqual({ peak: 8, effective: 0.125 });
  });
  test('half on one and half over two others reads 2^1.5 of three', () => {
    // entropy = ½ ln 2 + ½ ln 4 = 1.5 ln 2
    const { peak, effective } = concentration(mapOf(1, 3, [2, 1, 1]));
    expect(peak).toBe(1.5);
    expect(effective).toBeCloseTo(2 ** 1.5 / 3, 10);
  });
});

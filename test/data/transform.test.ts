import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { random } from '../../src/core/random.ts';
import type { RgbImage } from '../../src/core/resize.ts';
import { evaluationGeometry, preprocess, randomCrop, roundHalfEven, transformInto } from '../../src/data/transform.ts';
import { type EvaluationTransform, readTransform } from '../../src/data/transform-config.ts';

const plain = { mean: [0, 0, 0], std: [1, 1, 1] };

function evaluation(options: object): EvaluationTransform {
  const config = readTransform({ kind: 'evaluation', ...plain, ...options });
  if (config.kind !== 'evaluation') throw new Error('readTransform changed the kind');
  return config;
}

/** Red counts columns, green counts rows, blue is 255. */
function grid(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) data.set([i % width, Math.floor(i / width), 255], i * 3);
  return { width, height, data };
}

function trained(image: RgbImage, options: object, seed: number): Float32Array {
  const config = readTransform({ kind: 'training', ...plain, ...options });
  const data = new Float32Array(3 * config.size ** 2);
  transformInto({ data, offset: 0 }, image, config, (name) => random(seed, name));
  return data;
}

describe('evaluation transform', () => {
  it('truncates the longer side and rounds half offsets to even', () => {
    const { resized, keep } = evaluationGeometry({ width: 301, height: 217 }, { resize: 256, size: 224 });
    expect(resized).toEqual({ width: 355, height: 256 }); // 256 · 301 / 217 = 355.09
    expect([keep.top, keep.left]).toEqual([16, 66]); // 65.5 to 66
    expect([0.5, 1.5, 2.5, 64.5, 65.5, 2.4].map(roundHalfEven)).toEqual([0, 2, 2, 64, 66, 2]);
  });

  it('keeps the middle of a picture that needs no resize', () => {
    const y = preprocess(grid(6, 4), evaluation({ resize: 4, size: 2 }));
    expect([...y.subarray(0, 4)].map((v) => Math.round(v * 255))).toEqual([2, 3, 2, 3]);
    expect([...y.subarray(4, 8)].map((v) => Math.round(v * 255))).toEqual([1, 1, 2, 2]);
    expect([...y.subarray(8)]).toEqual([1, 1, 1, 1]);
  });

  it('puts black, normalised, around a picture smaller than its crop, the odd row and column last', () => {
    for (const intermediate of ['uint8', 'float32']) {
      const config = evaluation({ resize: 2, size: 5, mean: [0.5, 0, 0], std: [0.25, 1, 1], intermediate });
      const y = preprocess(grid(2, 2), config);
      const black = -2;
      const lit = (1 / 255 - 0.5) / 0.25;
      const row = Array<number>(5).fill(black);
      const middle = [black, black, lit, black, black];
      const expected = [row, middle, middle, row, row].flat();
      expect([...y.subarray(0, 25)]).toEqual(expected.map((v) => expect.closeTo(v, 6)));
    }
  });

  it('subtracts the mean and divides by the deviation, channel by channel', () => {
    const image = { width: 1, height: 1, data: Uint8Array.of(255, 51, 0) };
    const y = preprocess(image, evaluation({ resize: 1, size: 1, mean: [0.5, 0.1, 0.2], std: [0.5, 0.2, 0.1] }));
    expect([...y]).toEqual([expect.closeTo(1, 6), expect.closeTo(0.5, 6), expect.closeTo(-2, 6)]);
  });

  it('prepares a strip one pixel high without making the whole enlarged strip', () => {
    const y = preprocess(grid(50_000, 1), evaluation({ resize: 256, size: 8 }));
    expect(y.subarray(128).every((v) => v === 1)).toBe(true);
  });
});

describe('training transform', () => {
  it('cuts parts inside the picture, of the wanted area and shape where the picture allows', () => {
    const config = { scale: [0.25, 0.5], ratio: [0.5, 2] };
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: 1, max: 90 }),
        (seed, width, height) => {
          const box = randomCrop({ width, height }, config, random(seed));
          expect(Math.min(box.left, box.top)).toBeGreaterThanOrEqual(0);
          expect(Math.min(box.width, box.height)).toBeGreaterThanOrEqual(1);
          expect(box.left + box.width).toBeLessThanOrEqual(width);
          expect(box.top + box.height).toBeLessThanOrEqual(height);
          if (width < 40 || width !== height) return;
          const share = (box.width * box.height) / (width * height);
          expect(share).toBeGreaterThan(0.23);
          expect(share).toBeLessThan(0.53);
        },
      ),
      { seed: 3, numRuns: 300 },
    );
  });

  it('takes the middle of a strip in which no part has the wanted shape', () => {
    const config = { scale: [0.9, 1], ratio: [0.75, 4 / 3] };
    const lying = randomCrop({ width: 100, height: 10 }, config, random(0));
    expect(lying).toEqual({ left: 43, top: 0, width: 13, height: 10 });
    const upright = randomCrop({ width: 10, height: 100 }, config, random(0));
    expect(upright).toEqual({ left: 0, top: 43, width: 10, height: 13 });
  });

  it('mirrors left to right when the flip says so', () => {
    const whole = { size: 4, scale: [1, 1], ratio: [1, 1] };
    const left = trained(grid(4, 4), { ...whole, flip: 0 }, 5);
    const right = trained(grid(4, 4), { ...whole, flip: 1 }, 5);
    expect([...left.subarray(0, 4)].map((v) => Math.round(v * 255))).toEqual([0, 1, 2, 3]);
    expect([...right.subarray(0, 4)].map((v) => Math.round(v * 255))).toEqual([3, 2, 1, 0]);
    expect(right.subarray(16)).toEqual(left.subarray(16));
  });

  it('is a function of its random numbers', () => {
    const image = grid(40, 30);
    expect(trained(image, { size: 16 }, 1)).toEqual(trained(image, { size: 16 }, 1));
    expect(trained(image, { size: 16 }, 1)).not.toEqual(trained(image, { size: 16 }, 2));
  });
});

describe('transform options', () => {
  it('are completed by the published values', () => {
    expect(readTransform({ kind: 'evaluation' })).toEqual({
      kind: 'evaluation',
      size: 224,
      resize: 256,
      interpolation: 'bilinear',
      intermediate: 'uint8',
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    });
    expect(readTransform({ kind: 'training', size: 64 })).toMatchObject({
      size: 64,
      scale: [0.08, 1],
      ratio: [3 / 4, 4 / 3],
      flip: 0.5,
    });
  });

  it.each([
    ['an unknown key, with the nearest named', { kind: 'training', flipp: 1 }, /"flipp".*"flip"/],
    ['a key of the other kind', { kind: 'evaluation', flip: 1 }, /"flip"/],
    ['an unknown kind', { kind: 'test' }, /"evaluation" or "training", got "test"/],
    ['nothing', undefined, /got nothing/],
    ['a side of zero', { kind: 'evaluation', size: 0 }, /transform\.size: expected a whole number at least 1/],
    ['a range the wrong way round', { kind: 'training', scale: [1, 0.5] }, /lesser number first/],
    ['two means', { kind: 'training', mean: [0, 0] }, /3 times a number/],
    ['a filter nobody wrote', { kind: 'training', interpolation: 'lanczos' }, /"bilinear" or "bicubic", got "lanczos"/],
  ])('refuse %s', (_, json, message) => {
    expect(() => readTransform(json)).toThrow(expect.objectContaining({ code: 'config' }));
    expect(() => readTransform(json)).toThrow(message);
  });
});

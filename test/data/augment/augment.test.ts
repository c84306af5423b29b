import { describe, expect, it } from 'vitest';
import { random } from '../../../src/core/random.ts';
import type { RgbImage } from '../../../src/core/resize.ts';
import { readAugment } from '../../../src/data/augment/config.ts';
import { brightness, contrast, saturation } from '../../../src/data/augment/enhance.ts';
import { erase } from '../../../src/data/augment/erase.ts';
import { shiftHue } from '../../../src/data/augment/hue.ts';
import { jitter } from '../../../src/data/augment/jitter.ts';
import { OPERATIONS, randAugment } from '../../../src/data/augment/rand-augment.ts';
import { readRandAugment } from '../../../src/data/augment/rand-augment-config.ts';
import { transformInto } from '../../../src/data/transform.ts';
import { readTransform } from '../../../src/data/transform-config.ts';

function noise(side: number, seed: number): RgbImage {
  const draws = random(seed);
  return { width: side, height: side, data: Uint8Array.from({ length: side * side * 3 }, () => draws.integer(256)) };
}

function prepared(image: RgbImage, options: object, seed: number): Float32Array {
  const config = readTransform({ kind: 'training', size: 8, mean: [0, 0, 0], std: [1, 1, 1], ...options });
  const data = new Float32Array(3 * config.size ** 2);
  transformInto({ data, offset: 0 }, image, config, (name) => random(seed, name));
  return data;
}

describe('RandAugment', () => {
  it("reads timm's words and the same options as an object", () => {
    const words = readRandAugment('rand-m9-n3-mstd0.5-inc1-p0.7-mmax12');
    expect(words).toEqual({
      magnitude: 9,
      operations: 3,
      magnitudeStd: 0.5,
      increasing: true,
      probability: 0.7,
      magnitudeMax: 12,
      interpolation: 'random',
    });
    expect(readRandAugment(words)).toEqual(words);
    expect(readRandAugment('rand-m5-mstd101').magnitudeStd).toBe('uniform');
    for (const bad of ['auto-m9', 'rand-x9', 'rand-m', 9, { magnitude: -1 }, { increasing: 1 }, { strength: 2 }]) {
      expect(() => readRandAugment(bad)).toThrow(expect.objectContaining({ code: 'config' }));
    }
  });

  it('grows away from the picture with the magnitude where it is increasing', () => {
    const image = noise(16, 1);
    const move = { interpolation: 'bilinear', fill: [0, 0, 0] } as const;
    const distance = (name: keyof typeof OPERATIONS, level: number, increasing: boolean): number => {
      const out = OPERATIONS[name](image, { level, increasing, sign: -1, move });
      return out.data.reduce((sum, v, i) => sum + Math.abs(v - image.data[i]!), 0);
    };
    for (const name of ['posterize', 'solarize', 'colour', 'contrast', 'brightness', 'sharpness'] as const) {
      expect([name, distance(name, 0.2, true) < distance(name, 0.9, true)]).toEqual([name, true]);
    }
    expect(distance('solarize', 0.2, false)).toBeGreaterThan(distance('solarize', 0.9, false));
    expect(distance('brightness', 0, true)).toBe(0);
  });

  it('draws all fifteen operations, each about half the time it is drawn, and its own numbers', () => {
    const image = noise(12, 2);
    const config = readRandAugment('rand-m9-mstd0.5-inc1');
    const out = (seed: number): string =>
      randAugment(image, config, { random: random(seed), fill: [1, 2, 3] }).data.join();
    expect(out(5)).toBe(out(5));
    const results = Array.from({ length: 200 }, (_, seed) => out(seed));
    const untouched = results.filter((r) => r === image.data.join()).length;
    expect(untouched).toBeGreaterThan(30); // a quarter of 200 expected
    expect(untouched).toBeLessThan(80);
    expect(new Set(results).size).toBeGreaterThan(100);
  });
});

describe('colour jitter', () => {
  it('applies its four changes in any order, with factors inside their ranges', () => {
    const image = noise(2, 3); // so small that nearby factors give the same picture
    const changes = [brightness, contrast, saturation, shiftHue];
    const one = (key: string, seed: number, strength: number): RgbImage =>
      jitter(image, { ...readAugment().jitter, [key]: strength }, random(seed));
    ['brightness', 'contrast', 'saturation', 'hue'].forEach((key, which) => {
      const found = Array.from({ length: 40 }, (_, seed) => one(key, seed, 0.4).data.join());
      const reach = which === 3 ? [-0.4, 0.4] : [0.6, 1.4];
      const grid = Array.from({ length: 4001 }, (_, i) => reach[0]! + (i / 4000) * (reach[1]! - reach[0]!));
      const possible = new Set(grid.map((by) => changes[which]!(image, by).data.join()));
      expect(found.filter((f) => possible.has(f)).length).toBe(40);
    });
    const orders = Array.from({ length: 40 }, (_, seed) => {
      const strong = { ...readAugment().jitter, brightness: 1, saturation: 100 };
      return jitter(noise(6, 3), strong, random(seed)).data.join();
    });
    expect(new Set(orders).size).toBe(40);
    const all = { probability: 1, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
    expect(jitter(image, all, random(1))).toEqual(jitter(image, all, random(1)));
    expect(jitter(image, all, random(1))).not.toEqual(jitter(image, all, random(2)));
  });
});

describe('random erasing', () => {
  const size = 32;
  const erased = (options: object, seed: number): Float32Array => {
    const data = new Float32Array(3 * size * size).fill(9);
    erase({ data, offset: 0, size }, readAugment({ erase: options }).erase, random(seed));
    return data;
  };

  it('overwrites one rectangle of the asked area in all three channels', () => {
    for (let seed = 0; seed < 50; seed++) {
      const data = erased({ mode: 'constant', area: [0.1, 0.2] }, seed);
      const holes = Array.from({ length: size * size }, (_, i) => i).filter((i) => data[i] === 0);
      const xs = holes.map((i) => i % size);
      const ys = holes.map((i) => Math.floor(i / size));
      const span = (v: number[]): number => Math.max(...v) - Math.min(...v) + 1;
      expect(holes.length).toBe(span(xs) * span(ys));
      expect(Math.abs(holes.length / size ** 2 - 0.15)).toBeLessThan(0.07);
      expect(data.subarray(size * size, 2 * size * size)).toEqual(data.subarray(0, size * size));
    }
  });

  it('fills with one normal colour, or with normal noise of mean 0 and deviation 1', () => {
    const colour = new Set(erased({ mode: 'colour' }, 1));
    expect(colour.size).toBe(4); // one a channel, and what is left
    const values = Array.from({ length: 20 }, (_, seed) => [...erased({ area: [0.3, 0.3] }, seed)]).flat();
    const pixels = values.filter((v) => v !== 9);
    const mean = pixels.reduce((a, b) => a + b, 0) / pixels.length;
    const variance = pixels.reduce((a, b) => a + (b - mean) ** 2, 0) / pixels.length;
    expect(Math.abs(mean)).toBeLessThan(0.05);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  });

  it('shares the area among up to as many rectangles as asked', () => {
    const area = (seed: number): number =>
      erased({ mode: 'constant', count: 4, area: [0.2, 0.2] }, seed).filter((v) => v === 0).length / (3 * size * size);
    const areas = Array.from({ length: 60 }, (_, seed) => area(seed));
    expect(Math.max(...areas)).toBeLessThan(0.24);
    expect(Math.min(...areas)).toBeGreaterThan(0.04); // they may overlap
    expect(new Set(areas).size).toBeGreaterThan(10);
  });
});

describe('augmented training transform', () => {
  const whole = { scale: [1, 1], ratio: [1, 1], flip: 0 };

  it('mirrors top to bottom when asked', () => {
    const image = noise(8, 4);
    const plain = prepared(image, whole, 1);
    const turned = prepared(image, { ...whole, augment: { flipVertical: 1 } }, 1);
    for (let row = 0; row < 24; row++) {
      const other = Math.floor(row / 8) * 8 + 7 - (row % 8);
      expect(turned.subarray(row * 8, row * 8 + 8)).toEqual(plain.subarray(other * 8, other * 8 + 8));
    }
  });

  it('leaves crop and mirror as they are when other things are switched on', () => {
    const image = noise(20, 5);
    const off = prepared(image, {}, 6);
    const faint = prepared(image, { augment: { jitter: { brightness: 1e-9 }, erase: { probability: 1e-9 } } }, 6);
    expect(faint.every((v, i) => Math.abs(v - off[i]!) < 0.005)).toBe(true);
    const grey = prepared(image, { augment: { greyscale: 1 } }, 6);
    expect(grey.subarray(0, 64)).toEqual(grey.subarray(64, 128));
    const blurred = prepared(image, { augment: { blur: { probability: 1, sigma: [5, 5] } } }, 6);
    const spread = (v: Float32Array): number => Math.max(...v) - Math.min(...v);
    expect(spread(blurred)).toBeLessThan(spread(off) / 2);
  });

  it('is off where nothing is said, and refuses what it does not know', () => {
    expect(readTransform({ kind: 'training' })).toMatchObject({ augment: readAugment({}) });
    expect(readAugment()).toMatchObject({ flipVertical: 0, randAugment: null, greyscale: 0 });
    expect(() => readAugment({ jiter: {} })).toThrow(/unknown option "jiter".*"jitter"/);
    expect(() => readAugment({ erase: { area: [0.5, 0.1] } })).toThrow(/augment\.erase\.area.*lesser number first/);
    expect(() => readAugment({ blur: { kernel: 4 } })).toThrow(/odd/);
    expect(() => readAugment({ jitter: { hue: 0.6 } })).toThrow(/augment\.jitter\.hue: expected a number/);
  });
});

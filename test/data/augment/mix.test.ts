import { describe, expect, it } from 'vitest';
import { random } from '../../../src/core/random.ts';
import { beta, drawMixing, type Mixing, mixImages, mixTargets, readMix } from '../../../src/data/augment/mix.ts';

const keys = (number: number) => ({ seed: 1, epoch: 0, number });
const draws = (options: object, size = 32): (Mixing | null)[] =>
  Array.from({ length: 400 }, (_, n) => drawMixing(readMix(options), size, keys(n)));

describe('Beta(α, α)', () => {
  it.each([0.05, 0.2, 1, 4])('has its mean and variance for α = %f', (alpha) => {
    const random1 = random(7, alpha);
    const values = Array.from({ length: 4000 }, () => beta(alpha, random1));
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.03);
    expect(variance * 4 * (2 * alpha + 1)).toBeCloseTo(1, 1); // 1 / (4 (2α + 1))
    expect(values.every((v) => v >= 0 && v <= 1)).toBe(true);
  });

  it('does not break where α is so small that every variate underflows', () => {
    const random1 = random(8);
    const values = Array.from({ length: 100 }, () => beta(1e-4, random1));
    expect(values.every((v) => v < 1e-6 || v > 1 - 1e-6)).toBe(true);
    expect(values.filter((v) => v > 0.5).length).toBeGreaterThan(25);
  });
});

describe('mixing', () => {
  it('mixes images and targets of a batch with those of the reversed batch', () => {
    const images = Float32Array.of(...[0, 1, 2], ...[10, 20, 30], ...[4, 5, 6]); // [3, 3, 1, 1]
    mixImages(images, 3, { share: 0.75, box: null });
    expect([...images]).toEqual([1, 2, 3, 10, 20, 30, 3, 4, 5]);
    const targets = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
    mixTargets(targets, 3, { share: 0.75, box: null });
    expect([...targets]).toEqual([0.75, 0, 0.25, 0, 1, 0, 0.25, 0, 0.75]);
  });

  it('cuts the box out of the partner, channel by channel, and counts its pixels', () => {
    const picture = (v: number): number[] => Array.from({ length: 3 * 16 }, () => v);
    const images = Float32Array.from([...picture(1), ...picture(2)]); // [2, 3, 4, 4]
    mixImages(images, 2, { share: 0.75, box: { left: 1, top: 0, right: 3, bottom: 2 } });
    const plane = [1, 2, 2, 1, 1, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1];
    expect([...images.subarray(0, 48)]).toEqual([...plane, ...plane, ...plane]);
    expect([...images.subarray(48)]).toEqual([...plane, ...plane, ...plane].map((v) => 3 - v));
  });

  it('draws shares of mixup, and boxes of cutmix whose share is what is left of the area', () => {
    expect(draws({ mixup: 0.2 }).every((m) => m !== null && m.box === null)).toBe(true);
    const cut = draws({ cutmix: 1 });
    expect(cut.every((m) => m !== null && m.box !== null)).toBe(true);
    for (const m of cut) {
      const { left, top, right, bottom } = m!.box!;
      expect(m!.share).toBe(1 - ((right - left) * (bottom - top)) / 32 ** 2);
      expect(Math.min(left, top, 32 - right, 32 - bottom)).toBeGreaterThanOrEqual(0);
    }
    const mean = cut.reduce((sum, m) => sum + m!.share, 0) / cut.length;
    expect(mean).toBeGreaterThan(0.5); // what reaches over the edge is not counted
  });

  it('mixes as many batches as asked, cutting in the asked part of them', () => {
    const some = draws({ mixup: 1, cutmix: 1, probability: 0.5, switchProbability: 0.25 });
    const mixed = some.filter((m) => m !== null);
    expect(Math.abs(mixed.length / 400 - 0.5)).toBeLessThan(0.08);
    expect(Math.abs(mixed.filter((m) => m.box !== null).length / mixed.length - 0.25)).toBeLessThan(0.08);
    expect(draws({}).every((m) => m === null)).toBe(true);
    expect(draws({ mixup: 1 })).toEqual(draws({ mixup: 1 }));
  });
});

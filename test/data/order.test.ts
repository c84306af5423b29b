import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochOrder } from '../../src/data/order.ts';

const labelLists = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 60 });

describe('epoch order', () => {
  it('shuffled gives every picture once', () => {
    fc.assert(
      fc.property(labelLists, fc.integer(), fc.nat(), (labels, seed, epoch) => {
        const order = epochOrder(labels, { sampling: 'shuffled', seed, epoch });
        expect([...order].sort((a, b) => a - b)).toEqual([...labels.keys()]);
      }),
      { seed: 4, numRuns: 100 },
    );
  });

  it('balanced gives every class equally often, up to one', () => {
    fc.assert(
      fc.property(labelLists, fc.integer(), fc.nat(), (labels, seed, epoch) => {
        const order = epochOrder(labels, { sampling: 'balanced', seed, epoch });
        expect(order.length).toBe(labels.length);
        const counts = [...new Set(labels)].map((c) => order.filter((i) => labels[i] === c).length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
      { seed: 5, numRuns: 100 },
    );
  });

  it('balanced gives a small class each of its pictures before any again', () => {
    const labels = [0, 0, 1, 1, 1, 1, 1, 1];
    const order = epochOrder(labels, { sampling: 'balanced', seed: 1, epoch: 0 });
    const small = [...order].filter((i) => i < 2);
    expect(small.length).toBe(4);
    expect(new Set(small.slice(0, 2))).toEqual(new Set([0, 1]));
    expect(new Set(small.slice(2))).toEqual(new Set([0, 1]));
  });

  it('is a function of seed and epoch, another for each', () => {
    const labels = Array.from({ length: 50 }, (_, i) => i % 3);
    for (const sampling of ['shuffled', 'balanced'] as const) {
      const order = (seed: number, epoch: number): number[] => [...epochOrder(labels, { sampling, seed, epoch })];
      expect(order(1, 2)).toEqual(order(1, 2));
      expect(order(1, 2)).not.toEqual(order(1, 3));
      expect(order(1, 2)).not.toEqual(order(2, 2));
    }
  });

  it('weighted draws classes by a power of their size, or pictures by their weights', () => {
    const labels = Array.from({ length: 5000 }, (_, i) => (i < 4500 ? 0 : 1)); // 9 to 1
    const rare = (options: object): number => {
      const order = epochOrder(labels, { sampling: 'weighted', seed: 1, epoch: 0, ...options });
      expect(order.length).toBe(5000);
      return order.filter((i) => i >= 4500).length / 5000;
    };
    expect(rare({ samplingPower: 1 })).toBeCloseTo(0.1, 1);
    expect(rare({})).toBeCloseTo(0.25, 1); // 1 / (1 + sqrt 9)
    expect(rare({ samplingPower: 0 })).toBeCloseTo(0.5, 1);
    const only = { sampling: 'weighted', seed: 1, epoch: 0, weights: [0, 3, 0, 1] } as const;
    const drawn = [0, 1, 2, 3].flatMap((epoch) => [...epochOrder([0, 0, 0, 0], { ...only, epoch })]);
    expect(new Set(drawn)).toEqual(new Set([1, 3]));
    for (const weights of [
      [0, 0],
      [1, -1],
      [1, Number.NaN],
    ]) {
      const bad = (): unknown => epochOrder([0, 0], { ...only, weights });
      expect(bad).toThrow(expect.objectContaining({ code: 'config' }));
    }
  });

  it('repeats each picture that comes, in an epoch of the same length', () => {
    const labels = Array.from({ length: 10 }, () => 0);
    const options = { sampling: 'shuffled', seed: 3, epoch: 1 } as const;
    const once = [...epochOrder(labels, options)];
    const order = [...epochOrder(labels, { ...options, repeats: 3 })];
    expect(order).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2, 3].map((i) => once[i]));
  });

  it('in order is as listed', () => {
    expect([...epochOrder([3, 1, 2], { sampling: 'in-order', seed: 9, epoch: 9 })]).toEqual([0, 1, 2]);
  });
});

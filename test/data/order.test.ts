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

  it('in order is as listed', () => {
    expect([...epochOrder([3, 1, 2], { sampling: 'in-order', seed: 9, epoch: 9 })]).toEqual([0, 1, 2]);
  });
});

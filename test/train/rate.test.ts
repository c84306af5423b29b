import { describe, expect, test } from 'vitest';
import { type RunSchedule, runLearningRate } from '../../src/train/rate.ts';

const rates = (schedule: RunSchedule, steps: readonly number[]): number[] =>
  steps.map((step) => Number(runLearningRate(schedule, 0.8, { step, stepsPerEpoch: 4, epochs: 3 }).toFixed(6)));

describe('the learning rate', () => {
  test('rises in equal parts over the warm-up and its first step is not zero', () => {
    expect(rates({ kind: 'constant', warmup: 1 }, [0, 1, 2, 3, 4, 11])).toEqual([0.2, 0.4, 0.6, 0.8, 0.8, 0.8]);
  });
  test('follows half a cosine from the end of the warm-up to the minimum', () => {
    const half = (t: number): number => Number((0.1 + 0.35 * (1 + Math.cos((Math.PI * t) / 8))).toFixed(6));
    expect(rates({ kind: 'cosine', warmup: 1, minimum: 0.1 }, [3, 4, 8, 11])).toEqual([0.8, 0.8, half(4), half(7)]);
  });
  test('falls at each milestone, counted in epochs', () => {
    const schedule = { kind: 'multistep', warmup: 0, milestones: [1, 2.5], gamma: 0.1 } as const;
    expect(rates(schedule, [0, 3, 4, 9, 10])).toEqual([0.8, 0.8, 0.08, 0.08, 0.008]);
  });
});

import { describe, expect, test } from 'vitest';
import { NO_PLATEAU, NO_STOP, plateauAfter, shouldStop, stopAfter } from '../../src/train/plateau.ts';
import { type RunSchedule, runLearningRate } from '../../src/train/rate.ts';
import { learningRateAt, type Schedule } from '../../src/train/schedule.ts';

const rates = (schedule: RunSchedule, steps: readonly number[], reductions = 0): number[] =>
  steps.map((step) =>
    Number(runLearningRate(schedule, 0.8, { step, stepsPerEpoch: 4, epochs: 3, reductions }).toFixed(6)),
  );

describe('the learning rate', () => {
  test('rises in equal parts over the warm-up and its first step is not zero', () => {
    expect(rates({ kind: 'constant', warmup: 1 }, [0, 1, 2, 3, 4, 11])).toEqual([0.2, 0.4, 0.6, 0.8, 0.8, 0.8]);
  });
  test('rises from a rate that is given, as timm’s', () => {
    const schedule = { kind: 'constant', warmup: 1, warmupRate: 0.4 } as const;
    expect(rates(schedule, [0, 1, 2, 3, 4])).toEqual([0.4, 0.5, 0.6, 0.7, 0.8]);
  });
  test('follows half a cosine from the end of the warm-up to the minimum', () => {
    const half = (t: number): number => Number((0.1 + 0.35 * (1 + Math.cos((Math.PI * t) / 8))).toFixed(6));
    expect(rates({ kind: 'cosine', warmup: 1, minimum: 0.1 }, [3, 4, 8, 11])).toEqual([0.8, 0.8, half(4), half(7)]);
  });
  test('without prefix follows the cosine of the whole run behind the warm-up', () => {
    const half = (t: number): number => Number((0.4 * (1 + Math.cos((Math.PI * t) / 12))).toFixed(6));
    const schedule = { kind: 'cosine', warmup: 1, minimum: 0, warmupPrefix: false } as const;
    expect(rates(schedule, [4, 8])).toEqual([half(4), half(8)]);
  });
  test('stays for an epoch where it changes with epochs only', () => {
    const schedule = { kind: 'cosine', warmup: 0, minimum: 0, every: 'epoch' } as const;
    expect(rates(schedule, [0, 3, 4, 7, 8, 11])).toEqual([0.8, 0.8, 0.6, 0.6, 0.2, 0.2]);
  });
  test('is the minimum in the cooldown', () => {
    const schedule = { kind: 'poly', warmup: 0, minimum: 0.05, cooldown: 1, power: 1 } as const;
    expect(rates(schedule, [0, 4, 8, 11])).toEqual([0.8, 0.425, 0.05, 0.05]);
  });
  test('begins again in each of the cycles that fill the run', () => {
    const schedule = { kind: 'cosine', warmup: 0, minimum: 0, cycles: 2, cycleScale: 2, cycleDecay: 0.5 } as const;
    expect(rates(schedule, [0, 2, 4, 8])).toEqual([0.8, 0.4, 0.4, 0.2]);
  });
  test('falls at each milestone, counted in epochs', () => {
    const schedule = { kind: 'multistep', warmup: 0, milestones: [1, 2.5], gamma: 0.1 } as const;
    expect(rates(schedule, [0, 3, 4, 9, 10])).toEqual([0.8, 0.8, 0.08, 0.08, 0.008]);
  });
  test('falls every so many epochs', () => {
    const schedule = { kind: 'step', warmup: 0, period: 1.5, gamma: 0.5 } as const;
    expect(rates(schedule, [0, 5, 6, 11])).toEqual([0.8, 0.8, 0.4, 0.4]);
  });
  test('falls with each reduction of a plateau, but not below the minimum', () => {
    const plateau = { patience: 1, gamma: 0.1, threshold: 0, cooldown: 0, minimum: 0.01 };
    const schedule = { kind: 'plateau', warmup: 0, ...plateau } as const;
    expect([0, 1, 2].map((n) => rates(schedule, [5], n)[0])).toEqual([0.8, 0.08, 0.01]);
  });
});

describe('schedules of cycles', () => {
  const at = (schedule: Schedule, t: number): number => learningRateAt(schedule, 1, t);
  test.each<[Schedule, number, number]>([
    // Worked out by hand from timm's formulas: lr_min + (lr γ^i − lr_min) f(t_i / T_i).
    [{ kind: 'tanh', period: 10 }, 5, 0.5 * (1 - Math.tanh(-2))],
    [{ kind: 'poly', period: 4, minimum: 0.2 }, 3, 0.2 + 0.8 * 0.5],
    [{ kind: 'poly', period: 4, power: 1, kDecay: 2 }, 2, 0.75],
    [{ kind: 'cosine', period: 4, cycles: 3, cycleDecay: 0.5 }, 9, 0.125 * (1 + Math.SQRT1_2)],
    [{ kind: 'cosine', period: 4, cycles: 2 }, 8, 0],
    [{ kind: 'cosine', period: 2, cycles: 9, cycleScale: 2, minimum: 0.1 }, 6, 1],
    [{ kind: 'cosine', period: 2, cycles: 9, cycleScale: 2 }, 10, 0.5],
    [{ kind: 'cosine', period: 8, cycles: 9, cycleScale: 0.5 }, 12, 1],
  ])('%j at %d', (schedule, t, expected) => {
    expect(at(schedule, t)).toBeCloseTo(expected, 12);
  });
});

describe('a plateau', () => {
  test('is seen where torch sees it', () => {
    // ReduceLROnPlateau of torch 1.13.1: mode max, factor 0.5, patience 1, threshold 0.01 (relative), cooldown 2.
    const values = [0.5, 0.502, 0.503, 0.504, 0.504, 0.504, 0.504, 0.6, 0.6, 0.6, 0.1, 0.1, 0.1, 0.1];
    const expected = [1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125, 0.125];
    const options = { patience: 1, gamma: 0.5, threshold: 0.01, cooldown: 2, minimum: 0, direction: 'up' } as const;
    let state = NO_PLATEAU;
    const got = values.map((value) => {
      state = plateauAfter(state, value, options);
      return 0.5 ** state.reductions;
    });
    expect(got).toEqual(expected);
  });
});

describe('early stopping', () => {
  test('waits for more than the patience, and starts again with each improvement', () => {
    const config = { patience: 1, minDelta: 0.05 };
    let state = NO_STOP;
    const stops = [0.5, 0.54, 0.56, 0.6, 0.58].map((value) => {
      state = stopAfter(state, value, config, 'up');
      return shouldStop(state, config);
    });
    expect(stops).toEqual([false, false, false, false, true]);
    expect(state.best).toBe(0.56);
  });
  test('takes a smaller loss as the better', () => {
    const config = { patience: 0, minDelta: 0 };
    expect(stopAfter({ best: 1, bad: 0 }, 0.9, config, 'down')).toEqual({ best: 0.9, bad: 0 });
    expect(shouldStop(stopAfter({ best: 1, bad: 0 }, 1.1, config, 'down'), config)).toBe(true);
  });
});

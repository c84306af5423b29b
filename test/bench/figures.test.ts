import { describe, expect, it } from 'vitest';
import { agree, relativeError } from '../../bench/agree.ts';
import { growthFigures, memoryFigures, shareFigures, speedFigures, timeFigures } from '../../bench/figures.ts';
import { flopPerCycle, type Machine, physicalCores, theoreticalPeak } from '../../bench/machine.ts';
import type { SideResult } from '../../bench/measure.ts';
import { machineTicks, processTicks } from '../../bench/others.ts';
import { median, quantile, quartiles } from '../../bench/statistics.ts';

const side = (times: readonly number[], idle = 100, peak = 200): SideResult => ({
  label: 'side',
  times,
  memory: { idle, peak },
  versions: {},
});
const MACHINE: Machine = { cpu: 'x', cores: 2, mhz: 2500, flopPerCycle: 64, memoryGb: 8, system: 's' };

describe('statistics', () => {
  it('interpolate between neighbours', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(quartiles([1, 2, 3, 4, 5])).toEqual([2, 4]);
    expect(quantile([7], 0.9)).toBe(7);
  });
});

describe('figures of a row', () => {
  it('compare medians; the spread is that of each round', () => {
    const figures = timeFigures(side([10, 20, 30]), side([20, 20, 20]));
    expect(figures).toMatchObject({ ours: 20, theirs: 20, ratio: 1, spread: [0.75, 1.25], unit: 'ms' });
  });

  it('compare peaks of memory', () => {
    expect(memoryFigures(side([], 0, 300), side([], 0, 400)).ratio).toBe(0.75);
  });

  it('take the idle process away where growth is meant', () => {
    expect(growthFigures(side([], 100, 500), side([], 100, 200))).toMatchObject({ ours: 400, theirs: 100, ratio: 4 });
  });

  it('give the share of the time that the part does not explain', () => {
    expect(shareFigures(side([100, 100]), side([95, 95])).ratio).toBeCloseTo(0.05, 12);
  });

  it('count two flop to a multiply-add', () => {
    const speeds = {
      ours: side([100]),
      work: { ours: 8, theirs: 0 },
      machine: MACHINE,
    };
    expect(speedFigures(speeds)).toMatchObject({ ours: 160, theirs: 320, ratio: 0.5 });
  });

  it('refuse memory that could not be read', () => {
    expect(() => memoryFigures({ ...side([]), memory: undefined }, side([]))).toThrow('/proc');
  });
});

describe('agreement of outputs', () => {
  const part = (name: string, values: number[]) => ({ name, values: Float32Array.from(values) });

  it('is relative to the largest value of the peer', () => {
    expect(relativeError(Float32Array.of(1, 9), Float32Array.of(1, 10))).toBeCloseTo(0.1, 6);
  });

  it('refuses what is not finite, a missing part and another size', () => {
    expect(agree([part('y', [Number.NaN])], [part('y', [1])], 1).why).toContain('got Infinity');
    expect(agree([], [part('y', [1])], 1).why).toBe('y: expected 1 values of ours, got nothing.');
    expect(agree([part('y', [1, 2])], [part('y', [1])], 1).why).toBe('y: expected 1 values of ours, got 2 values.');
    expect(agree([part('y', [1])], [], 1).why).toBe('the peer gave no output.');
  });
});

describe('the machine', () => {
  it('has 64 flop a cycle with AVX-512, 32 with AVX2', () => {
    expect(flopPerCycle('flags\t\t: fpu fma avx2 avx512f')).toBe(64);
    expect(flopPerCycle('flags\t\t: fpu fma avx2')).toBe(32);
    expect(flopPerCycle('flags\t\t: fpu')).toBe(null);
  });

  it('counts two threads of one core once', () => {
    const cpu = (core: number): string => `physical id\t: 0\ncore id\t\t: ${core}`;
    expect(physicalCores(`${cpu(0)}\n\n${cpu(0)}`)).toBe(1);
    expect(physicalCores('model name\t: x')).toBeUndefined();
  });

  it('has a peak of cores x clock x flop', () => {
    expect(theoreticalPeak(MACHINE)).toBe(320);
  });

  it('counts ticks as proc(5) lays them out', () => {
    expect(machineTicks('cpu  10 1 4 100 5 1 1 2 0 0\ncpu0 1')).toEqual([124, 19]);
    expect(processTicks('42 (a (b) c) S 1 42 42 0 -1 4194304 9 0 0 0 700 30 0 0 20 0')).toBe(730);
  });
});

import { describe, expect, test } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatNumber,
  formatPercent,
  formatShort,
} from '../../src/result/format.ts';
import { type ProgressState, progressBar, progressLine, secondsLeft } from '../../src/result/progress.ts';

const STATE: ProgressState = {
  epoch: 3,
  epochs: 20,
  step: 57,
  steps: 190,
  imagesPerSecond: 412.3,
  loss: 1.20412,
  learningRate: 0.05,
  secondsLeft: 245,
};

describe('progress line', () => {
  test('in a wide terminal says everything', () => {
    expect(progressLine(STATE, { width: 120 })).toBe(
      'epoch  3/20  ━━━━━━━·················   57/190  412 images/s  loss 1.204  lr 0.0500  4 min 05 s left',
    );
  });
  test('in ascii has no other letters', () => {
    const line = progressLine(STATE, { width: 120, letters: 'ascii' });
    expect(line).toContain('#######.................');
    expect(line).toMatch(/^[\x20-\x7e]+$/);
  });
  test('never takes more columns than there are, whatever the state', () => {
    const states = [
      STATE,
      { ...STATE, loss: Number.NaN, secondsLeft: Number.POSITIVE_INFINITY },
      { ...STATE, epochs: 1e6, steps: 1e7, loss: 1.5e12, imagesPerSecond: 123456.7, secondsLeft: 9e6 },
      { ...STATE, step: 0, steps: 0 },
    ];
    for (const state of states) {
      for (let width = 1; width <= 140; width++) {
        expect(Array.from(progressLine(state, { width })).length).toBeLessThanOrEqual(width);
      }
    }
  });
  test('keeps epoch and loss longest', () => {
    expect(progressLine(STATE, { width: 26 })).toBe('epoch  3/20  loss 1.204');
    expect(progressLine(STATE, { width: 11 })).toBe('epoch  3/20');
  });
  test('says nothing of the time left before it is known', () => {
    expect(progressLine({ ...STATE, secondsLeft: secondsLeft(0, 10, 3) }, { width: 120 })).not.toContain('left');
  });
  test('keeps its length from step to step', () => {
    const lengths = [1, 57, 190].map((step) => progressLine({ ...STATE, step }, { width: 100 }).length);
    expect(new Set(lengths).size).toBe(1);
  });
});

test('a bar is filled in proportion', () => {
  expect(progressBar(0.5, 8, 'ascii')).toBe('####....');
  expect(progressBar(1, 4)).toBe('━━━━');
  expect(progressBar(0, 4)).toBe('····');
});

test('time left goes by the mean pace', () => {
  expect(secondsLeft(25, 100, 10)).toBe(30);
});

test.each([
  [0.0351, '35 ms'],
  [0.9996, '1.0 s'],
  [4.249, '4.2 s'],
  [9.96, '10 s'],
  [59.6, '1 min 00 s'],
  [245, '4 min 05 s'],
  [3599.7, '1 h 00 min'],
  [7500, '2 h 05 min'],
  [86399, '1 d 0 h'],
  [273600, '3 d 4 h'],
  [Number.POSITIVE_INFINITY, '-'],
])('%d seconds is %s', (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test.each([
  [formatCount(1234567), '1,234,567'],
  [formatCount(999), '999'],
  [formatShort(25557032), '25.6 M'],
  [formatShort(950), '950'],
  [formatBytes(512), '512 B'],
  [formatBytes(39337984), '39.3 MB'],
  [formatBytes(999_999), '1.00 MB'],
  [formatBytes(1.2e9), '1.20 GB'],
  [formatPercent(0.4729), '47.3 %'],
  [formatNumber(1.20412), '1.204'],
  [formatNumber(412.3, 3), '412'],
  [formatNumber(0.00005, 3), '5.0e-5'],
  [formatNumber(-0.25, 2), '-0.25'],
  [formatNumber(0), '0'],
  [formatNumber(Number.NaN), 'NaN'],
])('writes %s', (written, text) => {
  expect(written).toBe(text);
});

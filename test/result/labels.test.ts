import { describe, expect, it } from 'vitest';
import { random } from '../../src/core/random.ts';
import { averagePrecision } from '../../src/result/average-precision.ts';
import { type LabelResult, labelMeter } from '../../src/result/labels.ts';

/** Average precision straight from its definition: one pass over all samples for every distinct score. */
function slowAveragePrecision(scores: readonly number[], targets: readonly number[]): number {
  const thresholds = [...new Set(scores)].sort((a, b) => b - a);
  const total = targets.filter((t) => t === 1).length;
  let before = 0;
  let sum = 0;
  for (const limit of thresholds) {
    const taken = targets.filter((_, i) => scores[i]! >= limit);
    const hits = taken.filter((t) => t === 1).length;
    sum += (hits / total - before) * (hits / taken.length);
    before = hits / total;
  }
  return sum;
}

describe('average precision', () => {
  it('is 0.8333 in the example of the documentation of scikit-learn', () => {
    expect(averagePrecision([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])).toBeCloseTo(0.8333333333333333, 15);
  });
  it('takes samples of equal score together, whatever their order', () => {
    expect(averagePrecision([0.5, 0.5, 0.5, 0.5], [1, 0, 0, 0])).toBe(0.25);
    expect(averagePrecision([0.5, 0.5, 0.5, 0.5], [0, 0, 0, 1])).toBe(0.25);
    // one at the top, then a tie of two of which one is meant: ½ · 1 + ½ · ⅔
    expect(averagePrecision([2, 1, 1], [1, 0, 1])).toBeCloseTo(1 / 2 + 1 / 3, 15);
  });
  it('equals the definition on random scores with many ties', () => {
    const draws = random(3, 'average precision');
    for (const levels of [3, 10, 1000]) {
      const scores = Array.from({ length: 60 }, () => draws.integer(levels) / levels);
      const targets = Array.from({ length: 60 }, () => Number(draws.uniform() < 0.3));
      expect(averagePrecision(scores, targets)).toBeCloseTo(slowAveragePrecision(scores, targets), 12);
    }
  });
  it('does not exist where nothing is meant', () => {
    expect(averagePrecision([0.1, 0.2], [0, 0])).toBeNull();
  });
});

// Four samples, three classes; the third is never meant. Probabilities, so that the numbers can be read.
const P = [0.9, 0.6, 0.1, 0.4, 0.8, 0.7, 0.7, 0.3, 0.2, 0.2, 0.1, 0.4];
const T = [1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 0];
const LOGITS = Float32Array.from(P, (p) => Math.log(p / (1 - p)));

function resultOf(add: (meter: ReturnType<typeof labelMeter>) => void, keep = 24): LabelResult {
  const meter = labelMeter({ classes: 3, keep });
  add(meter);
  return meter.result();
}
const whole = resultOf((m) => m.add(LOGITS, T));

describe('label meter', () => {
  it('scores each class', () => {
    // class 0: scores .9 .4 .7 .2, meant 1 1 0 0: ½ · 1 + ½ · ⅔. Class 1: .6 .8 .3 .1, meant 0 1 1 0: ½ · 1 + ½ · ⅔.
    const third = { support: 0, predicted: 1, correct: 0, precision: 0, recall: null, f1: 0, averagePrecision: null };
    const half = { support: 2, predicted: 2, correct: 1, precision: 0.5, recall: 0.5, f1: 0.5 };
    const ap = expect.closeTo(5 / 6, 12);
    expect(whole.perClass).toEqual([{ ...half, averagePrecision: ap }, { ...half, averagePrecision: ap }, third]);
  });
  it('averages average precision over the classes that are meant', () => {
    expect(whole.meanAveragePrecision).toBeCloseTo(5 / 6, 12);
  });
  it('counts all labels together for the micro rates and averages the classes that have one for the macro rates', () => {
    // 2 right of 5 predicted and 4 meant
    expect(whole.micro).toEqual({ support: 4, predicted: 5, correct: 2, precision: 0.4, recall: 0.5, f1: 4 / 9 });
    expect(whole.macro).toEqual({ precision: 1 / 3, recall: 0.5, f1: expect.closeTo(1 / 3, 12) });
  });
  it('gives the mean binary cross entropy, and the share of samples without a mistake', () => {
    const loss = P.reduce((sum, p, i) => sum - Math.log(T[i] === 1 ? p : 1 - p), 0) / 12;
    expect(whole.loss).toBeCloseTo(loss, 6);
    expect(whole.exact).toBe(0.25); // only the last sample
  });
  it('names what was missed and what was wrong, worst first', () => {
    expect(whole.mistakes.map(({ index, missed, wrong }) => ({ index, missed, wrong }))).toEqual([
      { index: 2, missed: [1], wrong: [0] },
      { index: 1, missed: [0], wrong: [2] },
      { index: 0, missed: [], wrong: [1] },
    ]);
    expect(resultOf((m) => m.add(LOGITS, T), 1).mistakes.map((m) => m.index)).toEqual([2]);
  });
  it('does not care how samples come in batches', () => {
    const parts = resultOf((m) => {
      m.add(LOGITS.subarray(0, 3), T.slice(0, 3));
      m.add(LOGITS.subarray(3), T.slice(3));
    });
    expect(parts).toEqual(whole);
  });
  it('takes probabilities where told to', () => {
    const meter = labelMeter({ classes: 3, scores: 'probabilities' });
    meter.add(Float32Array.from(P), T);
    const { loss, mistakes, ...rest } = meter.result();
    const { loss: _, mistakes: __, ...expected } = whole;
    expect(rest).toEqual(expected);
    expect(loss).toBeCloseTo(whole.loss, 6);
    expect(() => meter.add(Float32Array.of(2, 0, 0), [0, 0, 0])).toThrow('Are these logits?');
  });
  it('counts a score at the threshold as not predicted, and moves with the threshold', () => {
    const at = (threshold: number, logit: number): number => {
      const meter = labelMeter({ classes: 1, threshold });
      meter.add(Float32Array.of(logit), [1]);
      return meter.result().micro.predicted;
    };
    expect([at(0.5, 0), at(0.5, 1e-6), at(0.9, 2), at(0.9, 2.3)]).toEqual([0, 1, 0, 1]);
  });
  it('stays finite for logits of a thousand', () => {
    const meter = labelMeter({ classes: 2 });
    meter.add(Float32Array.of(1000, -1000), [0, 0]);
    expect(meter.result().loss).toBe(500);
  });
  it('refuses other targets, non-finite scores, ragged rows and an empty result', () => {
    const meter = labelMeter({ classes: 2 });
    expect(() => meter.add(Float32Array.of(0, 0), [0, 0.5])).toThrow('sample 0, class 1: expected a target of 0 or 1');
    expect(() => meter.add(Float32Array.of(0, Number.NaN), [0, 1])).toThrow('finite score');
    expect(() => meter.add(Float32Array.of(0, 0, 0), [0, 1, 0])).toThrow(expect.objectContaining({ code: 'shape' }));
    expect(() => meter.result()).toThrow('at least one sample');
    expect(() => labelMeter({ classes: 2, threshold: 1 })).toThrow('threshold');
  });
});

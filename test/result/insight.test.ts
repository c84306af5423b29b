import { describe, expect, test } from 'vitest';
import { random } from '../../src/core/random.ts';
import { averagePrecision } from '../../src/result/average-precision.ts';
import { calibrationMeter } from '../../src/result/calibration.ts';
import { curveMeter } from '../../src/result/curves.ts';
import { insightMeter } from '../../src/result/insight.ts';

describe('curves by threshold', () => {
  // Class 0: meant at 0.9, 0.6 and 0.2; not meant at 0.7 and 0.1.
  const meter = curveMeter(2);
  for (const [p, meant] of [
    [0.9, true],
    [0.7, false],
    [0.6, true],
    [0.2, true],
    [0.1, false],
  ] as const) {
    meter.add(0, p, meant);
  }
  const { classes, macro, best, meanArea } = meter.result();
  const at = (threshold: number) => classes[0]!.points.find((p) => p.threshold >= threshold - 1e-12)!;

  test('count what is at least as likely as the threshold', () => {
    expect([at(0).precision, at(0).recall]).toEqual([3 / 5, 1]);
    expect([at(0.5).precision, at(0.5).recall]).toEqual([2 / 3, 2 / 3]);
    expect([at(0.8).precision, at(0.8).recall]).toEqual([1, 1 / 3]);
    expect([at(0.95).precision, at(0.95).recall, at(0.95).f1]).toEqual([1, 0, 0]);
  });
  test('have a mean precision at each recall: that of the threshold which first gets so far', () => {
    const { macroByRecall } = meter.result();
    const precisionAt = (recall: number) => macroByRecall.find((p) => p.recall >= recall - 1e-9)!.precision;
    expect([0.01, 0.33, 0.34, 0.66, 0.67, 1].map(precisionAt)).toEqual([1, 1, 2 / 3, 2 / 3, 3 / 4, 3 / 4]);
  });
  test('have recall that falls and thresholds that rise', () => {
    const { points } = classes[0]!;
    for (const [i, p] of points.entries()) {
      if (i === 0) continue;
      expect(p.threshold).toBeGreaterThan(points[i - 1]!.threshold);
      expect(p.recall).toBeLessThanOrEqual(points[i - 1]!.recall);
    }
  });
  test('name the threshold of the largest F1: 3 of 4 right and none missed', () => {
    const { f1, threshold } = classes[0]!.best!;
    expect(f1).toBeCloseTo((2 * 0.75) / 1.75, 12);
    expect(threshold).toBeGreaterThan(0.1);
    expect(threshold).toBeLessThanOrEqual(0.2);
  });
  test('leave classes without samples out of the means', () => {
    expect([classes[1]!.points, classes[1]!.best, classes[1]!.area]).toEqual([[], null, null]);
    expect(macro).toEqual(classes[0]!.points);
    expect([best, meanArea]).toEqual([classes[0]!.best, classes[0]!.area]);
  });
  test('have the area of average precision, to the width of a bucket', () => {
    const draws = random(0, 'curves');
    const many = curveMeter(1);
    const scores: number[] = [];
    const targets: number[] = [];
    for (let i = 0; i < 2000; i++) {
      const target = Number(draws.uniform() < 0.3);
      const score = 1 / (1 + Math.exp(-(draws.normal() + 1.5 * target)));
      many.add(0, score, target === 1);
      scores.push(score);
      targets.push(target);
    }
    expect(many.result().classes[0]!.area).toBeCloseTo(averagePrecision(scores, targets)!, 1);
  });
  test('of many classes keep their numbers, and the points of the ten hardest', () => {
    const many = curveMeter(50);
    for (let k = 0; k < 50; k++) {
      many.add(k, 0.9, true);
      for (let wrong = 0; wrong < k; wrong++) many.add(k, 0.95, false);
    }
    const result = many.result();
    expect(result.classes.filter((c) => c.points.length > 0).map((c) => c.label)).toEqual(
      Array.from({ length: 10 }, (_, i) => 40 + i),
    );
    expect(result.classes[9]!.best!.f1).toBeCloseTo(2 / 11, 12);
    expect(result.macro[0]!.recall).toBe(1);
  });
  test('tell probabilities beside 0 and 1 apart', () => {
    const sure = curveMeter(1);
    sure.add(0, 0.9999, true);
    sure.add(0, 0.999, false);
    expect(sure.result().classes[0]!.best).toMatchObject({ precision: 1, recall: 1 });
    sure.add(0, 1, true);
    sure.add(0, 0, true);
    expect(sure.result().classes[0]!.support).toBe(3);
  });
});

describe('calibration', () => {
  test('is the mean distance of confidence and accuracy, weighed by counts', () => {
    const meter = calibrationMeter();
    for (let i = 0; i < 8; i++) meter.add(0.95, i < 6); // 75 % right at 95 %
    for (let i = 0; i < 2; i++) meter.add(0.5, i < 1); // half right at 50 %
    const { bins, error, count } = meter.result();
    expect(error).toBeCloseTo(0.8 * 0.2, 12);
    expect([count, bins.map((b) => b.count)]).toEqual([10, [2, 8]]);
    expect(bins[1]!.accuracy).toBe(0.75);
    expect(bins[1]!.confidence).toBeCloseTo(0.95, 12);
  });
  test('counts a probability of 1 in the last bin', () => {
    const meter = calibrationMeter();
    meter.add(1, true);
    expect(meter.result().bins).toMatchObject([{ high: 1, count: 1, accuracy: 1 }]);
  });
});

describe('insight of one label', () => {
  const logits = Float32Array.of(2, 0, 0, 3, 0, 1, 0, 0.5, 0);
  const meter = insightMeter({ classes: 3, keep: 2 });
  meter.add(logits.subarray(0, 3), { labels: [0] });
  meter.add(logits.subarray(3), { labels: [1, 1] });
  const { topLosses, calibration, curves } = meter.result();
  const p = (z: readonly number[], k: number): number => Math.exp(z[k]!) / z.reduce((sum, v) => sum + Math.exp(v), 0);

  test('keeps the largest losses, right or wrong, with what was meant and said', () => {
    expect(topLosses.map((t) => t.index)).toEqual([1, 2]);
    expect(topLosses[0]!.loss).toBeCloseTo(-Math.log(p([3, 0, 1], 1)), 6);
    expect(topLosses[0]!.said.map((a) => a.label)).toEqual([0]);
    expect(topLosses[0]!.meant[0]!.probability).toBeCloseTo(p([3, 0, 1], 1), 6);
    expect(topLosses[1]!.said[0]!.label).toBe(1);
  });
  test('judges the confidence of the likeliest class', () => {
    expect(calibration.count).toBe(3);
  });
  test('draws curves for the classes that have samples', () => {
    expect(curves.classes.map((c) => c.support)).toEqual([1, 2, 0]);
  });
});

describe('insight of several labels', () => {
  const meter = insightMeter({ classes: 3, multiLabel: true });
  meter.add(Float32Array.of(2, -1, 0.1, -3, -3, -3), { labels: [0, -1], targets: [1, 1, 0, 0, 0, 0] });
  const { topLosses, calibration } = meter.result();

  test('says the mean binary cross-entropy, what is meant and what is said', () => {
    const softplus = (x: number): number => Math.log1p(Math.exp(x));
    expect(topLosses[0]!.loss).toBeCloseTo((softplus(-2) + softplus(1) + softplus(0.1)) / 3, 6);
    expect(topLosses[0]!.meant.map((a) => a.label)).toEqual([0, 1]);
    expect(topLosses[0]!.said.map((a) => a.label)).toEqual([0, 2]);
    expect(topLosses[1]).toMatchObject({ index: 1, meant: [], said: [] });
  });
  test('judges every class of every sample', () => {
    expect(calibration.count).toBe(6);
  });
});

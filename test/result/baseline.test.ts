import { describe, expect, test } from 'vitest';
import { random } from '../../src/core/random.ts';
import { fitLogistic, logisticLogits } from '../../src/result/baseline.ts';
import { softmax } from '../../src/result/classify.ts';

const TIGHT = { tolerance: 1e-9, iterations: 500 };

describe('logistic regression by hand', () => {
  test('features that say nothing leave the class frequencies', () => {
    const model = fitLogistic(new Float32Array(4).fill(7), [0, 0, 0, 1], { classes: 2, ...TIGHT });
    const [p0, p1] = softmax(logisticLogits(model, Float32Array.from([7])), 2);
    expect(p0).toBeCloseTo(0.75, 6);
    expect(p1).toBeCloseTo(0.25, 6);
  });
  test('balanced weighing leaves equal probabilities instead', () => {
    const model = fitLogistic(new Float32Array(4).fill(7), [0, 0, 0, 1], { classes: 2, weigh: 'balanced', ...TIGHT });
    expect(softmax(logisticLogits(model, Float32Array.from([7])), 2)[0]).toBeCloseTo(0.5, 6);
  });
  test('x = ±1 with decay σ(-2) has weights ∓1 and ±1, where the gradient vanishes', () => {
    // by symmetry w = (-v, v), b = 0; d/dv: λ v = 1 - σ(2v), solved by v = 1 for λ = 1 - σ(2)
    const l2 = 1 - 1 / (1 + Math.exp(-2));
    const model = fitLogistic(Float32Array.from([-1, 1]), [0, 1], { classes: 2, l2, ...TIGHT });
    expect(model.weights[0]).toBeCloseTo(-1, 6);
    expect(model.weights[1]).toBeCloseTo(1, 6);
    expect(model.bias[0]).toBeCloseTo(0, 6);
    expect(model.objective).toBeCloseTo(Math.log(1 + Math.exp(-2)) + l2, 6);
  });
});

/** 60 samples of 3 classes in 5 dimensions, two of which tell the class. */
function clusters(shift: number, scale: number): { x: Float32Array; y: number[] } {
  const r = random(5, 'clusters');
  const y = Array.from({ length: 60 }, (_, i) => i % 3);
  const x = Float32Array.from(
    y.flatMap((c) => [0, 1, 2, 3, 4].map((d) => ((d === c ? 1.5 : 0) + r.normal()) * scale + shift)),
  );
  return { x, y };
}

test('predictions do not depend on the unit and origin of the features', () => {
  const raw = clusters(0, 1);
  const moved = clusters(100, 16);
  const a = softmax(logisticLogits(fitLogistic(raw.x, raw.y, { classes: 3, ...TIGHT }), raw.x), 3);
  const b = softmax(logisticLogits(fitLogistic(moved.x, moved.y, { classes: 3, ...TIGHT }), moved.x), 3);
  // the moved features carry float32 rounding of 100 / 2^24
  a.forEach((p, i) => {
    expect(b[i]).toBeCloseTo(p, 4);
  });
});

test('the fitted point is a minimum: no small step in any weight lowers the objective', () => {
  const { x, y } = clusters(0, 1);
  const l2 = 0.05;
  const model = fitLogistic(x, y, { classes: 3, l2, ...TIGHT });
  expect(model.converged).toBe(true);
  const mean = Array.from({ length: 5 }, (_, d) => x.filter((_v, i) => i % 5 === d).reduce((a, b) => a + b) / 60);
  const variance = x.reduce((sum, v, i) => sum + (v - mean[i % 5]!) ** 2, 0) / x.length;
  const objective = (weights: Float64Array): number => {
    const p = softmax(logisticLogits({ ...model, weights }, x), 3);
    const loss = y.reduce((sum, label, i) => sum - Math.log(p[i * 3 + label]!), 0) / 60;
    return loss + (l2 / 2) * variance * weights.reduce((a, w) => a + w * w, 0);
  };
  const best = objective(model.weights);
  expect(best).toBeCloseTo(model.objective, 5);
  for (let k = 0; k < 15; k++) {
    for (const step of [-0.05, 0.05]) {
      expect(objective(model.weights.map((w, i) => (i === k ? w + step : w)))).toBeGreaterThan(best);
    }
  }
});

test('the same data give the same model, bit by bit', () => {
  const { x, y } = clusters(0, 1);
  expect(fitLogistic(x, y, { classes: 3 })).toEqual(fitLogistic(x, y, { classes: 3 }));
});

test.each([
  ['no samples', new Float32Array(0), [], 'data'],
  ['rows of unequal length', new Float32Array(5), [0, 1], 'shape'],
  ['a label outside the classes', new Float32Array(2), [0, 3], 'data'],
  ['a feature that is not a number', Float32Array.from([1, Number.NaN]), [0, 1], 'data'],
])('%s are refused', (_, x, y, code) => {
  expect(() => fitLogistic(x, y, { classes: 2 })).toThrowError(expect.objectContaining({ code }));
});

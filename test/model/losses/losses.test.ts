import { describe, expect, it } from 'vitest';
import { float32, int64, type Tensor } from '../../../src/core/tensor.ts';
import { backward } from '../../../src/graph/backward.ts';
import { constant, input } from '../../../src/graph/trace.ts';
import type { Value } from '../../../src/graph/value.ts';
import { crossEntropy, oneHot } from '../../../src/model/losses/classification.ts';
import { sigmoidFocalLoss } from '../../../src/model/losses/focal.ts';
import { smoothL1 } from '../../../src/model/losses/smooth-l1.ts';
import { interpret } from '../../support/interpret.ts';

const LOGITS = [2, -1, 0.5, 0, 3, -2];
const logits = input('logits', 'float32', [2, 3]);
const labels = constant(int64([2], [2, 1]));

/** log softmax of a row, in plain loops. */
function logSoftmax(row: readonly number[]): number[] {
  const sum = row.reduce((a, v) => a + Math.exp(v), 0);
  return row.map((v) => v - Math.log(sum));
}
const LOG_P = [logSoftmax(LOGITS.slice(0, 3)), logSoftmax(LOGITS.slice(3))];

function numbersOf(
  loss: Value,
  x: readonly number[] = LOGITS,
  more: readonly (readonly [string, Tensor])[] = [],
): number[] {
  const name = loss.shape.length === 0 ? 'logits' : 'x';
  const feeds = new Map<string, Tensor>([[name, float32(name === 'x' ? [x.length] : [2, 3], x)], ...more]);
  return [...interpret(new Map([['loss', loss]]), feeds).get('loss')!.data];
}

describe('cross entropy', () => {
  it('is the mean of −log p of the labels', () => {
    const expected = -(LOG_P[0]![2]! + LOG_P[1]![1]!) / 2;
    expect(numbersOf(crossEntropy(logits, labels))[0]).toBeCloseTo(expected, 12);
  });
  it('takes distributions as it takes labels', () => {
    const targets = constant(float32([2, 3], [0.25, 0, 0.75, 0, 1, 0]));
    const expected = -(0.25 * LOG_P[0]![0]! + 0.75 * LOG_P[0]![2]! + LOG_P[1]![1]!) / 2;
    expect(numbersOf(crossEntropy(logits, targets))[0]).toBeCloseTo(expected, 12);
  });
  it('spreads ε of each target evenly over the classes', () => {
    const t = [0.1 / 3, 0.1 / 3, 0.9 + 0.1 / 3];
    const u = [0.1 / 3, 0.9 + 0.1 / 3, 0.1 / 3];
    const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((s, v, i) => s + v * b[i]!, 0);
    const expected = -(dot(t, LOG_P[0]!) + dot(u, LOG_P[1]!)) / 2;
    expect(numbersOf(crossEntropy(logits, labels, { labelSmoothing: 0.1 }))[0]).toBeCloseTo(expected, 7);
  });
  it('weighs classes, and divides by the weights of the labels', () => {
    const classWeights = constant(float32([3], [1, 2, 5]));
    const expected = -(5 * LOG_P[0]![2]! + 2 * LOG_P[1]![1]!) / 7;
    expect(numbersOf(crossEntropy(logits, labels, { classWeights }))[0]).toBeCloseTo(expected, 12);
    const targets = constant(float32([2, 3], [0, 0, 1, 0, 1, 0]));
    const soft = -(5 * LOG_P[0]![2]! + 2 * LOG_P[1]![1]!) / 2;
    expect(numbersOf(crossEntropy(logits, targets, { classWeights }))[0]).toBeCloseTo(soft, 12);
  });
  it('has the gradient (softmax − target) / N', () => {
    const g = backward(crossEntropy(logits, labels), [logits]).get(logits)!;
    const found = interpret(new Map([['g', g]]), new Map([['logits', float32([2, 3], LOGITS)]])).get('g')!;
    const expected = LOG_P.flatMap((row, n) => row.map((v, k) => (Math.exp(v) - Number(k === [2, 1][n])) / 2));
    found.data.forEach((v, i) => {
      expect(v).toBeCloseTo(expected[i]!, 12);
    });
  });
  it('stays finite where one logit is far above the others', () => {
    expect(numbersOf(crossEntropy(logits, labels), [500, 0, 0, 0, 500, 0])[0]).toBeCloseTo(250, 9);
  });
  it('gives a label outside the classes a row of zeros', () => {
    const rows = interpret(new Map([['t', oneHot(constant(int64([2], [1, 9])), 3)]]), new Map()).get('t')!;
    expect([...rows.data]).toEqual([0, 1, 0, 0, 0, 0]);
  });
  it('refuses targets of another shape and a smoothing outside [0, 1]', () => {
    expect(() => crossEntropy(logits, constant(float32([2, 2], [0, 1, 1, 0])))).toThrow('expected logits [N, K]');
    expect(() => crossEntropy(logits, labels, { labelSmoothing: 1.5 })).toThrow('[0, 1]');
  });
});

describe('smooth L1', () => {
  const x = input('x', 'float32', [4]);
  it('is a square below β and a line above', () => {
    const loss = smoothL1(x, constant(float32([4], [0, 0, 0, 1])), { beta: 0.5 });
    const found = numbersOf(loss, [0.25, -0.5, 2, -2]);
    [0.0625, 0.25, 1.75, 2.75].forEach((v, i) => {
      expect(found[i]).toBeCloseTo(v, 12);
    });
  });
  it('is the distance where β is zero', () => {
    expect(numbersOf(smoothL1(x, constant(float32([], [1])), { beta: 0 }), [0, 1, 3, -1])).toEqual([1, 0, 2, 2]);
  });
  it('refuses a negative β', () => {
    expect(() => smoothL1(x, x, { beta: -1 })).toThrow('beta');
  });
});

describe('sigmoid focal loss', () => {
  const x = input('x', 'float32', [3]);
  const t = constant(float32([3], [1, 0, 1]));
  const X = [0.3, -1.2, 2];
  const p = X.map((v) => 1 / (1 + Math.exp(-v)));
  it('is −α_t (1 − p_t)^γ log p_t', () => {
    const found = numbersOf(sigmoidFocalLoss(x, t, { alpha: 0.25, gamma: 2 }), X);
    const expected = [
      -0.25 * (1 - p[0]!) ** 2 * Math.log(p[0]!),
      -0.75 * p[1]! ** 2 * Math.log(1 - p[1]!),
      -0.25 * (1 - p[2]!) ** 2 * Math.log(p[2]!),
    ];
    found.forEach((v, i) => {
      expect(v).toBeCloseTo(expected[i]!, 7);
    });
  });
  it('is binary cross entropy where γ is zero and nothing is weighed', () => {
    const found = numbersOf(sigmoidFocalLoss(x, t, { gamma: 0 }), X);
    [-Math.log(p[0]!), -Math.log(1 - p[1]!), -Math.log(p[2]!)].forEach((v, i) => {
      expect(found[i]).toBeCloseTo(v, 7);
    });
  });
});

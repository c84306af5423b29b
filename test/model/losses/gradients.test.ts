import { describe, expect, it } from 'vitest';
import { float32, int64, type Tensor } from '../../../src/core/tensor.ts';
import { backward } from '../../../src/graph/backward.ts';
import { constant, input } from '../../../src/graph/trace.ts';
import type { Value } from '../../../src/graph/value.ts';
import { binaryCrossEntropy } from '../../../src/model/losses/binary.ts';
import { crossEntropy } from '../../../src/model/losses/classification.ts';
import { centralDifferences } from '../../support/check.ts';
import { interpret } from '../../support/interpret.ts';

const LOGITS = [2, -1, 0.5, 0, 3, -2];
const SOFT = [0.25, 0.125, 0.625, 0, 1, 0];
const MULTI = [1, 0, 1, 0, 0, 0.5];
const logits = input('logits', 'float32', [2, 3]);
const soft = constant(float32([2, 3], SOFT));
const multi = constant(float32([2, 3], MULTI));
const labels = constant(int64([2], [2, 1]));
const weights = constant(float32([3], [1, 2, 5]));
const positives = constant(float32([3], [4, 0.5, 1]));

const feed = (x: readonly number[]): Map<string, Tensor> => new Map([['logits', float32([2, 3], x)]]);
const lossOf = (loss: Value, x: readonly number[] = LOGITS): number =>
  interpret(new Map([['loss', loss]]), feed(x)).get('loss')!.data[0]!;
const gradientOf = (loss: Value, x: readonly number[] = LOGITS): Float64Array =>
  Float64Array.from(interpret(new Map([['g', backward(loss, [logits]).get(logits)!]]), feed(x)).get('g')!.data);

const sigma = (x: number): number => 1 / (1 + Math.exp(-x));
/** Binary cross entropy of one element, as its definition says. */
const bce = (x: number, t: number, p = 1): number => -p * t * Math.log(sigma(x)) - (1 - t) * Math.log(1 - sigma(x));
const sum = (values: readonly number[]): number => values.reduce((a, v) => a + v, 0);

describe('gradients of losses equal central differences:', () => {
  const cases: readonly (readonly [string, Value])[] = [
    [
      'cross entropy of labels, weighed and smoothed',
      crossEntropy(logits, labels, { classWeights: weights, labelSmoothing: 0.1 }),
    ],
    ['cross entropy of soft targets', crossEntropy(logits, soft)],
    [
      'cross entropy of soft targets, weighed and smoothed',
      crossEntropy(logits, soft, { classWeights: weights, labelSmoothing: 0.2 }),
    ],
    ['binary cross entropy', binaryCrossEntropy(logits, multi)],
    [
      'binary cross entropy with all options',
      binaryCrossEntropy(logits, multi, {
        classWeights: weights,
        positiveWeights: positives,
        labelSmoothing: 0.1,
        sumClasses: true,
      }),
    ],
    ['binary cross entropy of labels', binaryCrossEntropy(logits, labels, { labelSmoothing: 0.1 })],
  ];
  it.each(cases)('%s', (_, loss) => {
    const none = new Map<string, Value>();
    const d = { outputs: new Map([['loss', loss]]), feeds: feed(LOGITS), floats: [logits], bindings: new Map() };
    const expected = centralDifferences({ ...d, loss, gradients: none }, 'logits');
    gradientOf(loss).forEach((v, i) => {
      expect(v).toBeCloseTo(expected.data[i]!, 8);
    });
  });
});

describe('cross entropy of soft targets', () => {
  it('is linear in the targets: mixing pictures mixes losses', () => {
    const one = constant(float32([2, 3], [1, 0, 0, 1, 0, 0]));
    const other = constant(float32([2, 3], [0, 0, 1, 0, 1, 0]));
    const mixed = constant(float32([2, 3], [0.75, 0, 0.25, 0.75, 0.25, 0]));
    const expected = 0.75 * lossOf(crossEntropy(logits, one)) + 0.25 * lossOf(crossEntropy(logits, other));
    expect(lossOf(crossEntropy(logits, mixed))).toBeCloseTo(expected, 12);
  });
  it('smooths as timm mixes: on 1 − ε + ε/K, off ε/K', () => {
    const oneHot = constant(float32([2, 3], [0, 0, 1, 0, 1, 0]));
    const smooth = [0.025, 0.025, 0.95, 0.025, 0.95, 0.025]; // ε = 0.075, K = 3
    const a = lossOf(crossEntropy(logits, oneHot, { labelSmoothing: 0.075 }));
    expect(a).toBeCloseTo(lossOf(crossEntropy(logits, constant(float32([2, 3], smooth)))), 7);
    expect(a).toBeCloseTo(lossOf(crossEntropy(logits, labels, { labelSmoothing: 0.075 })), 12);
  });
});

describe('binary cross entropy', () => {
  it('is the mean of −t log σ − (1 − t) log(1 − σ) over pictures and classes', () => {
    const expected = sum(LOGITS.map((x, i) => bce(x, MULTI[i]!))) / 6;
    expect(lossOf(binaryCrossEntropy(logits, multi))).toBeCloseTo(expected, 12);
  });
  it('sums classes where asked to, as timm', () => {
    const expected = sum(LOGITS.map((x, i) => bce(x, MULTI[i]!))) / 2;
    expect(lossOf(binaryCrossEntropy(logits, multi, { sumClasses: true }))).toBeCloseTo(expected, 12);
  });
  it('weighs classes without dividing by the weights, and positives alone, as torch', () => {
    const w = [1, 2, 5];
    const p = [4, 0.5, 1];
    const weighed = sum(LOGITS.map((x, i) => w[i % 3]! * bce(x, MULTI[i]!))) / 6;
    expect(lossOf(binaryCrossEntropy(logits, multi, { classWeights: weights }))).toBeCloseTo(weighed, 12);
    const positive = sum(LOGITS.map((x, i) => bce(x, MULTI[i]!, p[i % 3]!))) / 6;
    expect(lossOf(binaryCrossEntropy(logits, multi, { positiveWeights: positives }))).toBeCloseTo(positive, 12);
  });
  it('takes labels as one-hot rows, smoothed to 1 − ε + ε/K and ε/K', () => {
    const t = [0.025, 0.025, 0.95, 0.025, 0.95, 0.025];
    const expected = sum(LOGITS.map((x, i) => bce(x, t[i]!))) / 6;
    expect(lossOf(binaryCrossEntropy(logits, labels, { labelSmoothing: 0.075 }))).toBeCloseTo(expected, 7);
  });
  it('hardens soft targets above the threshold', () => {
    const hard = constant(float32([2, 3], [1, 0, 1, 0, 1, 0]));
    const found = lossOf(binaryCrossEntropy(logits, soft, { threshold: 0.2 }));
    expect(found).toBeCloseTo(lossOf(binaryCrossEntropy(logits, hard)), 12);
  });
  it('has the gradient (σ − t) / NK and stays finite at logits of a thousand', () => {
    const far = [1000, -1000, 1000, -1000, 0, 0];
    const loss = binaryCrossEntropy(logits, multi);
    expect(lossOf(loss, far)).toBeCloseTo((2 * Math.log(2)) / 6, 12); // the first four are certain and right
    expect(lossOf(loss, [-1000, 1000, 0, 0, 0, 0])).toBeCloseTo((2000 + 4 * Math.log(2)) / 6, 9);
    gradientOf(loss, far).forEach((g, i) => {
      expect(g).toBeCloseTo((sigma(far[i]!) - MULTI[i]!) / 6, 12);
    });
  });
  it('refuses targets of another shape, a smoothing and a threshold outside their range', () => {
    expect(() => binaryCrossEntropy(logits, constant(float32([2, 2], [0, 1, 1, 0])))).toThrow(
      expect.objectContaining({ code: 'shape' }),
    );
    expect(() => binaryCrossEntropy(logits, constant(float32([1, 3], [0, 1, 1])))).toThrow('expected logits [N, K]');
    expect(() => binaryCrossEntropy(logits, multi, { labelSmoothing: -0.1 })).toThrow('[0, 1]');
    expect(() => binaryCrossEntropy(logits, multi, { threshold: 1 })).toThrow('[0, 1)');
  });
});

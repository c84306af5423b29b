import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { classMeter, rateInterval, softmax, topClasses } from '../../src/result/classify.ts';

/** Four samples of three classes whose scores are worked out by hand below. */
const LOGITS = Float32Array.from([2, 1, 0, 0, 0, 0, 0, 3, 0, 1, 0, 4]);
const LABELS = [0, 1, 2, 2];

const faultOf = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return undefined;
};

describe('scores by hand', () => {
  const meter = classMeter({ classes: 3, topK: 2 });
  const predictions = meter.add(LOGITS, LABELS);
  const result = meter.result();

  test('the prediction is the largest logit, the first of equals', () => {
    expect([...predictions.predicted]).toEqual([0, 0, 1, 2]);
  });
  test('confidence is the softmax probability of the prediction', () => {
    const expected = [1 / (1 + Math.exp(-1) + Math.exp(-2)), 1 / 3, Math.exp(3) / (Math.exp(3) + 2)];
    expected.forEach((p, i) => {
      expect(predictions.confidence[i]).toBeCloseTo(p, 6);
    });
  });
  test('loss is the cross-entropy of the label', () => {
    expect(predictions.loss[0]).toBeCloseTo(0.40760596, 7);
    expect(predictions.loss[1]).toBeCloseTo(Math.log(3), 12);
    expect(predictions.loss[2]).toBeCloseTo(3 + Math.log(1 + 2 * Math.exp(-3)), 12);
    expect(result.loss).toBeCloseTo(predictions.loss.reduce((a, b) => a + b) / 4, 12);
  });
  test('rows of the confusion matrix are labels, columns predictions', () => {
    expect(result.confusion).toEqual([
      [1, 0, 0],
      [1, 0, 0],
      [0, 1, 1],
    ]);
  });
  test('accuracy counts the diagonal', () => {
    expect([result.correct, result.samples, result.accuracy]).toEqual([2, 4, 0.5]);
  });
  test('of equal logits the lower class number takes the place among the top two', () => {
    // sample 1: label 1 comes second of three zeros, inside; sample 2: label 2 comes third, outside
    expect(result.topK).toEqual({ k: 2, accuracy: 0.75 });
  });
  test('recall and precision divide by rows and columns', () => {
    expect(result.perClass.map((c) => c.recall)).toEqual([1, 0, 0.5]);
    expect(result.perClass.map((c) => c.precision)).toEqual([0.5, 0, 1]);
  });
  test('balanced accuracy is the mean recall', () => {
    expect(result.balancedAccuracy).toBeCloseTo(0.5, 12);
  });
});

test('a class without samples has no recall and does not enter the balanced accuracy', () => {
  const meter = classMeter({ classes: 3 });
  meter.add(Float32Array.from([1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0]), [0, 0, 0, 1]);
  const { accuracy, balancedAccuracy, perClass } = meter.result();
  expect([accuracy, balancedAccuracy]).toEqual([0.75, 0.5]);
  expect(perClass.map((c) => c.recall)).toEqual([1, 0, null]);
  expect(perClass.map((c) => c.precision)).toEqual([0.75, null, null]);
});

test('batches add up to the same result as one', () => {
  const one = classMeter({ classes: 3 });
  one.add(LOGITS, LABELS);
  const many = classMeter({ classes: 3 });
  for (let i = 0; i < 4; i++) many.add(LOGITS.subarray(i * 3, i * 3 + 3), [LABELS[i]!]);
  expect(many.result()).toEqual(one.result());
});

describe('worst mistakes', () => {
  // wrong with 0.98, wrong with 0.5 (but a larger loss), right, wrong with 0.98 again
  const logits = Float32Array.from([4, 0, -9, 9, 9, -9, 5, 0, 0, 4, 0, -9]);
  const labels = [1, 2, 0, 1];

  test('by confidence the surest come first, equals in order', () => {
    const meter = classMeter({ classes: 3, keep: 2 });
    meter.add(logits, labels);
    expect(meter.result().mistakes.map((m) => m.index)).toEqual([0, 3]);
  });
  test('by loss the least likely labels come first', () => {
    const meter = classMeter({ classes: 3, worst: 'loss' });
    meter.add(logits, labels);
    const [first] = meter.result().mistakes;
    expect([first?.index, first?.label, first?.predicted]).toEqual([1, 2, 0]);
    expect(first?.loss).toBeCloseTo(18 + Math.log(2), 6);
    expect(meter.result().mistakes.map((m) => m.index)).toEqual([1, 0, 3]);
  });
});

describe('softmax', () => {
  test('rows sum to one even for logits whose exponentials overflow', () => {
    const p = softmax(Float32Array.from([1000, 1000, -1000, 3]), 2);
    expect([p[0], p[1], p[2], p[3]]).toEqual([0.5, 0.5, 0, 1]);
  });
  test('the likeliest classes come in order of probability', () => {
    const top = topClasses(Float32Array.from([0, 2, 1, 2]), 3);
    expect(top.map((t) => t.label)).toEqual([1, 3, 2]);
    expect(top[0]?.probability).toBeCloseTo(Math.exp(2) / (1 + 2 * Math.exp(2) + Math.E), 6);
  });
});

describe('bad input', () => {
  const meter = classMeter({ classes: 2 });
  test.each([
    ['a label outside the classes', () => meter.add(Float32Array.from([1, 2]), [2]), 'data'],
    ['a logit that is not a number', () => meter.add(Float32Array.from([Number.NaN, 2]), [0]), 'data'],
    ['a row of minus infinities', () => softmax(new Float32Array(2).fill(Number.NEGATIVE_INFINITY), 2), 'data'],
    ['too few logits', () => meter.add(Float32Array.from([1, 2]), [0, 1]), 'shape'],
    ['an empty set', () => meter.result(), 'data'],
    ['a k above the number of classes', () => classMeter({ classes: 3, topK: 5 }), 'config'],
  ])('%s is a fault', (_, run, code) => {
    expect(faultOf(run)).toBe(code);
  });
  test('a refused batch leaves nothing behind', () => {
    const strict = classMeter({ classes: 2 });
    expect(faultOf(() => strict.add(Float32Array.from([1, 0, 1, 0]), [0, 7]))).toBe('data');
    expect(faultOf(() => strict.result())).toBe('data');
  });
});

test("Wilson's interval of 8 in 10 is 0.490 to 0.943", () => {
  const [low, high] = rateInterval(8, 10);
  expect(low).toBeCloseTo(0.4902, 4);
  expect(high).toBeCloseTo(0.9433, 4);
});

const golden = fileURLToPath(new URL('../../../shared/golden/metrics/accuracy.safetensors', import.meta.url));

/** A tensor of a small safetensors file: 8 bytes of header length, JSON, data. */
function readTensor(file: Buffer, name: string): number[] {
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + length).toString()) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  const { dtype, data_offsets } = header[name]!;
  const bytes = file.subarray(8 + length + data_offsets[0], 8 + length + data_offsets[1]);
  const copy = new Uint8Array(bytes).buffer;
  return dtype === 'I64' ? Array.from(new BigInt64Array(copy), Number) : [...new Float32Array(copy)];
}

// skipped, and listed as such, only where the golden corpus does not lie beside the repository
test.skipIf(!existsSync(golden))('top-1, top-5, confusion and predictions are those of timm', () => {
  const file = readFileSync(golden);
  const meter = classMeter({ classes: 10 });
  const { predicted } = meter.add(Float32Array.from(readTensor(file, 'logits_used')), readTensor(file, 'input.target'));
  const { accuracy, topK, confusion } = meter.result();
  expect([...predicted]).toEqual(readTensor(file, 'prediction'));
  expect(confusion.flat()).toEqual(readTensor(file, 'confusion'));
  expect([accuracy * 100]).toEqual(readTensor(file, 'top1'));
  expect([topK.accuracy * 100]).toEqual(readTensor(file, 'top5'));
});

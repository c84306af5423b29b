import { describe, expect, it } from 'vitest';
import { float32, int64, type Tensor, tensor } from '../../src/core/tensor.ts';
import type { ArrayCase } from '../../src/golden/case.ts';
import { compareCase, summarize, type Verdict } from '../../src/golden/compare.ts';
import { samplePositions } from '../../src/golden/fill.ts';
import { judge, make, off, theirs, vector } from './made.ts';

describe('the relative error', () => {
  it('is the largest difference over the largest element of the reference', () => {
    expect(judge(theirs, off(0.01)).error).toBeCloseTo(0.01, 12);
  });

  it('fails with the element and both values', () => {
    expect(judge(theirs, vector(4, -2, 1.5))).toMatchObject({
      pass: false,
      bound: 1e-5,
      measure: 'relative',
      why: 'relative error 0.1250 at stored element 2 (ours 1.500, theirs 1), allowed 0.00001000',
    });
  });

  it('is infinite against a reference of zeros, unless ours is zero too', () => {
    expect(judge(vector(0, 0), vector(0, 1e-30))).toMatchObject({ pass: false, error: Infinity });
    expect(judge(vector(0, 0), vector(0, 0))).toMatchObject({ pass: true, error: 0 });
  });

  it('does not count infinities that are equal, and fails on those that are not', () => {
    expect(judge(vector(-Infinity, 1), vector(-Infinity, 1)).pass).toBe(true);
    expect(judge(vector(-Infinity, 1), vector(Infinity, 1)).pass).toBe(false);
    expect(judge(vector(-Infinity, 1), vector(-1e38, 1)).pass).toBe(false);
  });
});

describe('an output', () => {
  it('fails when it is missing', () => {
    const [verdict] = compareCase(make({ y: theirs }), new Map());
    expect(verdict).toMatchObject({ pass: false, error: Infinity, why: 'the output is missing' });
  });

  it('fails when any element is not a number, even where no sample lies', () => {
    expect(judge(theirs, vector(4, NaN, 1))).toMatchObject({ pass: false, why: 'element 1 is not a number' });
    const ours = new Float32Array(1000);
    ours[3] = NaN;
    expect([...samplePositions('y', 1000, 2)]).not.toContain(3);
    expect(judge(vector(0, 0), float32([1000], ours), { sampled: [1000] }).pass).toBe(false);
  });

  it('fails when the reference is not a number there, whatever ours is', () => {
    expect(judge(vector(NaN, 1), vector(2, 1)).pass).toBe(false);
  });

  it('fails with another shape of as many elements, but one element needs no axis', () => {
    const why = 'expected the shape [3], got [3, 1]';
    expect(judge(theirs, float32([3, 1], [4, -2, 1]))).toMatchObject({ pass: false, why });
    expect(judge(vector(5), float32([], [5])).pass).toBe(true);
  });

  it('stored by samples is compared at the positions of the formula, over the stored elements', () => {
    const size = 30 * 40;
    const whole = Float32Array.from({ length: size }, (_, i) => Math.sin(i));
    const at = samplePositions('feature', size, 64);
    const made = { sampled: [30, 40] };
    const samples = float32(
      [64],
      Array.from(at, (i) => whole[i]!),
    );
    expect(judge(samples, float32([30, 40], whole), made, 'feature')).toMatchObject({ pass: true, error: 0 });
    const shifted = whole.slice();
    shifted[at[7]!]! += 0.5;
    expect(judge(samples, float32([30, 40], shifted), made, 'feature').pass).toBe(false);
    const elsewhere = whole.slice();
    elsewhere[[...elsewhere.keys()].find((i) => !at.includes(i))!]! += 0.5;
    expect(judge(samples, float32([30, 40], elsewhere), made, 'feature').pass).toBe(true);
  });
});

describe('integers', () => {
  it('agree exactly or not at all', () => {
    expect(judge(int64([3], [100_000_000, 2, 3]), int64([3], [100_000_000, 2, 3])).pass).toBe(true);
    expect(judge(int64([3], [100_000_000, 2, 3]), int64([3], [100_000_000, 2, 4]))).toMatchObject({
      pass: false,
      measure: 'exact',
      error: 1,
      bound: 0,
    });
  });

  it('may come in another dtype, since their values count', () => {
    expect(judge(int64([2], [7, 8]), vector(7, 8)).pass).toBe(true);
    expect(judge(int64([2], [7, 8]), vector(7, 8.000001)).pass).toBe(false);
  });

  it('differ beyond 2^53 too', () => {
    const big = (n: bigint): Tensor => tensor('int64', [1], BigInt64Array.of(n));
    expect(judge(big(2n ** 53n + 1n), big(2n ** 53n)).pass).toBe(false);
  });

  it('are targets of duplicate_removal although stored as float32', () => {
    const made = { folder: 'detection', config: { model: 'duplicate_removal' } };
    expect(judge(vector(1, 1), vector(1, 1.0005), made, 'target').pass).toBe(false);
    expect(judge(vector(1, 1), vector(1, 1.0005), made, 'final_score').pass).toBe(true);
  });
});

describe('outputs that are zero in exact arithmetic', () => {
  const make2 = (noise: number): ArrayCase =>
    make(
      { 'grad.x': vector(2, -3), 'grad.phi.bias': vector(noise), logits: vector(1000) },
      { config: { zero: ['grad.phi.bias'] } },
    );
  const verdict = (c: ArrayCase, value: number): Verdict =>
    compareCase(c, new Map([['grad.phi.bias', vector(value)]])).find((v) => v.output === 'grad.phi.bias')!;

  it('may be 1e-5 of the largest gradient, whatever the noise of the reference', () => {
    expect(verdict(make2(1e-9), 2.9e-5)).toMatchObject({ pass: true, measure: 'zero', error: Math.fround(2.9e-5) });
    expect(verdict(make2(1e-9), -3.1e-5).pass).toBe(false);
  });

  it('may be ten times the noise of the reference where that is more', () => {
    expect(verdict(make2(1e-4), 9.9e-4).pass).toBe(true);
    expect(verdict(make2(1e-4), 1.01e-3).pass).toBe(false);
  });

  describe('within grad_l2.step1', () => {
    const config = { model: 'resnet18', param_order: ['a', 'b', 'c'], zero_gradients: ['b'] };
    const made = { folder: 'training', config };
    const l2 = (...values: number[]): Verdict => judge(vector(5, 1e-8, 2), vector(...values), made, 'grad_l2.step1');

    it('are bounded by the largest entry, each by its name', () => {
      expect(l2(5, 4.9e-5, 2)).toMatchObject({ pass: true, measure: 'relative', error: 0 });
      const failed = l2(5, 5.1e-5, 2);
      expect(failed).toMatchObject({ pass: false, measure: 'zero' });
      expect(failed.why).toContain('b: expected zero in exact arithmetic');
    });

    it('leave the others to the relative error of the whole vector', () => {
      expect(l2(5, 0, 2.0049).pass).toBe(true);
      expect(l2(5, 0, 2.0051)).toMatchObject({ pass: false, bound: 1e-3 });
    });

    it('need names for all entries', () => {
      const short = { folder: 'training', config: { ...config, param_order: ['a', 'b'] } };
      expect(() => judge(vector(5, 0, 2), vector(5, 0, 2), short, 'grad_l2.step1')).toThrowError(/param_order/);
    });
  });
});

describe('summarize', () => {
  const c = make({ a: theirs, b: theirs, n: int64([1], [3]) }, { config: { reference_float32_error: { b: 1e-3 } } });
  const sum = (a: number, b: number, n: number) =>
    summarize(
      compareCase(
        c,
        new Map([
          ['a', off(a)],
          ['b', off(b)],
          ['n', int64([1], [n])],
        ]),
      ),
    );

  it('passes with the output nearest to its bound', () => {
    const got = sum(2e-6, 4e-4, 3);
    expect(got).toMatchObject({ pass: true, why: '', bound: 1e-5 });
    expect(got.error).toBeCloseTo(2e-6, 9);
    expect(sum(1e-7, 3.9e-3, 3).bound).toBe(4e-3);
  });

  it('fails with the worst failure and says how many more there are', () => {
    expect(sum(1e-6, 1e-6, 4)).toMatchObject({
      pass: false,
      error: 1,
      bound: 0,
      why: expect.stringMatching(/^n: exact/),
    });
    expect(sum(1e-3, 5e-3, 3).why).toMatch(/^a: relative error .* \(and 1 of 3 outputs more\)$/);
  });

  it('does not pass a case without outputs', () => {
    expect(summarize([])).toMatchObject({ pass: false, why: 'the case names no outputs' });
  });
});

import { describe, expect, it } from 'vitest';
import { float32, int64, type Tensor, tensor, toNumbers } from '../../src/core/tensor.ts';
import { boundsOf } from '../../src/golden/bounds.ts';
import { type ArrayCase, loadCase } from '../../src/golden/case.ts';
import { compareCase, summarize, type Verdict } from '../../src/golden/compare.ts';
import { samplePositions } from '../../src/golden/fill.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';

interface Made {
  readonly folder?: string;
  readonly config?: object;
  readonly notes?: string;
  /** Shape of an output that is stored by samples. */
  readonly sampled?: readonly number[];
}

/** A case whose outputs are these tensors. */
function make(
  outputs: Readonly<Record<string, Tensor>>,
  { folder = 'blocks', config = {}, notes = '', sampled }: Made = {},
): ArrayCase {
  const described = Object.entries(outputs).map(([key, t]) => {
    const absmax = toNumbers(t).reduce((most, v) => (Math.abs(v) < Infinity ? Math.max(most, Math.abs(v)) : most), 0);
    const stored = sampled ? 'sampled' : 'whole';
    return [key, { shape: sampled ?? t.shape, mean: 0, l2: 0, absmax, stored }] as const;
  });
  const json = {
    name: 'made',
    source: 'this test',
    checks: 'judging',
    notes,
    config,
    inputs: {},
    state: [],
    outputs: Object.fromEntries(described),
    parameters: 0,
  };
  const pairs = Object.entries(outputs).map(([k, t]) => [sampled ? `${k}@val` : k, t] as const);
  return loadCase(JSON.stringify(json), { folder, weights: writeSafetensors(pairs) }) as ArrayCase;
}

/** The verdict on a case with one output. */
function judge(theirs: Tensor, ours: Tensor, made: Made = {}, name = 'y'): Verdict {
  return compareCase(make({ [name]: theirs }, made), new Map([[name, ours]]))[0]!;
}

const vector = (...values: number[]): Tensor => float32([values.length], values);
const theirs = vector(4, -2, 1);
/** Off by this share of the largest element. */
const off = (share: number): Tensor => tensor('float64', [3], Float64Array.of(4, -2, 1 + 4 * share));

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

describe('the bound', () => {
  const bounds: readonly [string, string | undefined, string, number][] = [
    ['blocks', 'gcnet.ContextBlock', 'grad.x', 1e-5],
    ['ops', undefined, 'dx.up', 1e-5],
    ['metrics', undefined, 'top1', 1e-5],
    ['backbones', 'resnet50', 'logits', 1e-4],
    ['training', 'resnet18', 'losses', 1e-3],
    ['training', undefined, 'p', 1e-5],
    ['video', 'slowfast.Nonlocal', 'grad.bn.bias', 1e-5],
    ['video', 'slowfast.ResNet', 'logits', 1e-4],
    ['video', 'slowfast.ResNet', 'dx', 1e-3],
    ['detection', 'detr', 'loss.total', 1e-4],
    ['detection', 'detr', 'grad.input_proj.weight', 1e-3],
    ['detection', 'maskrcnn_resnet50_fpn', 'rpn.deltas.0', 1e-4],
    ['detection', 'maskrcnn_resnet50_fpn', 'det.scores', 1e-4],
    ['detection', 'relation_module', 'attention', 1e-3],
  ];
  it.each(bounds)('in %s, %s, of %s is %d relative', (folder, model, name, most) => {
    const made = { folder, config: { model } };
    expect(judge(theirs, off(0.99 * most), made, name)).toMatchObject({ pass: true, measure: 'relative' });
    expect(judge(theirs, off(1.01 * most), made, name)).toMatchObject({ pass: false, bound: most });
  });

  it('of boxes and proposals is 0.02 pixels', () => {
    const made = { folder: 'detection', config: { model: 'fasterrcnn_resnet50_fpn' } };
    for (const name of ['det.boxes', 'proposals']) {
      expect(judge(vector(100, 1), vector(100, 1.019), made, name).pass).toBe(true);
      expect(judge(vector(100, 1), vector(100, 1.021), made, name)).toMatchObject({ pass: false, measure: 'absolute' });
    }
  });

  it('of relation_geometry is 3e-4 absolute', () => {
    const made = { folder: 'detection', config: { model: 'relation_geometry' } };
    expect(judge(vector(0.5), vector(0.50029), made).pass).toBe(true);
    expect(judge(vector(500), vector(500.0005), made).pass).toBe(false);
  });

  it('is four times the own error of the reference where that is larger, by output', () => {
    const made = { config: { reference_float32_error: { y: 1e-4 } } };
    expect(judge(theirs, off(3.9e-4), made)).toMatchObject({ pass: true, bound: 4e-4 });
    expect(judge(theirs, off(4.1e-4), made).pass).toBe(false);
    expect(judge(theirs, off(3.9e-4), made, 'other').pass).toBe(false);
  });

  it('is not narrowed by a small own error of the reference', () => {
    expect(judge(theirs, off(9e-6), { config: { reference_float32_error: { y: 1e-8 } } }).pass).toBe(true);
  });

  it('is four times {worst, relative} for every output', () => {
    const made = { config: { reference_float32_error: { worst: 'grad.x', relative: 1e-4 } } };
    expect(judge(theirs, off(3.9e-4), made, 'grad.bias').pass).toBe(true);
    expect(judge(theirs, off(4.1e-4), made, 'grad.bias').pass).toBe(false);
  });

  it('is that of the notes where wider', () => {
    const absolute = { folder: 'metrics', notes: 'Stored float32; agree to 1e-5 absolute.' };
    expect(judge(vector(0.01), vector(0.010009), absolute).pass).toBe(true);
    expect(judge(vector(0.01), vector(0.010012), absolute).pass).toBe(false);
    const relative = { notes: 'The sum is long: agree to 2e-3. Else as usual.' };
    expect(judge(theirs, off(1.9e-3), relative).pass).toBe(true);
    expect(judge(theirs, off(2.1e-3), relative).pass).toBe(false);
    expect(judge(theirs, off(9e-6), { notes: 'agree to 1e-9' }).pass).toBe(true);
  });

  it('of config.agree replaces the usual one, wider or narrower, for integers too', () => {
    const pixels = tensor('uint8', [4], Uint8Array.of(10, 20, 30, 255));
    const one = tensor('uint8', [4], Uint8Array.of(10, 21, 30, 255));
    const config = (max_abs: number, mean_abs?: number): Made => ({ config: { agree: { y: { max_abs, mean_abs } } } });
    expect(judge(pixels, one, config(1, 0.25))).toMatchObject({ pass: true, measure: 'agree', error: 1, bound: 1 });
    expect(judge(pixels, one, config(0))).toMatchObject({ pass: false, error: 1, bound: 0 });
    const mean = judge(pixels, one, config(1, 0.02));
    expect(mean).toMatchObject({ pass: false, error: 0.25, bound: 0.02 });
    expect(mean.why).toContain('mean absolute error 0.2500');
    expect(judge(theirs, off(5e-6), config(0)).pass).toBe(false);
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

describe('boundsOf', () => {
  it('counts only gradients for the largest gradient', () => {
    const c = make(
      { y: vector(1000), 'd.w': vector(7), 'dgrid.a': vector(-8), 'd.b': vector(0) },
      { config: { zero: ['d.b'] } },
    );
    expect(boundsOf(c, c.outputs.get('d.b')!)[0]!.most).toBeCloseTo(8e-5, 12);
  });
});

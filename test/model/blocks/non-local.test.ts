import { describe, expect, it } from 'vitest';
import { int64 } from '../../../src/core/tensor.ts';
import { constant } from '../../../src/graph/trace.ts';
import type { NonLocalConfig, NonLocalMode } from '../../../src/model/blocks/non-local.ts';
import { parameterCount } from '../../../src/model/scope.ts';
import { interpret } from '../../support/interpret.ts';
import { type Numbers, relativeError } from '../../support/numbers.ts';
import {
  type BlockRun,
  fed,
  flat,
  gradientError,
  gradientsOf,
  outputOf,
  project,
  runOf,
  shapesOf,
  softmax,
  tapOf,
} from '../support.ts';

const MODES: readonly NonLocalMode[] = ['embedded-gaussian', 'gaussian', 'dot-product', 'concatenation'];
const config = (mode: NonLocalMode, change: Partial<NonLocalConfig> = {}): NonLocalConfig => ({
  kind: 'non-local',
  mode,
  ...change,
});

/** f(x_i, x_j) / C(x) of equations 1 to 5 for one image, as a table of queries by keys. */
function affinity(
  mode: NonLocalMode,
  at: (letter: 'theta' | 'phi' | 'x', i: number) => number[],
  w: Numbers | undefined,
  l: number,
): number[][] {
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, v, k) => sum + v * b[k]!, 0);
  return Array.from({ length: l }, (_, i) => {
    const f = Array.from({ length: l }, (_, j) => {
      if (mode === 'gaussian') return dot(at('x', i), at('x', j));
      const [theta, phi] = [at('theta', i), at('phi', j)];
      if (mode === 'concatenation') return Math.max(0, dot([...w!.data], [...theta, ...phi]));
      return mode === 'embedded-gaussian' ? dot(theta, phi) / Math.sqrt(theta.length) : dot(theta, phi);
    });
    return mode === 'gaussian' || mode === 'embedded-gaussian' ? softmax(f) : f.map((v) => v / l);
  });
}

/** z of equation 6 in plain loops. */
function equation(run: BlockRun, mode: NonLocalMode): { readonly z: Numbers; readonly a: number[][][] } {
  const x = flat(fed(run, 'x'));
  const [n, , l] = x.shape as [number, number, number];
  const of = (name: string): Numbers => project(x, fed(run, `${name}.conv.weight`), fed(run, `${name}.conv.bias`));
  const g = of('g');
  const letters = { x, theta: mode === 'gaussian' ? x : of('theta'), phi: mode === 'gaussian' ? x : of('phi') };
  const w = mode === 'concatenation' ? fed(run, 'concat_project.conv.weight') : undefined;
  const d = g.shape[1]!;
  const y: Numbers = { shape: [n, d, l], data: new Float64Array(n * d * l) };
  const maps = Array.from({ length: n }, (_, b) => {
    const column = (letter: 'theta' | 'phi' | 'x', i: number): number[] => {
      const t = letters[letter];
      return Array.from({ length: t.shape[1]! }, (_, k) => t.data[(b * t.shape[1]! + k) * l + i]!);
    };
    const a = affinity(mode, column, w, l);
    for (let k = 0; k < d; k++)
      for (let i = 0; i < l; i++)
        y.data[(b * d + k) * l + i] = a[i]!.reduce((sum, v, j) => sum + v * g.data[(b * d + k) * l + j]!, 0);
    return a;
  });
  const out = project(y, fed(run, 'conv_out.conv.weight'), fed(run, 'conv_out.conv.bias'));
  return { z: { shape: fed(run, 'x').shape, data: out.data.map((v, i) => v + x.data[i]!) }, a: maps };
}

describe.each(MODES)('the non-local block, %s', (mode) => {
  it('equals equations 1 to 6 in plain loops', () => {
    const run = runOf(config(mode), [2, 4, 3, 2]);
    expect(relativeError(outputOf(run), equation(run, mode).z)).toBeLessThan(1e-9);
  });
  it('has the gradient that central differences give', () => {
    const run = runOf(config(mode), [1, 4, 3, 2]);
    expect(gradientError(run)).toBeLessThan(1e-6);
  });
  it('shows in its tap, by head, query and key, what each position reads', () => {
    const run = runOf(config(mode), [2, 4, 3, 2]);
    expect(run.taps.get('attention')).toMatchObject({ axes: 'n head (h w) (h w)', sizes: { h: 3, w: 2 } });
    const tap = tapOf(run, 'attention');
    expect(tap.shape).toEqual([2, 1, 6, 6]);
    const expected = equation(run, mode).a.flat(2);
    tap.data.forEach((v, i) => {
      expect(v).toBeCloseTo(expected[i]!, 9);
    });
  });
  it('is the identity at first, with a norm and without', () => {
    for (const norm of ['none', 'batch'] as const) {
      const run = runOf(config(mode, { norm }), [1, 4, 3, 2], { state: 'initial', mode: 'training' });
      expect([...outputOf(run).data]).toEqual([...fed(run, 'x').data]);
    }
  });
});

describe('the non-local block', () => {
  it('gives the rows of its tap for chosen queries alone', () => {
    const run = runOf(config('embedded-gaussian', { subSample: { order: 'after-projection' } }), [1, 4, 4, 4]);
    const tap = run.taps.get('attention')!;
    expect(tap.axes).toBe('n head (h w) (kh kw)');
    expect(tap.sizes).toEqual({ h: 4, w: 4, kh: 2, kw: 2 });
    const rows = interpret(new Map([['rows', tap.rows!(constant(int64([2], [7, 2])))]]), run.feeds).get('rows')!;
    const all = tapOf(run, 'attention');
    expect(rows.shape).toEqual([1, 1, 2, 4]);
    expect([...rows.data]).toEqual([...all.data.slice(28, 32), ...all.data.slice(8, 12)]);
    expect(rows.data.slice(0, 4).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  });
  it('does not feel the bias of φ under a softmax, and passes the bias of g on unchanged', () => {
    const run = runOf(config('embedded-gaussian'), [1, 4, 3, 2]);
    const before = outputOf(run);
    const shifted = (name: string): Numbers => {
      const feeds = new Map(run.feeds);
      const t = run.feeds.get(name)!;
      feeds.set(name, { ...t, data: (t.data as Float32Array).map((v) => v + 1) });
      return outputOf({ ...run, feeds });
    };
    expect(relativeError(shifted('phi.conv.bias'), before)).toBeLessThan(1e-9);
    expect(relativeError(shifted('theta.conv.bias'), before)).toBeGreaterThan(1e-3);
    const rowSums = project({ shape: [1, 2, 1], data: Float64Array.of(1, 1) }, fed(run, 'conv_out.conv.weight'));
    const moved = shifted('g.conv.bias');
    before.data.forEach((v, i) => {
      expect(moved.data[i]! - v).toBeCloseTo(rowSums.data[Math.floor(i / 6)]!, 6);
    });
  });
  it('gives the bias of φ a gradient of zero', () => {
    const g = gradientsOf(runOf(config('embedded-gaussian'), [1, 4, 3, 2]));
    expect(Math.max(...g.get('phi.conv.bias')!.data.map(Math.abs))).toBeLessThan(1e-12);
    expect(Math.max(...g.get('theta.conv.bias')!.data.map(Math.abs))).toBeGreaterThan(1e-4);
  });
  it('scales the logits as asked: mmcv divides by √D, GCNet multiplies, timm divides by √C', () => {
    const logits = (scale: NonLocalConfig['scale']): number => {
      const run = runOf(config('embedded-gaussian', scale === undefined ? {} : { scale }), [1, 4, 2, 1]);
      const row = tapOf(run, 'attention').data;
      return Math.log(row[0]! / row[1]!); // the difference of two logits of one query
    };
    const plain = logits('none');
    expect(logits(undefined)).toBeCloseTo(plain / Math.SQRT2, 9);
    expect(logits('D^1/2')).toBeCloseTo(plain * Math.SQRT2, 9);
    expect(logits('C^-1/2')).toBeCloseTo(plain / 2, 9);
  });
  it('differs when it pools before the projection, but has the same parameters', () => {
    const run = (order: 'before-projection' | 'after-projection'): BlockRun =>
      runOf(config('dot-product', { subSample: { order }, names: 'slowfast' }), [1, 4, 4, 4]);
    const [before, after] = [run('before-projection'), run('after-projection')];
    expect(shapesOf(before)).toEqual(shapesOf(after));
    expect(relativeError(outputOf(before), outputOf(after))).toBeGreaterThan(1e-3);
  });
  it('runs over one, two and three axes, pooling space and not time', () => {
    const keys = (shape: readonly number[]): readonly number[] =>
      tapOf(runOf(config('gaussian', { subSample: { order: 'after-projection' } }), shape), 'attention').shape;
    expect(keys([1, 4, 6])).toEqual([1, 1, 6, 3]);
    expect(keys([1, 4, 4, 2])).toEqual([1, 1, 8, 2]);
    expect(keys([1, 4, 3, 2, 4])).toEqual([1, 1, 24, 6]);
  });
  it('leaves the residual out when told', () => {
    const run = runOf(config('gaussian', { residual: false }), [1, 4, 3, 2], { state: 'initial' });
    expect(Math.max(...outputOf(run).data.map(Math.abs))).toBe(0);
  });
});

describe('the parameters of the non-local block', () => {
  const count = (change: Partial<NonLocalConfig>): number =>
    parameterCount(runOf(config('embedded-gaussian', change), [1, 1024, 1, 1], { state: 'initial' }).state);
  it('are as many as published at 1024 channels', () => {
    expect(count({})).toBe(2_099_712);
    expect(count({ norm: 'batch' })).toBe(2_100_736);
    expect(count({ norm: 'batch', names: 'slowfast' })).toBe(2_101_760);
  });
  it('bear the names of mmcv, timm and SlowFast', () => {
    const names = (change: Partial<NonLocalConfig>, mode: NonLocalMode = 'embedded-gaussian'): string[] =>
      Object.keys(shapesOf(runOf(config(mode, change), [1, 4, 2, 2]))).sort();
    expect(names({})).toEqual([
      'conv_out.conv.bias',
      'conv_out.conv.weight',
      'g.conv.bias',
      'g.conv.weight',
      'phi.conv.bias',
      'phi.conv.weight',
      'theta.conv.bias',
      'theta.conv.weight',
    ]);
    const pooled = names({ subSample: { order: 'after-projection' } }, 'concatenation');
    expect(pooled).toEqual(
      expect.arrayContaining(['g.0.conv.weight', 'phi.0.conv.weight', 'concat_project.conv.weight']),
    );
    expect(names({ norm: 'batch' })).not.toContain('conv_out.conv.bias');
    expect(names({ norm: 'batch', names: 'timm' })).toEqual(
      expect.arrayContaining(['t.bias', 'z.bias', 'norm.weight']),
    );
    expect(names({ norm: 'batch', names: 'slowfast' })).toEqual(expect.arrayContaining(['conv_theta.bias', 'bn.bias']));
  });
  it('refuses a reduction that does not divide the channels, and says which do', () => {
    expect(() => runOf(config('gaussian', { reduction: 4 }), [1, 6, 2, 2])).toThrow('Use 1, 2, 3 or 6');
  });
  it('refuses a scale where nothing is scaled', () => {
    expect(() => runOf(config('dot-product', { scale: 'D^-1/2' }), [1, 4, 2, 2])).toThrow('no scale');
  });
});

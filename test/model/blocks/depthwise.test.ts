import { describe, expect, it } from 'vitest';
import type { DepthwiseConfig } from '../../../src/model/blocks/depthwise.ts';
import { parameterCount } from '../../../src/model/scope.ts';
import { build, get, type Numbers, relativeError } from '../../support/numbers.ts';
import { type BlockRun, fed, gradientError, outputOf, runOf, shapesOf, tapOf } from '../support.ts';

const spec = (change: Partial<DepthwiseConfig> = {}): DepthwiseConfig => ({ kind: 'depthwise', ...change });

/** The convolution in plain loops, C / M neighbouring channels with one kernel. */
function equation(run: BlockRun, { window = 3, heads, stride = 1, dilation = 1, bias }: DepthwiseConfig): Numbers {
  const x = fed(run, 'x');
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const half = (window - 1) / 2;
  const kernel = fed(run, 'weight');
  return build([n, c, Math.floor((h - 1) / stride) + 1, Math.floor((w - 1) / stride) + 1], ([b, ch, i, j]) => {
    let sum = bias === false ? 0 : fed(run, 'bias').data[ch!]!;
    const m = Math.floor((ch! * (heads ?? c)) / c);
    for (let da = -half; da <= half; da++)
      for (let db = -half; db <= half; db++) {
        const pixel = get(x, [b!, ch!, i! * stride + da * dilation, j! * stride + db * dilation]);
        sum += get(kernel, [m, 0, da + half, db + half]) * pixel;
      }
    return sum;
  });
}

describe.each<readonly [string, Partial<DepthwiseConfig>]>([
  ['a kernel for each channel', {}],
  ['a kernel for each head', { heads: 2, window: 5 }],
  ['one kernel for all, stride 2', { heads: 1, stride: 2 }],
  ['dilation 2, no bias', { dilation: 2, bias: false }],
])('the depthwise convolution, %s', (_, change) => {
  it('equals its equation in plain loops', () => {
    const run = runOf(spec(change), [2, 6, 4, 5]);
    expect(relativeError(outputOf(run), equation(run, change as DepthwiseConfig))).toBeLessThan(1e-12);
  });
  it('has the gradient that central differences give', () => {
    expect(gradientError(runOf(spec(change), [1, 4, 2, 3]))).toBeLessThan(1e-6);
  });
});

describe('the depthwise convolution', () => {
  it('shows its kernels, laid over the map, as what each position reads', () => {
    const run = runOf(spec({ heads: 2 }), [1, 4, 3, 4]);
    const kernel = fed(run, 'weight');
    expect(run.taps.get('attention')!.axes).toBe('n head (h w) (h w)');
    const dense = tapOf(run, 'attention');
    expect(dense.shape).toEqual([1, 2, 12, 12]);
    for (let i = 0; i < 12; i++)
      for (let j = 0; j < 12; j++) {
        const [dy, dx] = [Math.floor(j / 4) - Math.floor(i / 4), (j % 4) - (i % 4)];
        expect(get(dense, [0, 1, i, j])).toBeCloseTo(get(kernel, [1, 0, dy + 1, dx + 1]), 12);
      }
  });
  it('has the state of a convolution with a group for each channel', () => {
    expect(shapesOf(runOf(spec({ window: 5 }), [1, 6, 3, 3]))).toEqual({ weight: [6, 1, 5, 5], bias: [6] });
    expect(shapesOf(runOf(spec({ window: 3, bias: false }), [1, 6, 3]))).toEqual({ weight: [6, 1, 3] });
  });
  it('has M k² parameters, and a bias a channel', () => {
    const count = (change: Partial<DepthwiseConfig>): number =>
      parameterCount(runOf(spec(change), [1, 512, 7, 7], { state: 'initial' }).state);
    expect(count({ window: 5 })).toBe(512 * 25 + 512);
    expect(count({ window: 5, heads: 16, bias: false })).toBe(400);
  });
  it('may have a kernel larger than the map, as references have', () => {
    const run = runOf(spec({ window: 5 }), [1, 2, 2, 2]);
    expect(relativeError(outputOf(run), equation(run, spec({ window: 5 })))).toBeLessThan(1e-12);
  });
  it('refuses heads that do not divide the channels, and an even kernel', () => {
    expect(() => runOf(spec({ heads: 4 }), [1, 6, 3, 3])).toThrow('Use 1, 2, 3 or 6');
    expect(() => runOf(spec({ window: 2 }), [1, 6, 3, 3])).toThrow('expected an odd window, got 2. Use 3');
  });
});

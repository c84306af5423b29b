import { describe, expect, it } from 'vitest';
import type { SplitAttentionConfig } from '../../../src/model/blocks/split-attention.ts';
import { build, get, type Numbers, relativeError } from '../../support/numbers.ts';
import { type BlockRun, fed, outputOf, runOf, shapesOf, slopeError, softmax, tapOf } from '../support.ts';

type Options = Omit<SplitAttentionConfig, 'kind'>;
const spec = (change: Options): SplitAttentionConfig => ({ kind: 'split-attention', least: 4, ...change });

function normed(run: BlockRun, name: string, channel: number, value: number): number {
  const at = (leaf: string): number => fed(run, `${name}.${leaf}`).data[channel]!;
  return (at('weight') * (value - at('running_mean'))) / Math.sqrt(at('running_var') + 1e-5) + at('bias');
}

/** A grouped linear layer on one vector. */
function layer(run: BlockRun, name: string, x: readonly number[], groups: number): number[] {
  const [w, b] = [fed(run, `${name}.weight`), fed(run, `${name}.bias`)];
  const [o, c] = w.shape as [number, number];
  return Array.from({ length: o }, (_, k) => {
    const first = Math.floor(k / (o / groups)) * c;
    return Array.from({ length: c }, (_, q) => w.data[k * c + q]! * x[first + q]!).reduce((s, v) => s + v, b.data[k]!);
  });
}

function equation(run: BlockRun, options: Options): { readonly scale: Numbers; readonly y: Numbers } {
  const { radix = 2, groups = 1, stride = 1, activation = 'relu' } = options;
  const act = (v: number): number => (activation === 'relu' ? Math.max(0, v) : v / (1 + Math.exp(-v)));
  const [x, w] = [fed(run, 'x'), fed(run, 'conv.weight')];
  const [n, c, h, l] = x.shape as [number, number, number, number];
  const [hh, ll] = [h, l].map((d) => Math.floor((d - 1) / stride) + 1) as [number, number];
  const per = w.shape[1]!;
  const splits = build([n, radix, c, hh, ll], ([b, r, ch, i, j]) => {
    const o = r! * c + ch!;
    const first = Math.floor(o / ((radix * c) / (radix * groups))) * per;
    let sum = 0;
    for (let q = 0; q < per; q++)
      for (let t = 0; t < 9; t++) {
        const seen = [b!, first + q, i! * stride + Math.floor(t / 3) - 1, j! * stride + (t % 3) - 1];
        sum += w.data[(o * per + q) * 9 + t]! * get(x, seen);
      }
    return act(normed(run, 'bn0', o, sum));
  });
  const scale = build([n, radix, c], () => 0);
  for (let b = 0; b < n; b++) {
    const mean = Array.from({ length: c }, (_, ch) => {
      let sum = 0;
      for (let r = 0; r < radix; r++)
        for (let p = 0; p < hh * ll; p++) sum += get(splits, [b, r, ch, Math.floor(p / ll), p % ll]);
      return sum / (hh * ll);
    });
    const hidden = layer(run, 'fc1', mean, groups).map((v, k) => act(normed(run, 'bn1', k, v)));
    const logits = layer(run, 'fc2', hidden, groups);
    for (let ch = 0; ch < c; ch++) {
      const [g, i] = [Math.floor(ch / (c / groups)), ch % (c / groups)];
      const each = Array.from({ length: radix }, (_, r) => logits[(g * radix + r) * (c / groups) + i]!);
      const weights = radix === 1 ? each.map((v) => 1 / (1 + Math.exp(-v))) : softmax(each);
      for (let r = 0; r < radix; r++) scale.data[(b * radix + r) * c + ch] = weights[r]!;
    }
  }
  const y = build([n, c, hh, ll], ([b, ch, i, j]) => {
    let sum = 0;
    for (let r = 0; r < radix; r++) sum += get(scale, [b!, r, ch!]) * get(splits, [b!, r, ch!, i!, j!]);
    return sum;
  });
  return { scale, y };
}

describe('the split-attention convolution', () => {
  it.each([
    ['two splits', {}],
    ['one split, a squeeze-and-excitation with SiLU', { radix: 1, activation: 'silu' }],
    ['two splits in each of two groups', { groups: 2 }],
    ['four splits, strided', { radix: 4, stride: 2 }],
  ] as const)('equals its equation in plain loops: %s', (_, options) => {
    const run = runOf(spec(options), [2, 8, 5, 4]);
    const { scale, y } = equation(run, options);
    expect(relativeError(outputOf(run), y)).toBeLessThan(1e-9);
    expect(relativeError(tapOf(run, 'scale'), scale)).toBeLessThan(1e-9);
  });

  it.each([{ radix: 1, activation: 'silu' }, { groups: 2 }] as const)(
    'has the gradient that central differences give: %o',
    (options) => {
      expect(slopeError(runOf(spec(options), [2, 8, 4, 3]))).toBeLessThan(1e-5);
      expect(slopeError(runOf(spec(options), [2, 8, 4, 3], { mode: 'training' }))).toBeLessThan(1e-5);
    },
  );

  it('bears the names and shapes of SE-CoTNetD’s first block', () => {
    const shapes = shapesOf(runOf({ kind: 'split-attention', radix: 1, activation: 'silu' }, [1, 64, 3, 3]));
    expect(shapes).toMatchObject({
      'conv.weight': [64, 64, 3, 3],
      'bn0.weight': [64],
      'fc1.weight': [32, 64, 1, 1],
      'fc1.bias': [32],
      'bn1.running_var': [32],
      'fc2.weight': [64, 32, 1, 1],
      'fc2.bias': [64],
    });
  });

  it('refuses channels that its splits do not divide', () => {
    expect(() => runOf(spec({ radix: 3 }), [1, 8, 3, 3])).toThrow(
      'product of radix and groups that divides 8 channels',
    );
  });
});

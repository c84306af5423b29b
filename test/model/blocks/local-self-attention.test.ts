import { describe, expect, it } from 'vitest';
import { parameterCount } from '../../../src/model/scope.ts';
import { build, get, type Numbers, relativeError } from '../../support/numbers.ts';
import { type BlockRun, fed, outputOf, runOf, slopeError, softmax, tapOf } from '../support.ts';

const spec = { kind: 'local-self-attention', heads: 2 } as const;

/** A 1 x 1 convolution and its norm, then a ReLU where `relu` says so. */
function projected(run: BlockRun, name: string, relu: boolean): Numbers {
  const [x, w] = [fed(run, 'x'), fed(run, `${name}.0.weight`)];
  const c = x.shape[1]!;
  return build(x.shape, ([n, o, i, j]) => {
    let sum = 0;
    for (let q = 0; q < c; q++) sum += w.data[o! * c + q]! * get(x, [n!, q, i!, j!]);
    const y = normed(run, `${name}.1`, o!, sum);
    return relu ? Math.max(0, y) : y;
  });
}

function normed(run: BlockRun, name: string, channel: number, value: number): number {
  const at = (leaf: string): number => fed(run, `${name}.${leaf}`).data[channel]!;
  return (at('weight') * (value - at('running_mean'))) / Math.sqrt(at('running_var') + 1e-5) + at('bias');
}

/** The weights of each position's window, [N, heads, L, K], and the block's result. */
function equation(run: BlockRun, heads: number, kernel: number): { readonly weights: Numbers; readonly y: Numbers } {
  const [q, k, v] = [projected(run, 'conv_q', true), projected(run, 'conv_k', true), projected(run, 'conv_v', false)];
  const [n, c, h, w] = q.shape as [number, number, number, number];
  const [d, half] = [c / heads, (kernel - 1) / 2];
  const [rows, columns] = [fed(run, 'pos_h').data, fed(run, 'pos_w').data];
  const row = (b: number, g: number, i: number, j: number): number[] =>
    softmax(
      Array.from({ length: kernel ** 2 }, (_, t) => {
        const [dy, dx] = [Math.floor(t / kernel), t % kernel];
        let sum = 0;
        for (let e = g * d; e < (g + 1) * d; e++) {
          const key = get(k, [b, e, i + dy - half, j + dx - half]);
          sum += get(q, [b, e, i, j]) * (key + rows[e * kernel + dy]! + columns[e * kernel + dx]!);
        }
        return sum;
      }),
    );
  const weights = build([n, heads, h * w, kernel ** 2], ([b, g, p, t]) => row(b!, g!, Math.floor(p! / w), p! % w)[t!]!);
  const y = build([n, c, h, w], ([b, ch, i, j]) => {
    let sum = 0;
    for (let t = 0; t < kernel ** 2; t++) {
      const seen = [b!, ch!, i! + Math.floor(t / kernel) - half, j! + (t % kernel) - half];
      sum += get(weights, [b!, ch! % heads, i! * w + j!, t]) * get(v, seen);
    }
    return Math.max(0, normed(run, 'bn', ch!, sum));
  });
  return { weights, y };
}

describe('local self-attention with relative position', () => {
  it.each([
    [2, 3],
    [4, 3],
    [2, 5],
  ])('equals its equation in plain loops: %i heads, windows of side %i', (heads, kernel) => {
    const run = runOf({ ...spec, heads, kernel }, [2, 8, 4, 3]);
    expect(relativeError(outputOf(run), equation(run, heads, kernel).y)).toBeLessThan(1e-9);
  });

  it('has the gradient that central differences give', () => {
    expect(slopeError(runOf(spec, [2, 8, 3, 3]))).toBeLessThan(1e-5);
    expect(slopeError(runOf({ ...spec, keyKernel: 3 }, [2, 8, 3, 3], { mode: 'training' }))).toBeLessThan(1e-5);
  });

  it('shows windows whose weights sum to one, zeros beyond the border among them', () => {
    const run = runOf(spec, [1, 8, 3, 4]);
    const window = tapOf(run, 'attention_window');
    expect(relativeError(window, equation(run, 2, 3).weights)).toBeLessThan(1e-9);
    const sums = build([2 * 12], ([r]) => window.data.slice(r! * 9, r! * 9 + 9).reduce((a, b) => a + b, 0));
    expect(Math.max(...sums.data.map((s) => Math.abs(s - 1)))).toBeLessThan(1e-12);
    const dense = tapOf(run, 'attention');
    const inside = dense.data.slice(0, 12).reduce((a, b) => a + b, 0); // of the corner, whose window hangs over
    expect(inside).toBeLessThan(1);
  });

  it('has three projections with norms, a last norm and 2 k d numbers for the place: 3 d² + 14 d of k = 3', () => {
    expect(parameterCount(runOf({ kind: 'local-self-attention' }, [1, 32, 2, 2]).state)).toBe(3 * 32 ** 2 + 14 * 32);
  });

  it('refuses heads that do not divide, naming those that do', () => {
    expect(() => runOf({ ...spec, heads: 3 }, [1, 8, 3, 3])).toThrow('divides 8 channels, got 3. Use 1, 2, 4 or 8');
  });
});

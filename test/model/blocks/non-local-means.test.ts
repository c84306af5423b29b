import { describe, expect, it } from 'vitest';
import { random } from '../../../src/core/random.ts';
import { float32 } from '../../../src/core/tensor.ts';
import type { NonLocalMeansConfig } from '../../../src/model/blocks/non-local-means.ts';
import { build, get, type Numbers, relativeError } from '../../support/numbers.ts';
import { type BlockRun, fed, gradientError, outputOf, runOf, tapOf } from '../support.ts';

const spec = (change: Partial<NonLocalMeansConfig> = {}): NonLocalMeansConfig => ({
  kind: 'non-local-means',
  strength: 0.8,
  patch: 3,
  ...change,
});

/** A place of a mirrored line of pixels, the last one repeated. */
const mirrored = (i: number, size: number): number => (i < 0 ? -1 - i : i >= size ? 2 * size - 1 - i : i);

/** w_ij of the filter in plain loops, and the filtered picture. */
function equation(run: BlockRun, config: NonLocalMeansConfig): { readonly weights: Numbers; readonly y: Numbers } {
  const { patch = 7, search, gaussian, strength } = config;
  const x = fed(run, 'x');
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const half = (patch - 1) / 2;
  const reach = search === undefined ? Number.POSITIVE_INFINITY : (search - 1) / 2;
  const kernel = (dy: number, dx: number): number =>
    gaussian === undefined ? 1 : Math.exp(-(dy * dy + dx * dx) / (2 * gaussian * gaussian));
  const at = (b: number, ch: number, i: number, j: number): number => get(x, [b, ch, mirrored(i, h), mirrored(j, w)]);
  const distance = (b: number, [i, j]: readonly number[], [k, l]: readonly number[]): number => {
    let [sum, total] = [0, 0];
    for (let dy = -half; dy <= half; dy++)
      for (let dx = -half; dx <= half; dx++)
        for (let ch = 0; ch < c; ch++) {
          sum += kernel(dy, dx) * (at(b, ch, i! + dy, j! + dx) - at(b, ch, k! + dy, l! + dx)) ** 2;
          total += kernel(dy, dx);
        }
    return sum / total;
  };
  const raw = build([n, 1, h * w, h * w], ([b, , p, q]) => {
    const [a, z] = [
      [Math.floor(p! / w), p! % w],
      [Math.floor(q! / w), q! % w],
    ] as const;
    const near = Math.abs(a[0]! - z[0]!) <= reach && Math.abs(a[1]! - z[1]!) <= reach;
    return near ? Math.exp(-distance(b!, a, z) / strength ** 2) : 0;
  });
  const l = h * w;
  const z = Array.from({ length: n * l }, (_, row) => raw.data.slice(row * l, (row + 1) * l).reduce((s, v) => s + v));
  const weights = { shape: raw.shape, data: raw.data.map((v, i) => v / z[Math.floor(i / l)]!) };
  const y = build([n, c, h, w], ([b, ch, i, j]) => {
    const row = weights.data.slice((b! * l + i! * w + j!) * l, (b! * l + i! * w + j! + 1) * l);
    return row.reduce((s, a, q) => s + a * x.data[(b! * c + ch!) * l + q]!, 0);
  });
  return { weights, y };
}

describe.each<readonly [string, Partial<NonLocalMeansConfig>]>([
  ['over the whole picture', {}],
  ['in a window', { search: 5 }],
  ['with patches weighed by a Gaussian', { gaussian: 0.9, patch: 5 }],
])('non-local means %s', (_, change) => {
  it('equals its equation in plain loops', () => {
    const run = runOf(spec(change), [2, 2, 5, 4]);
    expect(relativeError(outputOf(run), equation(run, spec(change)).y)).toBeLessThan(1e-6); // √weights are float32
  });
  it('shows in its tap, by position, what each position reads', () => {
    const run = runOf(spec(change), [2, 2, 5, 4]);
    expect(run.taps.get('attention')!.axes).toBe('n head (h w) (h w)');
    const tap = tapOf(run, 'attention');
    expect(relativeError(tap, equation(run, spec(change)).weights)).toBeLessThan(1e-6);
    expect(tap.data.slice(0, 20).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
  });
  it('has the gradient that central differences give', () => {
    expect(gradientError(runOf(spec(change), [1, 1, 4, 4]))).toBeLessThan(1e-6);
  });
});

describe('non-local means', () => {
  it('has no state', () => {
    expect(runOf(spec(), [1, 3, 4, 4]).state).toEqual([]);
  });
  it('takes noise from stripes and leaves them sharp', () => {
    const [side, deviation] = [12, 0.1];
    const r = random(3, 'noise');
    const clean = Array.from({ length: side * side }, (_, i) => ((i % side) >> 2) % 2);
    const noisy = clean.map((v) => v + deviation * r.normal());
    const run = runOf(spec({ strength: 0.25 }), [1, 1, side, side]);
    const feeds = new Map([['x', float32([1, 1, side, side], noisy)]]);
    const filtered = outputOf({ ...run, feeds }).data;
    const error = (picture: ArrayLike<number>): number =>
      Math.sqrt(clean.reduce((sum, v, i) => sum + (picture[i]! - v) ** 2, 0) / clean.length);
    expect(error(noisy)).toBeGreaterThan(0.08);
    expect(error(filtered)).toBeLessThan(0.03);
  });
  it('runs over sequences', () => {
    expect(outputOf(runOf(spec({ search: 3 }), [1, 2, 6])).shape).toEqual([1, 2, 6]);
  });
  it('refuses a strength of nothing, an even patch and one larger than the picture', () => {
    expect(() => runOf(spec({ strength: 0 }), [1, 1, 4, 4])).toThrow('positive strength');
    expect(() => runOf(spec({ patch: 4 }), [1, 1, 4, 4])).toThrow('Use 3 or 5');
    expect(() => runOf(spec({ patch: 7 }), [1, 1, 3, 3])).toThrow('at most 5');
  });
});

import { describe, expect, it } from 'vitest';
import { float32, int64, type Tensor } from '../../../src/core/tensor.ts';
import { constant } from '../../../src/graph/trace.ts';
import type { Composition, LocalRelationConfig } from '../../../src/model/blocks/local-relation.ts';
import { parameterCount } from '../../../src/model/scope.ts';
import { interpret } from '../../support/interpret.ts';
import { build, get, type Numbers, relativeError } from '../../support/numbers.ts';
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

const spec = (change: Partial<LocalRelationConfig> = {}): LocalRelationConfig => ({
  kind: 'local-relation',
  window: 3,
  share: 2,
  ...change,
});

const PHI: { readonly [K in Composition]: (q: number, k: number) => number } = {
  product: (q, k) => q * k,
  'absolute-difference': (q, k) => -Math.abs(q - k),
  'squared-difference': (q, k) => -((q - k) ** 2),
  key: (_, k) => k,
};

/** A map's 1 x 1 convolution, at every position. */
function mapped(run: BlockRun, name: string, x: Numbers): Numbers {
  const y = project(flat(x), fed(run, `${name}.weight`), fed(run, `${name}.bias`));
  return { shape: [x.shape[0]!, y.shape[1]!, ...x.shape.slice(2)], data: y.data };
}

/** The geometry prior f_g at a place of the window. */
function priorOf(run: BlockRun, { prior, window = 7, geometryHidden = 16 }: LocalRelationConfig) {
  if (prior === 'none') return () => 0;
  const half = (window - 1) / 2;
  const [w1, b1] = [fed(run, 'geometry.0.weight').data, fed(run, 'geometry.0.bias').data];
  const [w2, b2] = [fed(run, 'geometry.2.weight').data, fed(run, 'geometry.2.bias').data];
  return (g: number, a: number, b: number): number => {
    let sum = b2[g]!;
    for (let h = 0; h < geometryHidden; h++) {
      const hidden = w1[2 * h]! * ((a - half) / half) + w1[2 * h + 1]! * ((b - half) / half) + b1[h]!;
      sum += w2[g * geometryHidden + h]! * Math.max(0, hidden);
    }
    return sum;
  };
}

/** The layer in plain loops: ω [N, groups, H', W', K²], and z. */
function equation(run: BlockRun, config: LocalRelationConfig): { readonly weights: Numbers; readonly z: Numbers } {
  const { window = 7, share = 8, queryChannels: d = 1, composition = 'squared-difference', scale = 1 } = config;
  const { stride = 1, dilation = 1, outside = -100, normalise = 'softmax' } = config;
  const x = fed(run, 'x');
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const [groups, half] = [c / share, (window - 1) / 2];
  const size = [Math.floor((h - 1) / stride) + 1, Math.floor((w - 1) / stride) + 1] as const;
  const q = composition === 'key' ? undefined : mapped(run, 'query', x);
  const k = mapped(run, 'key', x);
  const prior = priorOf(run, config);
  const place = (tap: number): readonly [number, number] => [Math.floor(tap / window), tap % window];
  const rows = new Map<string, number[]>();
  const row = (b: number, g: number, i: number, j: number): number[] => {
    const key = [b, g, i, j].join();
    const found = rows.get(key);
    if (found) return found;
    const scores = Array.from({ length: window ** 2 }, (_, tap) => {
      const [da, db] = place(tap);
      const [y, z] = [i * stride + (da - half) * dilation, j * stride + (db - half) * dilation];
      const inside = y >= 0 && y < h && z >= 0 && z < w;
      const each = Array.from({ length: d }, (_, e) => {
        const query = q ? get(q, [b, g * d + e, i * stride, j * stride]) : 1;
        return scale * PHI[composition](query, get(k, [b, g * d + e, y, z]));
      });
      return (inside ? each.reduce((s, v) => s + v, 0) : outside) + prior(g, da, db);
    });
    const made = normalise === 'softmax' ? softmax(scores) : scores;
    rows.set(key, made);
    return made;
  };
  const weights = build([n, groups, ...size, window ** 2], ([b, g, i, j, tap]) => row(b!, g!, i!, j!)[tap!]!);
  const y = build([n, c, ...size], ([b, ch, i, j]) =>
    row(b!, Math.floor(ch! / share), i!, j!).reduce((sum, a, tap) => {
      const [da, db] = place(tap);
      return sum + a * get(x, [b!, ch!, i! * stride + (da - half) * dilation, j! * stride + (db - half) * dilation]);
    }, 0),
  );
  return { weights, z: config.output === false ? y : mapped(run, 'out', y) };
}

const COMPOSITIONS = Object.keys(PHI) as Composition[];
const SHAPE = [2, 4, 4, 3];

describe.each(COMPOSITIONS)('the local relation layer, %s', (composition) => {
  it.each<readonly [string, Partial<LocalRelationConfig>]>([
    ['one number a group', {}],
    ['a vector a group, scaled', { queryChannels: 3, scale: 0.5 }],
    ['stride 2', { stride: 2 }],
    ['a window of 5', { window: 5 }],
    ['dilation 2 and no prior', { dilation: 2, prior: 'none' }],
    ['no softmax', { normalise: 'none', scale: 0.125 }],
  ])('equals its equation in plain loops: %s', (_, change) => {
    const config = spec({ composition, ...change });
    const run = runOf(config, SHAPE);
    expect(relativeError(outputOf(run), equation(run, config).z)).toBeLessThan(1e-9);
  });
  it.each([1, 2])('has the gradient that central differences give, stride %i', (stride) => {
    const run = runOf(spec({ composition, stride, queryChannels: 2, geometryHidden: 3 }), [1, 4, 3, 2]);
    expect(gradientError(run)).toBeLessThan(1e-6);
  });
});

describe('the local relation layer', () => {
  it('shows what each position reads of its window, by head, position and place', () => {
    const config = spec({ stride: 2 });
    const run = runOf(config, SHAPE);
    expect(run.taps.get('attention_window')).toMatchObject({ axes: 'n head (h w) (dy dx)', sizes: { h: 2, w: 2 } });
    const tap = tapOf(run, 'attention_window');
    expect(tap.shape).toEqual([2, 2, 4, 9]);
    equation(run, config).weights.data.forEach((v, i) => {
      expect(tap.data[i]).toBeCloseTo(v, 9);
    });
  });
  it('gives dense rows for chosen positions, zero outside their windows', () => {
    const run = runOf(spec(), SHAPE);
    const rows = interpret(
      new Map([['rows', run.taps.get('attention')!.rows!(constant(int64([1], [4])))]]),
      run.feeds,
    ).get('rows')!;
    const window = equation(run, spec()).weights;
    expect(rows.shape).toEqual([2, 2, 1, 12]); // position 4 is row 1, column 1 of 4 x 3
    for (let j = 0; j < 12; j++) {
      const [y, x] = [Math.floor(j / 3), j % 3];
      const expected = y <= 2 ? get(window, [1, 1, 1, 1, y * 3 + x]) : 0;
      expect(get(rows, [1, 1, 0, j])).toBeCloseTo(expected, 9);
    }
  });
  it('works along one axis and over three', () => {
    for (const shape of [
      [1, 4, 5],
      [1, 4, 3, 2, 3],
    ]) {
      const run = runOf(spec({ stride: shape.length === 3 ? 2 : 1 }), shape);
      expect(outputOf(run).shape).toEqual(shape.length === 3 ? [1, 4, 3] : shape);
      expect(shapesOf(run)['geometry.0.weight']!.slice(0, 2)).toEqual([16, shape.length - 2]);
      expect(gradientError(runOf(spec({ geometryHidden: 2 }), [1, 2, ...shape.slice(2)]))).toBeLessThan(1e-6);
    }
  });
  it('feels no bias of κ under products, and no last bias of the prior', () => {
    const largest = (run: BlockRun, name: string): number =>
      Math.max(...gradientsOf(run).get(name)!.data.map(Math.abs));
    const inner = spec({ composition: 'product', outside: -1e4 });
    expect(largest(runOf(inner, SHAPE), 'key.bias')).toBeLessThan(1e-12);
    expect(largest(runOf(spec(), SHAPE), 'key.bias')).toBeGreaterThan(1e-4);
    expect(largest(runOf(spec(), SHAPE), 'geometry.2.bias')).toBeLessThan(1e-12);
  });
});

describe('what a local relation layer without comparison is', () => {
  /** The layer's output before W_o with some state set to numbers. */
  const before = (config: LocalRelationConfig, set: Readonly<Record<string, (i: number) => number>>): BlockRun => {
    const run = runOf({ ...config, output: false }, [1, 2, 9, 9]);
    const feeds = new Map<string, Tensor>(run.feeds);
    for (const [name, value] of Object.entries(set)) {
      const t = fed(run, name);
      feeds.set(
        name,
        float32(
          t.shape,
          t.data.map((_, i) => value(i)),
        ),
      );
    }
    return { ...run, feeds };
  };
  const zero = (): number => 0;
  const still = { 'query.weight': zero, 'query.bias': zero, 'key.weight': zero, 'key.bias': zero };
  const meanOf = (x: Numbers, rows: readonly number[], columns: readonly number[]): number =>
    rows.flatMap((i) => columns.map((j) => get(x, [0, 0, i, j]))).reduce((a, b) => a + b) /
    (rows.length * columns.length);
  const range = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => from + i);

  it('is the mean of the window, at a corner of the 16 pixels that are there', () => {
    const run = before(spec({ window: 7, prior: 'none' }), still);
    const [x, y] = [fed(run, 'x'), outputOf(run)];
    expect(get(y, [0, 0, 4, 4])).toBeCloseTo(meanOf(x, range(7, 1), range(7, 1)), 12);
    expect(get(y, [0, 0, 0, 0])).toBeCloseTo(meanOf(x, range(4), range(4)), 12);
  });
  it('is the same with a constant key under products', () => {
    const run = before(spec({ composition: 'product', prior: 'none' }), { 'key.weight': zero });
    expect(get(outputOf(run), [0, 0, 4, 4])).toBeCloseTo(meanOf(fed(run, 'x'), range(3, 3), range(3, 3)), 12);
  });
  it('shifts by a pixel where the prior wants one place alone', () => {
    // ReLU(dx) of one hidden channel: the right column of three; ReLU(dy) of another: the bottom row.
    const run = before(spec({ geometryHidden: 2 }), {
      ...still,
      'geometry.0.weight': (i) => [0, 1, 1, 0][i]!,
      'geometry.0.bias': zero,
      'geometry.2.weight': () => 90,
      'geometry.2.bias': zero,
    });
    expect(get(outputOf(run), [0, 0, 2, 3])).toBeCloseTo(get(fed(run, 'x'), [0, 0, 3, 4]), 12);
  });
  it('reads zeros beyond the border where the prior outweighs what stands for them', () => {
    const set = { ...still, 'geometry.0.weight': (i: number) => (i === 0 ? 1 : 0), 'geometry.0.bias': zero };
    const last = { ...set, 'geometry.2.weight': () => 200, 'geometry.2.bias': zero };
    const run = before(spec({ geometryHidden: 1 }), last);
    expect(Math.abs(get(outputOf(run), [0, 0, 8, 4]))).toBeLessThan(1e-12);
  });
});

describe('the parameters of the local relation layer', () => {
  it('bear the names and shapes of the shared cases', () => {
    expect(shapesOf(runOf(spec({ share: 4, queryChannels: 2, geometryHidden: 8 }), [1, 32, 3, 3]))).toEqual({
      'query.weight': [16, 32, 1, 1],
      'query.bias': [16],
      'key.weight': [16, 32, 1, 1],
      'key.bias': [16],
      'geometry.0.weight': [8, 2, 1, 1],
      'geometry.0.bias': [8],
      'geometry.2.weight': [8, 8, 1, 1],
      'geometry.2.bias': [8],
      'out.weight': [32, 32, 1, 1],
      'out.bias': [32],
    });
  });
  it('are C² (1 + 2 d / m) and little more', () => {
    const count = (change: Partial<LocalRelationConfig>): number =>
      parameterCount(runOf({ kind: 'local-relation', ...change }, [1, 64, 7, 7], { state: 'initial' }).state);
    const [g, h] = [8, 16];
    const [query, prior, out] = [65 * g, 3 * h + (h + 1) * g, 65 * 64];
    expect(count({})).toBe(2 * query + prior + out);
    expect(count({ prior: 'none' })).toBe(2 * query + out);
    expect(count({ composition: 'key' })).toBe(query + prior + out);
    expect(count({ queryChannels: 8, output: false })).toBe(16 * query + prior);
  });
});

describe('a local relation layer that cannot be', () => {
  it.each<readonly [string, Partial<LocalRelationConfig>, readonly number[], string]>([
    ['a share that does not divide', { share: 8 }, [1, 100, 5, 5], 'Use 1, 2, 4, 5, 10'],
    ['an even window', { window: 4 }, [1, 4, 5, 5], 'expected an odd window, got 4. Use 3 or 5.'],
    ['a window larger than the map', { window: 7 }, [1, 4, 3, 9], 'at most 5 (dilation 1) for a map of 3 x 9'],
    ['a dilated window larger than the map', { dilation: 3, window: 5 }, [1, 4, 5, 5], 'Use 3, or a larger map'],
    ['a stride of 0', { stride: 0 }, [1, 4, 5, 5], 'positive whole number for stride'],
  ])('refuses %s', (_, change, shape, message) => {
    expect(() => runOf(spec(change), shape)).toThrow(message);
  });
});

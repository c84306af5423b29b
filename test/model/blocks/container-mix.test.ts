import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/core/fault.ts';
import { int64 } from '../../../src/core/tensor.ts';
import { constant } from '../../../src/graph/trace.ts';
import type { ContainerMixConfig } from '../../../src/model/blocks/container-mix.ts';
import { parameterCount } from '../../../src/model/scope.ts';
import { interpret } from '../../support/interpret.ts';
import { type Numbers, relativeError } from '../../support/numbers.ts';
import {
  type BlockRun,
  fed,
  flat,
  gradientError,
  outputOf,
  project,
  runOf,
  shapesOf,
  softmax,
  tapOf,
} from '../support.ts';

const [N, C, H, W] = [2, 4, 3, 2] as const;
const L = H * W;
const SHAPE = [N, C, H, W];
const config = (change: Partial<ContainerMixConfig> = {}): ContainerMixConfig => ({
  kind: 'container-mix',
  heads: 2,
  window: 3,
  ...change,
});
const DENSE: Partial<ContainerMixConfig> = { static: 'dense', positions: [H, W] };

const FORMS: readonly (readonly [string, ContainerMixConfig])[] = [
  ['one gate', config()],
  ['free weights', config({ weights: 'free' })],
  ['no weights', config({ weights: 'sum' })],
  ['kernels that channels share', config({ staticHeads: 2 })],
  ['a window larger than the map', config({ window: 7 })],
  ['learned matrices', config(DENSE)],
  ['attention alone', config({ affinity: 'dynamic' })],
  ['kernels alone', config({ affinity: 'static' })],
  ['shared kernels alone', config({ affinity: 'static', staticHeads: 2 })],
  ['one matrix alone', config({ ...DENSE, affinity: 'static', staticHeads: 1 })],
  ['a residual connection', config({ residual: true })],
];

const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));

/** α and β of the paper's formula. */
function weights(run: BlockRun, { affinity = 'both', weights: kind = 'gate' }: ContainerMixConfig): [number, number] {
  if (affinity !== 'both') return affinity === 'dynamic' ? [1, 0] : [0, 1];
  if (kind === 'sum') return [1, 1];
  if (kind === 'free') return [fed(run, 'alpha').data[0]!, fed(run, 'beta').data[0]!];
  const g = sigmoid(fed(run, 'sa_weight').data[0]!);
  return [g, 1 - g];
}

/** What stands at (i, j) of the static affinity of channel c. */
function fixed(run: BlockRun, { affinity, static: kind, staticHeads, heads = 16, window = 5 }: ContainerMixConfig) {
  const dense = kind === 'dense';
  const m = staticHeads ?? (dense ? heads : C);
  const table = fed(run, dense ? 'static_a' : affinity === 'static' ? 'attn.weight' : 'conv.weight').data;
  return (c: number, i: number, j: number): number => {
    const head = Math.floor((c * m) / C);
    if (dense) return table[(head * L + i) * L + j]!;
    const r = (window - 1) / 2;
    const dy = Math.floor(j / W) - Math.floor(i / W) + r;
    const dx = (j % W) - (i % W) + r;
    return dy >= 0 && dy < window && dx >= 0 && dx < window ? table[(head * window + dy) * window + dx]! : 0;
  };
}

/** Y = concat_m((α A_m(X) + β A_m) V_m) W₁ of the paper in plain loops, and the affinity of each channel. */
function equation(
  run: BlockRun,
  spec: ContainerMixConfig,
): { readonly y: Numbers; readonly a: (c: number) => number[][][] } {
  const { affinity = 'both', heads = 16 } = spec;
  const z = project(flat(fed(run, 'x')), fed(run, 'conv1.weight'), fed(run, 'conv1.bias'));
  const parts = z.shape[1]! / C;
  const at = (n: number, part: number, c: number, i: number): number => z.data[((n * parts + part) * C + c) * L + i]!;
  const [alpha, beta] = weights(run, spec);
  const staticAt = affinity === 'dynamic' ? () => 0 : fixed(run, spec);
  const d = C / heads;
  const dynamic = (n: number, c: number, i: number): number[] => {
    const first = Math.floor(c / d) * d;
    const scores = Array.from({ length: L }, (_, j) => {
      let dot = 0;
      for (let k = first; k < first + d; k++) dot += at(n, 0, k, i) * at(n, 1, k, j);
      return dot / Math.sqrt(d);
    });
    return softmax(scores);
  };
  const a = (c: number): number[][][] =>
    Array.from({ length: N }, (_, n) =>
      Array.from({ length: L }, (_, i) => {
        const row = affinity === 'static' ? [] : dynamic(n, c, i);
        return Array.from({ length: L }, (_, j) => alpha * (row[j] ?? 0) + beta * staticAt(c, i, j));
      }),
    );
  const biasName = affinity === 'static' ? 'attn.bias' : 'conv.bias';
  const bias = run.feeds.has(biasName) ? fed(run, biasName).data : undefined;
  const read = new Float64Array(N * C * L);
  for (let c = 0; c < C; c++) {
    const map = a(c);
    for (let n = 0; n < N; n++)
      for (let i = 0; i < L; i++) {
        let sum = beta * (bias?.[c] ?? 0);
        for (let j = 0; j < L; j++) sum += map[n]![i]![j]! * at(n, parts - 1, c, j);
        read[(n * C + c) * L + i] = sum;
      }
  }
  const out = project({ shape: [N, C, L], data: read }, fed(run, 'conv2.weight'), fed(run, 'conv2.bias'));
  const x = fed(run, 'x').data;
  return { y: { shape: SHAPE, data: out.data.map((v, i) => v + (spec.residual ? x[i]! : 0)) }, a };
}

describe.each(FORMS)('context aggregation of CONTAINER with %s', (_, spec) => {
  it('equals its equation in plain loops', () => {
    const run = runOf(spec, SHAPE);
    expect(relativeError(outputOf(run), equation(run, spec).y)).toBeLessThan(1e-9);
  });
  it('has the gradient that central differences give', () => {
    expect(gradientError(runOf(spec, SHAPE))).toBeLessThan(1e-6);
  });
  it('shows in its tap the mixture that each head reads by, whole and by rows', () => {
    const run = runOf(spec, SHAPE);
    const name = spec.affinity === 'static' && spec.static !== 'dense' ? 'attn.attention' : 'attention';
    const tap = run.taps.get(name)!;
    expect(tap).toMatchObject({ axes: 'n head (h w) (h w)', sizes: { h: H, w: W } });
    const shown = tapOf(run, name);
    const [n, heads] = shown.shape as [number, number];
    const { a } = equation(run, spec);
    for (let head = 0; head < heads; head++) {
      const expected = a((head * C) / heads);
      for (let b = 0; b < n; b++)
        for (let i = 0; i < L; i++)
          for (let j = 0; j < L; j++)
            expect(shown.data[((b * heads + head) * L + i) * L + j]).toBeCloseTo(expected[b]![i]![j]!, 9);
    }
    const rows = interpret(new Map([['rows', tap.rows!(constant(int64([2], [4, 1])))]]), run.feeds).get('rows')!;
    expect(rows.shape).toEqual([n, heads, 2, L]);
    expect([...rows.data.slice(0, L)]).toEqual([...shown.data.slice(4 * L, 5 * L)]);
  });
});

describe('context aggregation of CONTAINER', () => {
  it('has the tensors of the released blocks', () => {
    const shapes = (change: Partial<ContainerMixConfig>) =>
      shapesOf(runOf({ kind: 'container-mix', ...change } as ContainerMixConfig, [1, 16, 3, 3]));
    expect(shapes({})).toEqual({
      'conv1.weight': [48, 16, 1, 1],
      'conv1.bias': [48],
      sa_weight: [1],
      'conv.weight': [16, 1, 5, 5],
      'conv.bias': [16],
      'conv2.weight': [16, 16, 1, 1],
      'conv2.bias': [16],
    });
    expect(Object.keys(shapes({ affinity: 'static' }))).toEqual([
      'conv1.weight',
      'conv1.bias',
      'attn.weight',
      'attn.bias',
      'conv2.weight',
      'conv2.bias',
    ]);
  });
  it('has M k² numbers in the kernels of M heads, and M N² in their matrices', () => {
    const count = (change: Partial<ContainerMixConfig>): number =>
      parameterCount(runOf(config({ affinity: 'static', ...change }), [1, 4, 3, 2]).state) - 2 * (16 + 4);
    expect([4, 2, 1].map((staticHeads) => count({ staticHeads }) - 4)).toEqual([36, 18, 9]);
    expect([4, 1].map((staticHeads) => count({ ...DENSE, staticHeads }))).toEqual([4 * 36, 36]);
  });
  it('starts with both affinities at one half', () => {
    for (const kind of ['gate', 'free'] as const) {
      const run = runOf(config({ weights: kind }), SHAPE, { state: 'initial' });
      expect(weights(run, config({ weights: kind }))).toEqual([0.5, 0.5]);
    }
  });
  it('refuses heads that do not divide, even windows, and maps that a matrix is not made for', () => {
    const fault = (change: Partial<ContainerMixConfig>, shape: readonly number[] = SHAPE): string => {
      try {
        runOf(config(change), shape);
      } catch (error) {
        if (error instanceof Fault) return `${error.code}: ${error.message}`;
      }
      return 'no fault';
    };
    expect(fault({ heads: 3 })).toMatch(/^config: .*number of heads that divides 4 channels, got 3\. Use 1, 2 or 4\./);
    expect(fault({ staticHeads: 3 })).toContain('number of static heads that divides 4 channels');
    expect(fault({ window: 4 })).toContain('Use 3 or 5');
    expect(fault({ static: 'dense' })).toContain('Set it to [3,2]');
    expect(fault(DENSE, [1, 4, 4, 4])).toMatch(/^shape: .*map of 3 x 2 positions, got 4 x 4/);
  });
});

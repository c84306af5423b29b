import { describe, expect, it } from 'vitest';
import { float32, int64, type Tensor } from '../../../src/core/tensor.ts';
import { constant } from '../../../src/graph/trace.ts';
import { attend, type SelfAttentionConfig, selfAttention } from '../../../src/model/blocks/self-attention.ts';
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
  runPart,
  shapesOf,
  softmax,
  tapOf,
} from '../support.ts';

const [N, C, L, M] = [2, 6, 6, 3] as const;
const config = (change: Partial<SelfAttentionConfig> = {}): SelfAttentionConfig => ({
  kind: 'self-attention',
  heads: M,
  ...change,
});
const PAM = config({ static: 'dense', positions: L });

/** Z of the equation in plain loops, channels first, and its affinity [N][M][L][L]. */
function equation(run: BlockRun, x: Numbers): { readonly z: Numbers; readonly a: number[][][][] } {
  const bias = run.feeds.has('qkv.bias') ? fed(run, 'qkv.bias') : undefined;
  const z = project(x, fed(run, 'qkv.weight'), bias);
  const learned = run.feeds.has('static_a') ? fed(run, 'static_a').data : undefined;
  const at = (n: number, part: number, c: number, i: number): number => z.data[((n * 3 + part) * C + c) * L + i]!;
  const d = C / M;
  const a = Array.from({ length: N }, (_, n) =>
    Array.from({ length: M }, (_, m) =>
      Array.from({ length: L }, (_, i) => {
        const row = softmax(
          Array.from({ length: L }, (_, j) => {
            let dot = 0;
            for (let c = m * d; c < (m + 1) * d; c++) dot += at(n, 0, c, i) * at(n, 1, c, j);
            return dot / Math.sqrt(d);
          }),
        );
        return row.map((v, j) => v + (learned?.[(m * L + i) * L + j] ?? 0));
      }),
    ),
  );
  const read = new Float64Array(N * C * L);
  for (let n = 0; n < N; n++)
    for (let c = 0; c < C; c++)
      for (let i = 0; i < L; i++)
        read[(n * C + c) * L + i] = a[n]![Math.floor(c / d)]![i]!.reduce((sum, v, j) => sum + v * at(n, 2, c, j), 0);
  return { z: project({ shape: [N, C, L], data: read }, fed(run, 'proj.weight'), fed(run, 'proj.bias')), a };
}

/** [N, A, B] → [N, B, A] */
function turned({ shape, data }: Numbers): Numbers {
  const [n, a, b] = shape as [number, number, number];
  const out = new Float64Array(data.length);
  for (let k = 0; k < n; k++)
    for (let i = 0; i < a; i++) for (let j = 0; j < b; j++) out[(k * b + j) * a + i] = data[(k * a + i) * b + j]!;
  return { shape: [n, b, a], data: out };
}

describe.each([
  ['plain', config()],
  ['without a bias in its projection', config({ qkvBias: false })],
  ['with a learned affinity (CONTAINER-PAM)', PAM],
])('self-attention, %s', (_, spec) => {
  it('equals its equation in plain loops on a map', () => {
    const run = runOf(spec, [N, C, 3, 2]);
    const y = outputOf(run);
    expect(y.shape).toEqual([N, C, 3, 2]);
    expect(relativeError(flat(y), equation(run, flat(fed(run, 'x'))).z)).toBeLessThan(1e-9);
  });
  it('equals it on tokens, channels last', () => {
    const tokens = { ...spec, layout: 'channels-last' as const };
    const run = runPart((s, x) => selfAttention(s, x, tokens), [N, L, C]);
    expect(relativeError(outputOf(run), turned(equation(run, turned(fed(run, 'x'))).z))).toBeLessThan(1e-9);
    expect(shapesOf(run)['qkv.weight']).toEqual([3 * C, C]);
  });
  it('has the gradient that central differences give, in both layouts', () => {
    const tokens = { ...spec, layout: 'channels-last' as const };
    expect(gradientError(runOf(spec, [1, C, 3, 2]))).toBeLessThan(1e-6);
    expect(gradientError(runPart((s, x) => selfAttention(s, x, tokens), [1, L, C]))).toBeLessThan(1e-6);
  });
  it('shows in its tap what each position reads', () => {
    const run = runOf(spec, [N, C, 3, 2]);
    expect(run.taps.get('attention')).toMatchObject({ axes: 'n head (h w) (h w)', sizes: { h: 3, w: 2 } });
    const expected = equation(run, flat(fed(run, 'x'))).a.flat(3);
    const shown = tapOf(run, 'attention');
    expect(shown.shape).toEqual([N, M, L, L]);
    shown.data.forEach((v, i) => {
      expect(v).toBeCloseTo(expected[i]!, 9);
    });
  });
});

describe('self-attention among tokens with a class token', () => {
  const grid = { prefix: 1, size: [5, 1] as const };
  const run = runPart((s, x) => selfAttention(s, x, config({ layout: 'channels-last' }), { grid }), [N, L, C]);
  const all = equation(run, turned(fed(run, 'x'))).a;
  it('shows the patches among themselves, whose rows sum to 1 less what they read of the class token', () => {
    const tap = run.taps.get('attention')!;
    expect(tap).toMatchObject({ axes: 'n head (h w) (h w)', sizes: { h: 5, w: 1 } });
    const shown = tapOf(run, 'attention');
    expect(shown.shape).toEqual([N, M, 5, 5]);
    const [n, m, i, j] = [1, 2, 3, 0];
    expect(shown.data[((n * M + m) * 5 + i) * 5 + j]).toBeCloseTo(all[n]![m]![i + 1]![j + 1]!, 9);
    expect(shown.data.slice(0, 5).reduce((a, b) => a + b)).toBeCloseTo(1 - all[0]![0]![1]![0]!, 9);
    const rows = interpret(new Map([['rows', tap.rows!(constant(int64([1], [3])))]]), run.feeds).get('rows')!;
    expect([...rows.data.slice(0, 5)]).toEqual([...shown.data.slice(15, 20)]);
  });
  it('shows what the class token reads of the patches', () => {
    expect(run.taps.get('class_attention')).toMatchObject({ axes: 'n head 1 (h w)', sizes: { h: 5, w: 1 } });
    const shown = tapOf(run, 'class_attention');
    expect(shown.shape).toEqual([N, M, 1, 5]);
    all.flat().forEach((map, i) => {
      for (let j = 0; j < 5; j++) expect(shown.data[i * 5 + j]).toBeCloseTo(map[0]![j + 1]!, 9);
    });
  });
});

describe('self-attention', () => {
  it('has 4 C² + 4 C parameters, and M N² more with a learned affinity', () => {
    expect(parameterCount(runOf(config(), [1, C, 3, 2]).state)).toBe(4 * C * C + 4 * C);
    expect(parameterCount(runOf(PAM, [1, C, 3, 2]).state)).toBe(4 * C * C + 4 * C + M * L * L);
  });
  it('reads alone, without parameters, as in the released mixture', () => {
    const run = runPart((s, x) => attend(s, x, { heads: M, layout: 'channels-last' }), [N, L, 3 * C]);
    expect(run.state).toEqual([]);
    const identity = new Map<string, Tensor>();
    const eye = (rows: number, columns: number, from: number): Tensor =>
      float32(
        [rows, columns],
        Array.from({ length: rows * columns }, (_, i) => Number(Math.floor(i / columns) === (i % columns) - from)),
      );
    identity.set('proj.weight', eye(C, C, 0)).set('proj.bias', float32([C], new Array<number>(C).fill(0)));
    identity.set('qkv.weight', eye(3 * C, 3 * C, 0));
    const through = { ...run, feeds: new Map([...run.feeds, ...identity]) };
    const expected = turned(equation(through, turned(fed(run, 'x'))).z);
    expect(relativeError(outputOf(run), expected)).toBeLessThan(1e-9);
  });
});

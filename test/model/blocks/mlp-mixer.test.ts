import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/core/fault.ts';
import { erfOf } from '../../../src/graph/ops/index.ts';
import { type MlpMixerConfig, mlpMixer } from '../../../src/model/blocks/mlp-mixer.ts';
import { type Numbers, relativeError } from '../../support/numbers.ts';
import { type BlockRun, fed, flat, gradientError, outputOf, runOf, runPart, shapesOf, tapOf } from '../support.ts';

const [N, C, L] = [2, 4, 6] as const;
const POSITIONS = [3, 2];
const SHAPE = [N, C, 3, 2];
const gelu = (v: number): number => 0.5 * v * (1 + erfOf(v / Math.SQRT2));

/** Token mixing in plain loops. x [N, C, L] → the same. */
function equation(run: BlockRun, x: Numbers, { heads = 1, hidden }: Partial<MlpMixerConfig>): Numbers {
  const data = new Float64Array(N * C * L);
  const mix = (row: (i: number, j: number) => number, size: number, from: readonly number[]): number[] =>
    Array.from({ length: size }, (_, i) => from.reduce((sum, v, j) => sum + row(i, j) * v, 0));
  for (let n = 0; n < N; n++)
    for (let c = 0; c < C; c++) {
      const v = Array.from({ length: L }, (_, i) => x.data[(n * C + c) * L + i]!);
      let y: number[];
      if (hidden === undefined) {
        const a = fed(run, 'static_a').data;
        const head = Math.floor((c * heads) / C);
        y = mix((i, j) => a[(head * L + i) * L + j]!, L, v);
      } else {
        const [w1, w2] = [fed(run, 'fc1.weight').data, fed(run, 'fc2.weight').data];
        const u = mix((i, j) => w1[i * L + j]!, hidden, v).map((s, i) => gelu(s + fed(run, 'fc1.bias').data[i]!));
        y = mix((i, j) => w2[i * hidden + j]!, L, u).map((s, i) => s + fed(run, 'fc2.bias').data[i]!);
      }
      data.set(y, (n * C + c) * L);
    }
  return { shape: [N, C, L], data };
}

describe.each([
  ['one affinity', {}],
  ['an affinity for each of two heads (MH-MLP)', { heads: 2 }],
  ['two layers (MLP-Mixer)', { hidden: 5 }],
])('token mixing with %s', (_, change: Partial<MlpMixerConfig>) => {
  const spec: MlpMixerConfig = { kind: 'mlp-mixer', positions: POSITIONS, ...change };
  const last = { ...spec, positions: L, layout: 'channels-last' } as const;
  it('equals its equation in plain loops, in both layouts', () => {
    const run = runOf(spec, SHAPE);
    expect(relativeError(flat(outputOf(run)), equation(run, flat(fed(run, 'x')), change))).toBeLessThan(1e-9);
    const tokens = runPart((s, x) => mlpMixer(s, x, last), [N, L, C]);
    const turn = ({ shape: [n, a, b], data }: Numbers): Numbers => ({
      shape: [n!, b!, a!],
      data: data.map((__, i) => {
        const [k, rest] = [Math.floor(i / (a! * b!)), i % (a! * b!)];
        return data[k * a! * b! + (rest % a!) * b! + Math.floor(rest / a!)]!;
      }),
    });
    expect(relativeError(turn(outputOf(tokens)), equation(tokens, turn(fed(tokens, 'x')), change))).toBeLessThan(1e-9);
  });
  it('has the gradient that central differences give, in both layouts', () => {
    expect(gradientError(runOf(spec, SHAPE))).toBeLessThan(1e-6);
    expect(gradientError(runPart((s, x) => mlpMixer(s, x, last), [N, L, C]))).toBeLessThan(1e-6);
  });
});

describe('token mixing', () => {
  it('shows its affinity, which is the same for all pictures', () => {
    const run = runOf({ kind: 'mlp-mixer', positions: POSITIONS, heads: 2 } as MlpMixerConfig, SHAPE);
    expect(run.taps.get('attention')!.axes).toBe('n head (h w) (h w)');
    expect(tapOf(run, 'attention')).toEqual(fed(run, 'static_a'));
  });
  it('shows the two affinities of its layers, to the hidden units and back', () => {
    const run = runOf({ kind: 'mlp-mixer', positions: POSITIONS, hidden: 5 } as MlpMixerConfig, SHAPE);
    expect(tapOf(run, 'attention1').shape).toEqual([1, 1, 5, L]);
    expect([...tapOf(run, 'attention2').data]).toEqual([...fed(run, 'fc2.weight').data]);
  });
  it('has the tensors of timm’s `mlp_tokens`, or M N² numbers', () => {
    const shapes = (change: Partial<MlpMixerConfig>) =>
      shapesOf(runOf({ kind: 'mlp-mixer', positions: POSITIONS, ...change } as MlpMixerConfig, SHAPE));
    expect(shapes({ hidden: 5 })).toEqual({
      'fc1.weight': [5, L],
      'fc1.bias': [5],
      'fc2.weight': [L, 5],
      'fc2.bias': [L],
    });
    expect(shapes({ heads: 2 })).toEqual({ static_a: [1, 2, L, L] });
  });
  it('refuses a map that it is not made for, and says why', () => {
    const fault = (positions: MlpMixerConfig['positions'], shape: readonly number[]): string => {
      try {
        runOf({ kind: 'mlp-mixer', ...(positions !== undefined && { positions }) } as MlpMixerConfig, shape);
      } catch (error) {
        if (error instanceof Fault) return `${error.code}: ${error.message}`;
      }
      return 'no fault';
    };
    expect(fault([3, 2], [1, 4, 2, 3])).toMatch(
      /^shape: .*expected a map of 3 x 2 positions, got 2 x 3.*one size only/,
    );
    expect(fault(6, [1, 4, 2, 3])).toBe('no fault');
    expect(fault(undefined, [1, 4, 2, 3])).toMatch(/^config: .*Set it to \[2,3\]/);
  });
});

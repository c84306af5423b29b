import { describe, expect, it } from 'vitest';
import type { ContextSpec } from '../../../src/model/blocks/context.ts';
import type { Fusion, GlobalContextConfig } from '../../../src/model/blocks/global-context.ts';
import { makeDivisible } from '../../../src/model/blocks/shape.ts';
import { parameterCount } from '../../../src/model/scope.ts';
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

const SHAPE = [2, 8, 3, 2] as const;
const L = 6;
const POOLINGS = ['attention', 'average'] as const;
const FUSIONS: readonly (readonly Fusion[])[] = [['add'], ['multiply'], ['add', 'multiply']];
const gc = (change: Partial<GlobalContextConfig> = {}): GlobalContextConfig => ({
  kind: 'global-context',
  ratio: 0.5,
  ...change,
});

/** Σ_j α_j x_j for each image, [N, C, 1]. */
function contextOf(x: Numbers, weights: (image: number) => readonly number[]): Numbers {
  const [n, c, l] = x.shape as [number, number, number];
  const data = Float64Array.from({ length: n * c }, (_, i) =>
    weights(Math.floor(i / c)).reduce((sum, a, j) => sum + a * x.data[i * l + j]!, 0),
  );
  return { shape: [n, c, 1], data };
}

/** softmax_j(W_k x_j) of each image. */
function attention(run: BlockRun, name: string): (image: number) => number[] {
  const logits = project(flat(fed(run, 'x')), fed(run, `${name}.weight`), fed(run, `${name}.bias`));
  return (image) => softmax([...logits.data.slice(image * L, (image + 1) * L)]);
}

/** W_2 ReLU(LN(W_1 c)) by the reference's names, [N, C, 1]; epsilon is the norm's. */
function transform(run: BlockRun, c: Numbers, [first, norm, last]: readonly string[], epsilon: number): Numbers {
  const h = project(c, fed(run, `${first}.weight`), fed(run, `${first}.bias`));
  const p = h.shape[1]!;
  const [scale, shift] = [fed(run, `${norm}.weight`).data, fed(run, `${norm}.bias`).data];
  const data = h.data.map((v, i) => {
    const row = h.data.slice(i - (i % p), i - (i % p) + p);
    const mean = row.reduce((a, b) => a + b) / p;
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / p;
    return Math.max(0, ((v - mean) / Math.sqrt(variance + epsilon)) * scale[i % p]! + shift[i % p]!);
  });
  return project({ shape: h.shape, data }, fed(run, `${last}.weight`), fed(run, `${last}.bias`));
}

/** x ⊙ factor + term, channel by channel. */
function fuse(x: Numbers, factor: ((i: number) => number) | undefined, term: Numbers | undefined): Numbers {
  const data = x.data.map((v, i) => v * (factor?.(Math.floor(i / L)) ?? 1) + (term?.data[Math.floor(i / L)] ?? 0));
  return { shape: x.shape, data };
}

const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
const NAMES = {
  gcnet: {
    mask: 'conv_mask',
    add: 'channel_add_conv',
    multiply: 'channel_mul_conv',
    parts: ['0', '1', '3'],
    epsilon: 1e-5,
  },
  timm: { mask: 'conv_attn', add: 'mlp_add', multiply: 'mlp_scale', parts: ['fc1', 'norm', 'fc2'], epsilon: 1e-6 },
} as const;

function equation(run: BlockRun, { pooling, fusions = ['add'], names = 'gcnet' }: GlobalContextConfig): Numbers {
  const n = NAMES[names];
  const x = flat(fed(run, 'x'));
  const c = contextOf(x, pooling === 'average' ? () => new Array<number>(L).fill(1 / L) : attention(run, n.mask));
  const branch = (f: Fusion): Numbers =>
    transform(
      run,
      c,
      n.parts.map((p) => `${n[f]}.${p}`),
      n.epsilon,
    );
  const factor = fusions.includes('multiply') ? branch('multiply') : undefined;
  const term = fusions.includes('add') ? branch('add') : undefined;
  return fuse({ ...x, shape: fed(run, 'x').shape }, factor && ((i) => sigmoid(factor.data[i]!)), term);
}

describe.each(POOLINGS.flatMap((pooling) => FUSIONS.map((fusions) => [pooling, fusions] as const)))(
  'the global context block, %s, %s',
  (pooling, fusions) => {
    it.each(['gcnet', 'timm'] as const)('equals its equation in plain loops, by the names of %s', (names) => {
      const spec = gc({ pooling, fusions, names });
      const run = runOf(spec, SHAPE);
      expect(relativeError(outputOf(run), equation(run, spec))).toBeLessThan(1e-9);
    });
    it('has the gradient that central differences give', () => {
      expect(gradientError(runOf(gc({ pooling, fusions }), [1, 4, 3, 2]))).toBeLessThan(1e-6);
    });
  },
);

describe('the global context block', () => {
  it('is the identity at first where it adds, and x / 2 where it multiplies', () => {
    const first = (fusions: readonly Fusion[]): BlockRun => runOf(gc({ fusions }), SHAPE, { state: 'initial' });
    const added = first(['add']);
    expect([...outputOf(added).data]).toEqual([...fed(added, 'x').data]);
    const halved = first(['add', 'multiply']);
    expect([...outputOf(halved).data]).toEqual([...fed(halved, 'x').data.map((v) => v / 2)]);
  });
  it('shows one map for all queries, which sums to one and is what it reads with', () => {
    const run = runOf(gc(), SHAPE);
    expect(run.taps.get('attention')).toMatchObject({ axes: 'n head 1 (h w)', sizes: { h: 3, w: 2 } });
    const map = tapOf(run, 'attention');
    expect(map.shape).toEqual([2, 1, 1, L]);
    const expected = attention(run, 'conv_mask');
    map.data.forEach((v, i) => {
      expect(v).toBeCloseTo(expected(Math.floor(i / L))[i % L]!, 12);
    });
    const c = tapOf(run, 'context');
    expect(relativeError({ ...c, shape: [2, 8, 1] }, contextOf(flat(fed(run, 'x')), expected))).toBeLessThan(1e-12);
  });
  it('gives the bias of its mask a gradient of zero', () => {
    const g = gradientsOf(runOf(gc(), SHAPE));
    expect(Math.abs(g.get('conv_mask.bias')!.data[0]!)).toBeLessThan(1e-12);
    expect(Math.max(...g.get('conv_mask.weight')!.data.map(Math.abs))).toBeGreaterThan(1e-4);
  });
  it('has the published number of parameters', () => {
    const count = (channels: number, ratio: number): number =>
      parameterCount(runOf(gc({ ratio }), [1, channels, 1, 1], { state: 'initial' }).state);
    expect([512, 1024, 2048].map((c) => count(c, 1 / 16))).toEqual([33_889, 133_313, 528_769]);
    expect([512, 1024, 2048].map((c) => count(c, 1 / 4))).toEqual([132_481, 527_105, 2_102_785]);
  });
  it('bears the names and shapes of GCNet', () => {
    expect(shapesOf(runOf(gc({ ratio: 1 / 4 }), SHAPE))).toEqual({
      'conv_mask.weight': [1, 8, 1, 1],
      'conv_mask.bias': [1],
      'channel_add_conv.0.weight': [2, 8, 1, 1],
      'channel_add_conv.0.bias': [2],
      'channel_add_conv.1.weight': [2, 1, 1],
      'channel_add_conv.1.bias': [2, 1, 1],
      'channel_add_conv.3.weight': [8, 2, 1, 1],
      'channel_add_conv.3.bias': [8],
    });
  });
  it('refuses a ratio that leaves no channel, and one that is no factor', () => {
    expect(() => runOf(gc({ ratio: 1 / 16 }), SHAPE)).toThrow('at least 1/8');
    expect(() => runOf(gc({ ratio: 16 }), SHAPE)).toThrow('a factor');
  });
  it('refuses to fuse in no way', () => {
    expect(() => runOf(gc({ fusions: [] }), SHAPE)).toThrow('fusions');
  });
});

describe('the simplified non-local block', () => {
  const spec: ContextSpec = { kind: 'simplified-non-local' };
  it('equals its equation in plain loops', () => {
    const run = runOf(spec, SHAPE);
    const x = fed(run, 'x');
    const c = contextOf(flat(x), attention(run, 'conv_mask'));
    const value = project(c, fed(run, 'conv_value.weight'), fed(run, 'conv_value.bias'));
    expect(relativeError(outputOf(run), fuse(x, undefined, value))).toBeLessThan(1e-9);
  });
  it('has the gradient that central differences give', () => {
    expect(gradientError(runOf(spec, [1, 4, 3, 2]))).toBeLessThan(1e-6);
  });
  it('is the identity at first and shows a map that sums to one', () => {
    const run = runOf(spec, SHAPE, { state: 'initial' });
    expect([...outputOf(run).data]).toEqual([...fed(run, 'x').data]);
    expect(
      tapOf(run, 'attention')
        .data.slice(L)
        .reduce((a, b) => a + b),
    ).toBeCloseTo(1, 12);
  });
  it('has C² + 2 C + 1 parameters', () => {
    const count = (c: number): number => parameterCount(runOf(spec, [1, c, 1, 1], { state: 'initial' }).state);
    expect([512, 1024].map(count)).toEqual([263_169, 1_050_625]);
  });
});

describe('the squeeze-and-excitation block', () => {
  const spec: ContextSpec = { kind: 'squeeze-excitation', squeezeChannels: 4 };
  it('equals equations 2 to 4 in plain loops, and shows the scale', () => {
    const run = runOf(spec, SHAPE);
    const x = fed(run, 'x');
    const c = contextOf(flat(x), () => new Array<number>(L).fill(1 / L));
    const hidden = project(c, fed(run, 'fc1.weight'), fed(run, 'fc1.bias'));
    const relu = { ...hidden, data: hidden.data.map((v) => Math.max(0, v)) };
    const scale = project(relu, fed(run, 'fc2.weight'), fed(run, 'fc2.bias')).data.map(sigmoid);
    expect(
      relativeError(
        outputOf(run),
        fuse(x, (i) => scale[i]!, undefined),
      ),
    ).toBeLessThan(1e-9);
    const tap = tapOf(run, 'scale');
    expect(tap.shape).toEqual([2, 8]);
    tap.data.forEach((v, i) => {
      expect(v).toBeCloseTo(scale[i]!, 12);
    });
  });
  it('has the gradient that central differences give', () => {
    expect(gradientError(runOf(spec, [1, 4, 3, 2]))).toBeLessThan(1e-6);
  });
  it('rounds its hidden width to a multiple of 8, as timm', () => {
    const width = (channels: number): number | undefined =>
      shapesOf(runOf({ kind: 'squeeze-excitation' }, [1, channels, 1, 1], { state: 'initial' }))['fc1.bias']?.[0];
    expect([64, 256, 320].map(width)).toEqual([8, 16, 24]);
    expect(makeDivisible(21, 8)).toBe(24);
    expect(makeDivisible(35, 32)).toBe(32);
    expect(makeDivisible(40, 32)).toBe(64);
  });
  it('refuses a hidden width of nothing', () => {
    expect(() => runOf({ kind: 'squeeze-excitation', squeezeChannels: 0 }, SHAPE)).toThrow('positive hidden width');
  });
});

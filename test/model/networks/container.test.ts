import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/core/fault.ts';
import { float32, int64, type Tensor } from '../../../src/core/tensor.ts';
import { createSession } from '../../../src/engine/session.ts';
import { lowerAggregates } from '../../../src/graph/aggregate/index.ts';
import { backward } from '../../../src/graph/backward.ts';
import { symbol } from '../../../src/graph/dimension.ts';
import { constant } from '../../../src/graph/trace.ts';
import type { ContainerMixConfig } from '../../../src/model/blocks/container-mix.ts';
import { initialise } from '../../../src/model/init.ts';
import { crossEntropy } from '../../../src/model/losses/classification.ts';
import { describeNetwork } from '../../../src/model/networks/describe.ts';
import { createModel } from '../../../src/model/networks/table.ts';
import { parameterCount, type Traced, traceNetwork } from '../../../src/model/scope.ts';
import { nodeRuntime } from '../../../src/runtime/node/onnx.ts';
import { GOLDEN } from '../../support/golden-files.ts';

interface Asked {
  readonly overrides?: Readonly<Record<string, unknown>>;
  readonly shape?: readonly number[];
  readonly mode?: 'training' | 'inference';
  readonly features?: readonly string[];
}
const trace = (
  name: string,
  { overrides = {}, shape = [2, 3, 64, 64], mode = 'inference', features = [] }: Asked = {},
): Traced => traceNetwork(createModel(name, overrides, features).network, { inputs: { x: { shape } }, mode });
const count = (overrides: Readonly<Record<string, unknown>>): number =>
  parameterCount(trace('container_v1_light', { overrides }).state);
const faultOf = (body: () => unknown): string => {
  try {
    body();
  } catch (error) {
    if (error instanceof Fault) return `${error.code}: ${error.message}`;
  }
  return 'no fault';
};

const MIX: ContainerMixConfig = { kind: 'container-mix' };
const STATIC: ContainerMixConfig = { ...MIX, affinity: 'static' };
const SMALL = { widths: [8, 8, 16, 16], blocks: [1, 1, 2, 1], mlpRatios: [2, 2, 2, 2], classes: 5 };
const mixed = (change: Partial<ContainerMixConfig> = {}) => ({ ...SMALL, mixers: [{ ...MIX, heads: 4, ...change }] });

describe('counts of CONTAINER', () => {
  it('of the released network hold for each stage with its patch embedding, and for the head', () => {
    const { state } = trace('container_v1_light');
    const of = (pattern: RegExp): number => parameterCount(state.filter((s) => pattern.test(s.name)));
    expect([1, 2, 3, 4].map((k) => of(new RegExp(`^(patch_embed|blocks)${k}\\.`)))).toEqual([
      234_240, 1_238_912, 8_477_120, 10_169_347,
    ]);
    expect([of(/^norm\./), of(/^head\./)]).toEqual([1_024, 513_000]);
  });
  it('hold for other networks of the released blocks, each by one line', () => {
    expect(count({ mixers: [MIX] })).toBe(22_434_234);
    expect(count({ mixers: [MIX], mlpRatios: [4, 4, 4, 4] })).toBe(21_808_826);
    expect(count({ mlpRatios: [4, 4, 4, 4] })).toBe(20_008_235);
    expect(count({ mixers: [MIX], widths: [128, 256, 320, 512], blocks: [2, 3, 8, 3] })).toBe(25_748_024);
    expect(count({ mixers: [STATIC] })).toBe(19_057_704);
    expect(count({ mixers: [{ ...MIX, affinity: 'dynamic' }] })).toBe(22_309_416);
  });
  it('of multiply-adds at 224 x 224 hold for the released network', () => {
    expect(describeNetwork('container_v1_light').macs).toBe(3_839_818_752 + 512_000 + 7_375_872);
  });
});

describe('CONTAINER', () => {
  it.each([
    ['both affinities', mixed()],
    ['free weights', mixed({ weights: 'free' })],
    ['shared kernels (MH-DW)', mixed({ affinity: 'static', staticHeads: 4 })],
    [
      'learned matrices in the last stage (PAM)',
      { ...SMALL, mixers: [STATIC, STATIC, STATIC, { ...MIX, heads: 4, static: 'dense', positions: [1, 2] }] },
    ],
    [
      'token mixing in the last stage (MH-MLP)',
      { ...SMALL, mixers: [STATIC, STATIC, STATIC, { kind: 'mlp-mixer', heads: 2, positions: 2 }] },
    ],
    [
      'other blocks of the table',
      {
        ...SMALL,
        mixers: [
          { kind: 'non-local', residual: false, init: 'he' },
          { kind: 'self-attention', heads: 2 },
          { kind: 'depthwise' },
          { kind: 'global-context', ratio: 0.5 },
        ],
      },
    ],
  ])('trains with %s: every parameter gets a gradient, on a picture that is not square', async (_, overrides) => {
    const traced = trace('container', { overrides, shape: [2, 3, 32, 64], mode: 'training' });
    const loss = crossEntropy(traced.outputs.get('logits')!, constant(int64([2], [1, 3])));
    const lowered = lowerAggregates(new Map([['loss', loss]]), { provider: 'cpu', training: true }).outputs.get(
      'loss',
    )!;
    const parameters = traced.state.filter((s) => s.role === 'param');
    const values = parameters.map((s) => traced.parameters.get(s.name)!);
    const gradients = backward(lowered, values);
    expect(parameters.filter((_s, i) => !gradients.has(values[i]!)).map((s) => s.name)).toEqual([]);
    const data = Array.from({ length: 2 * 3 * 32 * 64 }, (__, i) => Math.sin(i));
    const feeds: Record<string, Tensor> = { x: float32([2, 3, 32, 64], data) };
    for (const s of parameters) feeds[s.name] = initialise(s, 1);
    const first = gradients.get(traced.parameters.get('patch_embed1.proj.weight')!)!;
    const session = await createSession(
      nodeRuntime(),
      new Map([
        ['loss', lowered],
        ['g', first],
      ]),
      { threads: 1 },
    );
    const result = await session.run(feeds);
    await session.release();
    expect(result.loss!.data[0]).toBeCloseTo(Math.log(5), 0);
    expect(Math.hypot(...(result.g!.data as Float32Array))).toBeGreaterThan(1e-6);
  });
  it('is traced once for any batch and any size', async () => {
    const shape = [symbol('batch'), 3, symbol('height'), symbol('width')];
    const model = createModel('container', mixed());
    const traced = traceNetwork(model.network, { inputs: { x: { shape } }, mode: 'inference' });
    const { outputs } = lowerAggregates(traced.outputs, { provider: 'cpu', training: false });
    const session = await createSession(nodeRuntime(), outputs, { threads: 1 });
    const state = traced.state.filter((s) => s.role !== 'counter').map((s) => [s.name, initialise(s, 2)] as const);
    const run = async (n: number, h: number, w: number, from = 0): Promise<Float32Array> => {
      const data = Array.from({ length: n * 3 * h * w }, (_, i) => Math.cos(i + from));
      const result = await session.run({ ...Object.fromEntries(state), x: float32([n, 3, h, w], data) });
      return result.logits!.data as Float32Array;
    };
    const both = await run(2, 64, 32);
    (await run(1, 64, 32, 3 * 64 * 32)).forEach((v, i) => {
      expect(both[5 + i]).toBeCloseTo(v, 5);
    });
    expect(await run(1, 32, 96)).toHaveLength(5);
    await session.release();
  });
  it('gives the stage outputs at strides 4 to 32 without a classifier', () => {
    const { outputs, state } = trace('container_v1_light', {
      overrides: { classes: 0, inChannels: 1 },
      shape: [1, 1, 64, 96],
    });
    expect([...outputs].map(([name, v]) => [name, v.shape])).toEqual([
      ['c2', [1, 64, 16, 24]],
      ['c3', [1, 128, 8, 12]],
      ['c4', [1, 320, 4, 6]],
      ['c5', [1, 512, 2, 3]],
    ]);
    expect(state.some((s) => /^(norm|head)\./.test(s.name))).toBe(false);
    expect(state[0]).toMatchObject({ name: 'patch_embed1.proj.weight', shape: [64, 1, 4, 4] });
  });
  it('gives the intermediates that are asked for', () => {
    const features = ['patch_embed2', 'blocks3.0', 'blocks3', 'c4'];
    const { outputs } = trace('container', { overrides: mixed(), features });
    expect([...outputs.keys()].sort()).toEqual(['blocks3', 'blocks3.0', 'c4', 'logits', 'patch_embed2']);
    expect(outputs.get('blocks3')).toBe(outputs.get('c4'));
    expect(outputs.get('blocks3.0')).not.toBe(outputs.get('blocks3'));
    expect(faultOf(() => trace('container', { overrides: mixed(), features: ['blocks5'] }))).toContain('no "blocks5"');
  });
  it('draws a number for each branch of each block but the first, at rates that grow', () => {
    const { randoms } = trace('container', { overrides: { ...mixed(), dropPath: 0.2 }, mode: 'training' });
    expect(randoms.map((r) => r.name)).toEqual(
      ['blocks2.0', 'blocks3.0', 'blocks3.1', 'blocks4.0'].flatMap((block) => [
        `random/${block}.mixer.drop_path`,
        `random/${block}.mlp.drop_path`,
      ]),
    );
  });
  it('starts with PyTorch’s own convolutions and a truncated normal in its head alone', () => {
    const kinds = new Map(trace('container_light').state.map((s) => [s.name, s.init]));
    expect(kinds.get('head.weight')).toEqual({ kind: 'truncated-normal', std: 0.02 });
    expect(kinds.get('blocks1.0.mlp.fc1.weight')).toEqual({ kind: 'fan-in-uniform' });
    expect(kinds.get('blocks1.0.attn.bias')).toEqual({ kind: 'fan-in-uniform', fanIn: 25 });
    expect(kinds.get('blocks4.0.sa_weight')).toEqual({ kind: 'constant', value: 0 });
  });
});

describe('a CONTAINER that cannot be', () => {
  const fault = (overrides: Readonly<Record<string, unknown>>): string =>
    faultOf(() => trace('container', { overrides }));
  it('has lists of other lengths', () => {
    expect(fault({ widths: [8, 8] })).toMatch(/^config: widths: expected an entry for each of the 4 stages.*got 2/);
    expect(fault({ mixers: [MIX, MIX] })).toMatch(/^config: mixers: expected one, or one for each of 4/);
  });
  it('has heads that do not divide, a mixer that strides, or one that is unknown', () => {
    expect(fault({ ...SMALL, mixers: [{ ...MIX, heads: 3 }] })).toContain(
      'blocks1.0: expected a number of heads that divides 8',
    );
    expect(fault({ ...SMALL, mixers: [{ kind: 'depthwise', stride: 2 }] })).toContain('keeps the shape');
    expect(fault({ mixers: [{ kind: 'container-mixx' }] })).toMatch(/^config: .*mixers\.0\.kind: expected one of/);
    expect(fault({ mixers: [{ ...MIX, haeds: 3 }] })).toContain('Did you mean "heads"');
  });
  it('is fed another size than a learned affinity is made for', () => {
    const dense = { ...MIX, heads: 4, static: 'dense', positions: [7, 7] };
    expect(fault({ ...SMALL, mixers: [STATIC, STATIC, STATIC, dense] })).toMatch(
      /^shape: blocks4\.0: expected a map of 7 x 7 positions, got 2 x 2.*pictures of the size/,
    );
  });
});

describe.skipIf(!existsSync(GOLDEN))('names of the reference (skipped where ../shared/golden is absent)', () => {
  it('are those of the released network', () => {
    const json = JSON.parse(readFileSync(`${GOLDEN}backbones/container_v1_light.json`, 'utf8')) as {
      readonly state: readonly { readonly name: string; readonly shape: readonly number[] }[];
    };
    const key = (s: { readonly name: string; readonly shape: readonly number[] }): string => `${s.name} [${s.shape}]`;
    expect(trace('container_v1_light').state.map(key).sort()).toEqual(json.state.map(key).sort());
  });
});

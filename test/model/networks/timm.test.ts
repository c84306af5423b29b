import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/core/fault.ts';
import { fnv1a } from '../../../src/core/random.ts';
import { sizeOf } from '../../../src/core/shape.ts';
import { float32, type Tensor } from '../../../src/core/tensor.ts';
import { createSession } from '../../../src/engine/session.ts';
import { backward } from '../../../src/graph/backward.ts';
import { type Dim, symbol } from '../../../src/graph/dimension.ts';
import { initialise } from '../../../src/model/init.ts';
import type { ByobnetConfig } from '../../../src/model/networks/byobnet-config.ts';
import { BYOBNETS } from '../../../src/model/networks/byobnet-table.ts';
import { describeNetwork } from '../../../src/model/networks/describe.ts';
import { RESNETS } from '../../../src/model/networks/resnet-table.ts';
import { createModel } from '../../../src/model/networks/table.ts';
import { parameterCount, type Traced, traceNetwork } from '../../../src/model/scope.ts';
import { nodeRuntime } from '../../../src/runtime/node/onnx.ts';
import { lowerTraced, traceTraining } from '../../../src/train/network.ts';
import { interpret } from '../../support/interpret.ts';

/** What reference.py found in timm. */
interface Reference {
  readonly kept: Readonly<
    Record<string, { readonly parameters: number; readonly tensors: number; readonly hash: number }>
  >;
  readonly logits: { readonly shape: readonly number[] } & Readonly<Record<Small, readonly (readonly number[])[]>>;
}
type Small = 'grouped' | 'averaged';

const reference = JSON.parse(readFileSync(new URL('./timm/reference.json', import.meta.url), 'utf8')) as Reference;

const trace = (name: string, overrides: Partial<ByobnetConfig> = {}, shape: readonly Dim[] = [2, 3, 64, 64]): Traced =>
  traceNetwork(createModel(name, overrides).network, { inputs: { x: { shape } }, mode: 'inference' });

describe.each(Object.entries(reference.kept))('%s', (name, { parameters, tensors, hash }) => {
  it("keeps timm's tensors, names and shapes", () => {
    const { state } = trace(name);
    expect(state).toHaveLength(tensors);
    expect(
      fnv1a(
        state
          .map((s) => `${s.name} [${s.shape}]`)
          .sort()
          .join('\n'),
      ),
    ).toBe(hash);
    expect(parameterCount(state)).toBe(parameters);
  });
});

describe('the table', () => {
  it("has timm's published counts of its context networks, in millions", () => {
    const published = { gcresnet33ts: 19.88, gcresnet50t: 25.9, gcresnext26ts: 10.48, gcresnext50ts: 15.67 } as const;
    const ours = Object.keys(published).map((name) => [name, describeNetwork(name, 64).parameters / 1e6] as const);
    expect(Object.fromEntries(ours.map(([name, m]) => [name, Math.round(m * 100) / 100]))).toEqual(published);
  });
  it('has no network of timm that the reference does not know', () => {
    const tables = { ...RESNETS, ...BYOBNETS };
    const ours = Object.entries(tables).flatMap(([n, { input }]) => (n.includes('-') || input.size <= 32 ? [] : [n]));
    expect(ours.sort()).toEqual(Object.keys(reference.kept).sort());
  });
  it('says what pictures a network is made for, unless its stem becomes that of small ones', () => {
    expect(createModel('gcresnext26ts').input).toMatchObject({ size: 256, crop: 0.9, interpolation: 'bicubic' });
    expect(createModel('resnet26t', { classes: 3 }).input.size).toBe(256);
    expect(createModel('resnet50', { stem: '3x3' }).input).toMatchObject({ size: 32, crop: 1 });
    expect(describeNetwork('gcresnext26ts').size).toBe(256);
  });
});

const SMALL: Readonly<Record<Small, Partial<ByobnetConfig>>> = {
  grouped: {
    stem: [6, 8, 16],
    stages: [
      { blocks: 1, channels: 32, stride: 1, ratio: 0.5, groupSize: 8 },
      { blocks: 2, channels: 64, stride: 2, ratio: 0.25, groupSize: 8 },
    ],
    classes: 5,
  },
  averaged: {
    stem: [6, 8, 16],
    stemStride: 'convolution',
    stages: [
      { blocks: 1, channels: 24, stride: 1, ratio: 0.5, groupSize: 0 },
      { blocks: 2, channels: 48, stride: 2, ratio: 0.25, groupSize: 0 },
    ],
    activation: 'relu',
    shortcut: 'average',
    finalChannels: 40,
    classes: 5,
    context: [{ context: { kind: 'squeeze-excitation' }, position: 'after-conv2', name: 'attn' }],
  },
};

function wave(name: string, count: number): number[] {
  const phase = (fnv1a(name) % 6283) / 1000;
  return Array.from({ length: count }, (_, i) => Math.sin(12.9898 * i + phase));
}

/** A tensor as reference.py fills it: a function of its name and shape. */
function filled(name: string, shape: readonly number[]): Tensor {
  const [offset, scale] = name.endsWith('running_var')
    ? [1, 0.5]
    : shape.length === 1
      ? [name.endsWith('weight') ? 1 : 0, 0.3]
      : [0, 2 / Math.sqrt(sizeOf(shape.slice(1)))];
  return float32(
    shape,
    wave(name, sizeOf(shape)).map((w) => offset + scale * w),
  );
}

describe('a small network of the family', () => {
  it.each(['grouped', 'averaged'] as const)("gives timm's logits: %s", (small) => {
    const { shape } = reference.logits;
    const { outputs, state } = trace('gcresnext26ts', SMALL[small], shape);
    const feeds = new Map([['x', float32(shape, wave('x', sizeOf(shape)))]]);
    for (const s of state) if (s.role !== 'counter') feeds.set(s.name, filled(s.name, s.shape));
    const logits = interpret(outputs, feeds).get('logits')!;
    reference.logits[small].flat().forEach((v, i) => {
      expect(logits.data[i]).toBeCloseTo(v, 9);
    });
  });
  it.each(['grouped', 'averaged'] as const)(
    'trains all its parameters, from blocks that are identities: %s',
    async (small) => {
      const { network } = createModel('gcresnext26ts', { ...SMALL[small], dropPath: 0.2 });
      const traced = traceTraining(network, { batch: 2, size: 32, labelSmoothing: 0, provider: 'cpu' });
      const zero = traced.state.filter((s) => s.name.endsWith('conv3_1x1.bn.weight'));
      expect(zero.map((s) => initialise(s, 0).data.every((v) => v === 0))).toEqual([true, true, true]);
      const trained = traced.state.filter((s) => s.role === 'param').map((s) => traced.parameters.get(s.name)!);
      const gradients = backward(traced.outputs.get('loss')!, trained);
      expect(trained.filter((v) => !gradients.has(v))).toEqual([]);
      expect(traced.randoms.map((r) => r.name)).toEqual(['random/stages.1.0.drop_path', 'random/stages.1.1.drop_path']);
    },
  );
  it('is traced once for any size and runs', async () => {
    const shape = [symbol('batch'), 3, symbol('height'), symbol('width')];
    const traced = trace('gcresnet50t', { ...SMALL.grouped, classes: 0 }, shape);
    const { outputs, state } = lowerTraced(traced, { provider: 'cpu', training: false });
    const session = await createSession(nodeRuntime(), outputs, { threads: 1 });
    const feeds: Record<string, Tensor> = { x: float32([1, 3, 64, 32], wave('x', 3 * 64 * 32)) };
    for (const s of state) if (s.role !== 'counter') feeds[s.name] = initialise(s, 1);
    const { c2, c3 } = await session.run(feeds);
    await session.release();
    expect([c2!.shape, c3!.shape]).toEqual([
      [1, 32, 16, 8],
      [1, 64, 8, 4],
    ]);
    expect([...(c3!.data as Float32Array)].every(Number.isFinite)).toBe(true);
  });
  it('gives its intermediates by path', () => {
    const { network } = createModel('gcresnext26ts', SMALL.grouped, ['stages.1.0', 'c3', 'stages.0']);
    const { outputs } = traceNetwork(network, { inputs: { x: { shape: [1, 3, 32, 32] } }, mode: 'inference' });
    expect([...outputs].map(([name, v]) => [name, v.shape[1]])).toEqual([
      ['logits', 5],
      ['stages.0', 32],
      ['stages.1.0', 64],
      ['c3', 64],
    ]);
  });
  it('takes any context block at any place', () => {
    const context: ByobnetConfig['context'] = [
      { context: { kind: 'non-local' }, position: 'after-block', stages: [2], blocks: [-1] },
      { context: { kind: 'global-context', ratio: 0.5 }, position: 'after-stage', stages: [1] },
    ];
    const names = trace('resnext26ts', { ...SMALL.grouped, context }).state.map((s) => s.name);
    expect(names).toContain('stages.1.1.non_local_block.theta.conv.weight');
    expect(names).toContain('stages.0.gc.conv_mask.weight');
  });
});

describe('a configuration is refused', () => {
  const faultOf = (overrides: object): string => {
    try {
      trace('resnext26ts', overrides as Partial<ByobnetConfig>);
    } catch (error) {
      if (error instanceof Fault) return `${error.code}: ${error.message}`;
    }
    return 'no fault';
  };
  it('with groups that do not divide the width inside', () => {
    const stages = [{ blocks: 1, channels: 64, stride: 1, ratio: 0.5, groupSize: 24 }];
    expect(faultOf({ stages })).toMatch(/^config: stages\.0\.0: expected a groupSize that divides the 32 channels/);
  });
  it('with a stem that cannot stride', () => {
    expect(faultOf({ stem: [16], stemStride: 'convolution' })).toContain('stem: expected two convolutions');
  });
  it('with an unknown option at any depth, by the nearest name', () => {
    expect(faultOf({ activaton: 'relu' })).toContain('Did you mean "activation"');
    const stages = [{ blocks: 1, channels: 64, stride: 1, ratio: 0.5, groupsize: 0 }];
    expect(faultOf({ stages })).toContain('Did you mean "groupSize"');
    expect(faultOf({ kind: 'resnet' })).toContain('kind: expected "byobnet", got "resnet"');
  });
});

import { describe, expect, it } from 'vitest';
import { float32, int64, type Tensor } from '../../../src/core/tensor.ts';
import { createSession } from '../../../src/engine/session.ts';
import { lowerAggregates } from '../../../src/graph/aggregate/index.ts';
import { backward } from '../../../src/graph/backward.ts';
import { costOf, totalMacs } from '../../../src/graph/cost.ts';
import { symbol } from '../../../src/graph/dimension.ts';
import { constant } from '../../../src/graph/trace.ts';
import type { LocalRelationConfig } from '../../../src/model/blocks/local-relation.ts';
import { initialise } from '../../../src/model/init.ts';
import { crossEntropy } from '../../../src/model/losses/classification.ts';
import { LRNETS, type LrnetName } from '../../../src/model/networks/lrnet-table.ts';
import type { ResnetConfig } from '../../../src/model/networks/resnet-config.ts';
import { createModel } from '../../../src/model/networks/table.ts';
import { parameterCount, type Traced, traceNetwork } from '../../../src/model/scope.ts';
import { nodeRuntime } from '../../../src/runtime/node/onnx.ts';

interface How {
  readonly size?: number;
  readonly mode?: 'training' | 'inference';
  readonly features?: readonly string[];
}

const trace = (name: string, overrides: Partial<ResnetConfig> = {}, how: How = {}): Traced => {
  const { size = 224, mode = 'inference', features = [] } = how;
  const { network } = createModel(name, overrides as Readonly<Record<string, unknown>>, features);
  return traceNetwork(network, { inputs: { x: { shape: [1, 3, size, size] } }, mode });
};
const macsOf = (traced: Traced): number => totalMacs(costOf(traced.outputs).macs);
/** One line that exchanges the operator of every bottleneck. */
const everywhere = (operator: object): Partial<ResnetConfig> => ({
  operators: [{ operator: { kind: 'local-relation', share: 10, ...operator }, norm: true }],
});

/** An LR-Net of four blocks for 64 x 64 pictures. */
const SMALL: Partial<ResnetConfig> = {
  ...{ layers: [1, 1, 1, 1], width: 16, widthPerGroup: 64, classes: 5 },
  operators: [{ operator: { kind: 'local-relation', share: 4, window: 3 } as LocalRelationConfig, norm: true }],
};

describe('LR-Nets', () => {
  it('cost what their tables say, and nearly what ResNets of their depth cost', () => {
    const count = (name: string): number => Math.round(macsOf(trace(name)) / 1e6);
    expect([count('lrnet26'), count('lrnet50'), count('lrnet101')]).toEqual([2374, 4025, 7495]);
    expect([count('resnet26'), count('resnet50')]).toEqual([2342, 4089]);
  });
  it('have the published widths and read the picture with a 7 x 7 layer of stride 2', () => {
    const { state, outputs } = trace('lrnet50', {}, { features: ['c2'] });
    const shapes = Object.fromEntries(state.map((s) => [s.name, s.shape.join()]));
    expect(shapes).toMatchObject({
      'conv1.0.weight': '64,3,1,1',
      'conv1.3.query.weight': '8,64,1,1',
      'conv1.3.out.weight': '64,64,1,1',
      'layer1.0.conv2.query.weight': '10,100,1,1',
      'layer1.0.conv2.out.weight': '100,100,1,1',
      'layer2.0.conv2.query.weight': '25,200,1,1',
      'layer4.2.conv2.key.weight': '100,800,1,1',
      'layer4.2.conv3.weight': '2048,800,1,1',
    });
    expect(outputs.get('c2')!.shape).toEqual([1, 256, 56, 56]);
  });
  it('give the stage outputs that are asked for', () => {
    const { outputs } = trace('lrnet26', { classes: 0 }, { features: ['c2', 'c3', 'c4', 'c5', 'layer1.1'] });
    expect([...outputs].map(([name, v]) => `${name} ${v.shape.join(' x ')}`).sort()).toEqual([
      'c2 1 x 256 x 56 x 56',
      'c3 1 x 512 x 28 x 28',
      'c4 1 x 1024 x 14 x 14',
      'c5 1 x 2048 x 7 x 7',
      'layer1.1 1 x 256 x 56 x 56',
    ]);
  });
  it('refuse pictures whose last map is smaller than half a window, by the layer’s name', () => {
    expect(() => trace('lrnet26', {}, { size: 64 })).toThrow(
      'layer4.1.conv2: expected a window of at most 3 (dilation 1) for a map of 2 x 2',
    );
    expect(() => trace('lrnet26', {}, { size: 128 })).not.toThrow();
  });
});

describe('the ablations of LR-Net, one line each', () => {
  const count = (operator: object): readonly [number, number] => {
    const traced = trace('lrnet26', everywhere(operator));
    return [parameterCount(traced.state), macsOf(traced)];
  };
  const [parameters, macs] = count({});
  const groups = [10, 20, 40, 80].map((g) => 2 * g); // two blocks a stage
  const sum = (of: (g: number, w: number) => number): number =>
    [10, 20, 40, 80].reduce((total, g, k) => total + 2 * of(g, 100 * 2 ** k), 0);
  it('windows of 3 to 9: the same parameters, and little more to multiply', () => {
    const rows = [3, 5, 7, 9].map((window) => count({ window }));
    expect(rows.map(([p]) => p)).toEqual([parameters, parameters, parameters, parameters]);
    // A place of the window: (C + groups) at each position, and the geometry network once.
    const positions = (w: number): number => (3136 * 100 ** 2) / w ** 2;
    const place = sum((g, w) => positions(w) * (w + g) + 2 * 16 + 16 * g);
    expect(rows.map(([, m]) => m - macs)).toEqual([-40, -24, 0, 32].map((places) => places * place));
  });
  it('no prior: the geometry networks less', () => {
    const geometry = groups.reduce((total, g) => total + 2 * 16 * 3 + 16 * g + g, 0);
    expect(parameters - count({ prior: 'none' })[0]).toBe(geometry);
  });
  it('vector keys of 10 numbers: nine times the projections more', () => {
    expect(count({ queryChannels: 10 })[0] - parameters).toBe(sum((g, w) => 2 * 9 * g * (w + 1)));
  });
  it('products and absolute differences: no parameter more or less', () => {
    expect(count({ composition: 'product' })[0]).toBe(parameters);
    expect(count({ composition: 'absolute-difference' })[0]).toBe(parameters);
  });
  it('weights of its own for every channel: ten times the groups', () => {
    expect(count({ share: 1 })[0] - parameters).toBe(sum((g, w) => 9 * g * (2 * (w + 1) + 17)));
  });
  it('a convolution that reads the picture, with ResNet’s own names', () => {
    const { state } = trace('lrnet26', { stem: '7x7' });
    expect(state[0]).toMatchObject({ name: 'conv1.weight', shape: [64, 3, 7, 7] });
  });
});

describe('the baselines of LR-Net', () => {
  const NAMES = (Object.keys(LRNETS) as LrnetName[]).filter((n) => n.startsWith('resnet'));
  it.each(NAMES)('%s costs what the ResNet of its depth does, to 3 in 100', (name) => {
    const depth = name.slice(0, 8);
    expect(Math.abs(macsOf(trace(name)) / macsOf(trace(depth)) - 1)).toBeLessThan(0.03);
  });
  it('have the kernels of their names', () => {
    const kernel = (name: LrnetName): unknown =>
      trace(name).state.find((s) => s.name === 'layer2.0.conv2.weight')!.shape;
    expect(kernel('resnet26-dw9')).toEqual([238, 1, 9, 9]);
    expect(kernel('resnet50-conv5')).toEqual([88, 88, 5, 5]);
  });
});

describe('a small LR-Net', () => {
  it.each([
    ['local relation', SMALL],
    ['depthwise convolution', { ...SMALL, operators: [{ operator: { kind: 'depthwise' } }] }],
    ['non-local means', { ...SMALL, operators: [{ operator: { kind: 'non-local-means', strength: 1, patch: 3 } }] }],
  ] as const)('learns: every parameter gets a gradient, and a step runs, with %s', async (_, overrides) => {
    const traced = trace('lrnet26', overrides, { size: 96, mode: 'training' });
    const loss = crossEntropy(traced.outputs.get('logits')!, constant(int64([1], [3])));
    const lowered = lowerAggregates(new Map([['loss', loss]]), { provider: 'cpu', training: true });
    const parameters = traced.state.filter((s) => s.role === 'param').map((s) => traced.parameters.get(s.name)!);
    const gradients = backward(lowered.outputs.get('loss')!, parameters);
    expect(parameters.filter((p) => !gradients.has(p))).toEqual([]);
    const asked = ['conv1.3.query.weight', 'conv1.3.geometry.0.weight', 'layer1.0.conv1.weight'];
    const outputs = new Map(asked.map((name) => [`d.${name}`, gradients.get(traced.parameters.get(name)!)!]));
    const feeds: Record<string, Tensor> = { x: picture(1, 96, 96) };
    for (const s of traced.state) if (s.role !== 'counter') feeds[s.name] = initialise(s, 1);
    const session = await createSession(nodeRuntime(), outputs, { threads: 1 });
    const result = await session.run(feeds);
    await session.release();
    for (const name of asked) {
      const norm = Math.hypot(...(result[`d.${name}`]!.data as Float32Array));
      expect(norm).toBeGreaterThan(1e-8);
      expect(norm).toBeLessThan(1e6);
    }
  });
  it('is traced once for any batch and any size', async () => {
    const shape = [symbol('batch'), 3, symbol('height'), symbol('width')];
    const model = createModel('lrnet26', SMALL as Readonly<Record<string, unknown>>);
    const traced = traceNetwork(model.network, { inputs: { x: { shape } }, mode: 'inference' });
    const outputs = lowerAggregates(traced.outputs, { provider: 'cpu', training: false }).outputs;
    const session = await createSession(nodeRuntime(), outputs, { threads: 1 });
    const state = traced.state.filter((s) => s.role !== 'counter').map((s) => [s.name, initialise(s, 2)] as const);
    const run = async (x: Tensor): Promise<readonly number[]> => [
      ...((await session.run({ ...Object.fromEntries(state), x }))['logits']!.data as Float32Array),
    ];
    const both = await run(picture(2, 64, 96));
    const second = await run(picture(1, 64, 96, 3 * 64 * 96));
    second.forEach((v, i) => {
      expect(both[5 + i]).toBeCloseTo(v, 4);
    });
    expect(await run(picture(1, 96, 128))).toHaveLength(5);
    await session.release();
  });
});

function picture(n: number, h: number, w: number, from = 0): Tensor {
  return float32(
    [n, 3, h, w],
    Array.from({ length: n * 3 * h * w }, (_, i) => Math.cos((i + from) * 1.7)),
  );
}

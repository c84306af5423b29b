import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/core/fault.ts';
import { float32, int64, type Tensor } from '../../../src/core/tensor.ts';
import { createSession } from '../../../src/engine/session.ts';
import { lowerAggregates } from '../../../src/graph/aggregate/index.ts';
import { backward } from '../../../src/graph/backward.ts';
import { symbol } from '../../../src/graph/dimension.ts';
import { constant } from '../../../src/graph/trace.ts';
import { initialise } from '../../../src/model/init.ts';
import { crossEntropy } from '../../../src/model/losses/classification.ts';
import type { ContextPlacement } from '../../../src/model/networks/placement.ts';
import type { ResnetConfig } from '../../../src/model/networks/resnet-config.ts';
import { createModel, NETWORKS, type NetworkName } from '../../../src/model/networks/table.ts';
import { parameterCount, type Traced, traceNetwork } from '../../../src/model/scope.ts';
import { nodeRuntime } from '../../../src/runtime/node/onnx.ts';
import { GOLDEN } from '../../support/golden-files.ts';

const NAMES = Object.keys(NETWORKS) as NetworkName[];
const trace = (
  name: string,
  overrides: Partial<ResnetConfig> = {},
  size = 64,
  mode: 'training' | 'inference' = 'inference',
): Traced => traceNetwork(createModel(name, overrides).network, { inputs: { x: { shape: [2, 3, size, size] } }, mode });
const faultOf = (body: () => unknown): string => {
  try {
    body();
  } catch (error) {
    if (error instanceof Fault) return `${error.code}: ${error.message}`;
  }
  return 'no fault';
};
const SMALL: Partial<ResnetConfig> = { width: 8, layers: [1, 2, 1, 1], classes: 5, stem: '3x3' };

describe.each(NAMES)('%s', (name) => {
  it('has the published number of parameters', () => {
    const { input, parameters } = NETWORKS[name];
    expect(parameterCount(trace(name, {}, input.size).state)).toBe(parameters);
  });
  it('is made from a configuration that passes its own check unchanged', () => {
    expect(createModel(name).config).toEqual(NETWORKS[name].config);
  });
});

describe('counts of the papers', () => {
  const count = (name: string, overrides: Partial<ResnetConfig>): number =>
    parameterCount(trace(name, overrides).state);
  const one = (context: ContextPlacement['context']): readonly ContextPlacement[] => [
    { context, position: 'after-block', stages: [3], blocks: [-2] },
  ];
  it('hold for one non-local, simplified or global context block in c4 of ResNet-50', () => {
    expect(count('resnet50', { context: one({ kind: 'non-local' }) })).toBe(27_656_744);
    expect(count('resnet50', { context: one({ kind: 'simplified-non-local' }) })).toBe(26_607_657);
    expect(count('resnet50', { context: one({ kind: 'global-context' }) })).toBe(25_690_345);
  });
  it('hold for global context in c2 to c5, in one stage, averaged, and with both fusions', () => {
    const gc = (change: object, stages: readonly number[]): number =>
      count('resnet50', {
        context: [{ context: { kind: 'global-context', ...change }, position: 'after-conv3', stages }],
      });
    expect(gc({}, [1, 2, 3, 4])).toBe(28_105_032);
    expect([2, 3, 4].map((k) => gc({}, [k]) - 25_557_032)).toEqual([135_556, 799_878, 1_586_307]);
    expect(gc({ pooling: 'average' }, [2, 3, 4]) - 25_557_032).toBe(2_507_392);
    expect(gc({ fusions: ['add', 'multiply'] }, [2, 3, 4]) - 25_557_032).toBe(5_029_133);
    expect([8, 32].map((r) => gc({ ratio: 1 / r }, [2, 3, 4]))).toEqual([30_571_829, 26_832_245]);
  });
});

const POSITIONS = ['after-conv1', 'after-conv2', 'after-conv3', 'after-add', 'after-block', 'after-stage'] as const;
const CONTEXTS: readonly ContextPlacement['context'][] = [
  { kind: 'non-local', norm: 'batch', subSample: { order: 'after-projection' } },
  { kind: 'simplified-non-local' },
  { kind: 'squeeze-excitation' },
  { kind: 'global-context', ratio: 1 / 4, fusions: ['add', 'multiply'] },
];

describe.each(
  (['basic', 'bottleneck'] as const).flatMap((block) =>
    POSITIONS.filter((p) => block === 'bottleneck' || p !== 'after-conv3').map(
      (position) => [block, position] as const,
    ),
  ),
)('context blocks in %s blocks, %s', (block, position) => {
  it.each(CONTEXTS.map((c) => [c.kind, c] as const))(
    '%s: every parameter gets a gradient and the step runs',
    async (_, context) => {
      const placements = [{ context, position, stages: [2] }];
      const traced = trace('resnet50', { ...SMALL, block, context: placements }, 16, 'training');
      const loss = crossEntropy(traced.outputs.get('logits')!, constant(int64([2], [1, 3])));
      const lowered = lowerAggregates(new Map([['loss', loss]]), { provider: 'cpu', training: true }).outputs.get(
        'loss',
      )!;
      const parameters = traced.state.filter((s) => s.role === 'param').map((s) => traced.parameters.get(s.name)!);
      const gradients = backward(lowered, parameters);
      expect(parameters.filter((p) => !gradients.has(p))).toEqual([]);
      const feeds: Record<string, Tensor> = {
        x: float32(
          [2, 3, 16, 16],
          Array.from({ length: 1536 }, (_, i) => Math.sin(i)),
        ),
      };
      for (const s of traced.state) if (s.role === 'param') feeds[s.name] = initialise(s, 1);
      const outputs = new Map([
        ['loss', lowered],
        ['g', gradients.get(traced.parameters.get('conv1.weight')!)!],
      ]);
      const session = await createSession(nodeRuntime(), outputs, { threads: 1 });
      const result = await session.run(feeds);
      await session.release();
      expect(Number.isFinite(result['loss']!.data[0])).toBe(true);
      const norm = Math.hypot(...(result['g']!.data as Float32Array));
      expect(norm).toBeGreaterThan(1e-6);
      expect(Number.isFinite(norm)).toBe(true);
    },
  );
});

describe('a residual network', () => {
  it('is traced once for any batch and any size', async () => {
    const shape = [symbol('batch'), 3, symbol('height'), symbol('width')];
    const context: readonly ContextPlacement[] = [
      { context: { kind: 'global-context', ratio: 1 / 4 }, position: 'after-conv2' },
      { context: { kind: 'non-local', mode: 'dot-product' }, position: 'after-block', stages: [3] },
    ];
    const model = createModel('resnet18', { ...SMALL, context });
    const traced = traceNetwork(model.network, { inputs: { x: { shape } }, mode: 'inference' });
    const outputs = lowerAggregates(traced.outputs, { provider: 'cpu', training: false }).outputs;
    const session = await createSession(nodeRuntime(), outputs, { threads: 1 });
    const state = traced.state.filter((s) => s.role !== 'counter').map((s) => [s.name, initialise(s, 2)] as const);
    const run = async (n: number, h: number, w: number, from = 0): Promise<readonly number[]> => {
      const data = Array.from({ length: n * 3 * h * w }, (_, i) => Math.cos(i + from));
      return [
        ...((await session.run({ ...Object.fromEntries(state), x: float32([n, 3, h, w], data) }))['logits']!
          .data as Float32Array),
      ];
    };
    const both = await run(2, 24, 16);
    const second = await run(1, 24, 16, 3 * 24 * 16);
    second.forEach((v, i) => {
      expect(both[5 + i]).toBeCloseTo(v, 5);
    });
    expect(await run(1, 32, 40)).toHaveLength(5);
    await session.release();
  });
  it('gives the stage outputs and no logits without a classifier', () => {
    const { outputs, state } = trace('resnet50-gc', { classes: 0 });
    expect([...outputs].map(([name, v]) => [name, v.shape])).toEqual([
      ['c2', [2, 256, 16, 16]],
      ['c3', [2, 512, 8, 8]],
      ['c4', [2, 1024, 4, 4]],
      ['c5', [2, 2048, 2, 2]],
    ]);
    expect(state.some((s) => s.name.startsWith('fc.'))).toBe(false);
  });
  it('gives the intermediates that are asked for, after what stands behind the stage', () => {
    const context: readonly ContextPlacement[] = [
      { context: { kind: 'global-context' }, position: 'after-stage', stages: [2] },
    ];
    const model = createModel('resnet18', { context }, ['layer2.1', 'layer2', 'c3', 'logits']);
    const { outputs, state } = traceNetwork(model.network, {
      inputs: { x: { shape: [1, 3, 64, 64] } },
      mode: 'inference',
    });
    expect([...outputs.keys()].sort()).toEqual(['c3', 'layer2', 'layer2.1', 'logits']);
    expect(outputs.get('layer2')).toBe(outputs.get('c3'));
    expect(outputs.get('layer2')).not.toBe(outputs.get('layer2.1'));
    expect(state.map((s) => s.name)).toContain('layer2.gc.conv_mask.weight');
  });
  it('strides where it is told, with equal parameters', () => {
    const [late, early] = (['3x3', '1x1'] as const).map((strideIn) => trace('resnet50', { strideIn }));
    expect(late!.state).toEqual(early!.state);
    const size = (t: Traced): unknown => t.outputs.get('logits')!.shape;
    expect(size(late!)).toEqual(size(early!));
  });
  it('starts its blocks as identities with zeroInitResidual', () => {
    const { state } = trace('resnet50', { zeroInitResidual: true });
    const last = state.filter((s) => s.name.endsWith('bn3.weight'));
    expect(last).toHaveLength(16);
    expect(last.every((s) => s.init.kind === 'constant' && s.init.value === 0)).toBe(true);
  });
  it("has timm's deep stem and pooled shortcut at timm's names", () => {
    const names = trace('resnet50d').state.map((s) => `${s.name} [${s.shape}]`);
    expect(names).toEqual(
      expect.arrayContaining([
        'conv1.0.weight [32,3,3,3]',
        'conv1.6.weight [64,32,3,3]',
        'layer2.0.downsample.1.weight [512,256,1,1]',
      ]),
    );
    const tiered = trace('resnet50', { stem: 'deep-tiered' }).state.map((s) => `${s.name} [${s.shape}]`);
    expect(tiered).toContain('conv1.0.weight [24,3,3,3]');
  });
});

describe('a configuration that cannot be', () => {
  const gc = { kind: 'global-context', ratio: 1 / 4 } as const;
  const withContext = (...context: readonly ContextPlacement[]): string =>
    faultOf(() => trace('resnet18', { ...SMALL, context }));
  it('names the nearest network', () => {
    expect(faultOf(() => createModel('resnet51'))).toMatch(/^config: .*"resnet50"/);
    expect(faultOf(() => createModel('toString'))).toMatch(/^config: /);
  });
  it('names the nearest option, at any depth', () => {
    expect(faultOf(() => createModel('resnet18', { clases: 3 }))).toContain('Did you mean "classes"');
    const context = [{ position: 'after-add', context: { kind: 'global-context', ratoi: 1 } }];
    expect(faultOf(() => createModel('resnet18', { context }))).toContain(
      'context.0.context: unknown option "ratoi". Did you mean "ratio"',
    );
  });
  it('says what was expected of a wrong value, of all at once', () => {
    const message = faultOf(() => createModel('resnet18', { stem: '5x5', classes: '7' }));
    expect(message).toContain('stem: expected "7x7" or "deep" or "deep-tiered" or "3x3" or "operator", got "5x5"');
    expect(message).toContain('classes: expected number, got "7"');
    expect(
      faultOf(() => createModel('resnet18', { context: [{ position: 'after-add', context: { kind: 'gc' } }] })),
    ).toContain('"global-context"');
  });
  it('has no third convolution in basic blocks', () => {
    expect(withContext({ context: gc, position: 'after-conv3' })).toContain('Use "after-conv2"');
  });
  it('names stages and blocks that are not there', () => {
    expect(withContext({ context: gc, position: 'after-add', stages: [5] })).toContain('stages from 1 to 4');
    expect(withContext({ context: gc, position: 'after-add', stages: [2], blocks: [2] })).toContain('from -2 to 1');
    expect(withContext({ context: gc, position: 'after-stage', blocks: [0] })).toContain('no blocks');
  });
  it('puts two context blocks under one name only where they differ', () => {
    const two: ContextPlacement = { context: gc, position: 'after-add' };
    expect(withContext(two, { ...two, position: 'after-conv1' })).toContain('Give one of them a name');
    expect(withContext(two, { ...two, position: 'after-conv1', name: 'early' })).toBe('no fault');
  });
  it('does not fit its input, its groups or its stem', () => {
    expect(faultOf(() => trace('resnet18', { inChannels: 1 }))).toContain(
      'x: expected [N, 1, H, W], got [2, 3, 64, 64]',
    );
    expect(faultOf(() => trace('resnet18', { groups: 2 }))).toContain('basic blocks');
    expect(faultOf(() => trace('resnet18', { width: 15, stem: 'deep' }))).toContain('even width');
  });
  it('names features that are not there', () => {
    const model = createModel('resnet18', SMALL, ['layer9']);
    const run = (): unknown =>
      traceNetwork(model.network, { inputs: { x: { shape: [1, 3, 32, 32] } }, mode: 'inference' });
    expect(faultOf(run)).toContain('no "layer9"');
  });
});

/** Golden backbones and what of ours they are. */
const REFERENCES: Readonly<Record<string, readonly [NetworkName, Partial<ResnetConfig>]>> = {
  torchvision_resnet18: ['resnet18', {}],
  torchvision_resnet50: ['resnet50', {}],
  torchvision_resnext50_32x4d: ['resnext50_32x4d', {}],
  timm_seresnet50: ['seresnet50', {}],
  gcnet_resnet50_gcb_r16_c3c5: ['resnet50-gc', { classes: 0 }],
  nl_resnet50_5_embedded_gaussian: [
    'resnet50-nl',
    {
      context: NETWORKS['resnet50-nl'].config.context.map((p) => ({ ...p, blocks: p.blocks!.map((b) => b - 1) })),
    },
  ], // mmaction2 puts them after the even blocks, the authors after the odd ones
};

describe.skipIf(!existsSync(GOLDEN))(
  'names and shapes of the references (skipped where ../shared/golden is absent)',
  () => {
    it.each(Object.entries(REFERENCES))('%s', (file, [name, overrides]) => {
      const json = JSON.parse(readFileSync(`${GOLDEN}backbones/${file}.json`, 'utf8')) as {
        readonly parameters: number;
        readonly config: { readonly num_classes?: number };
        readonly state: readonly { readonly name: string; readonly shape: readonly number[]; readonly role: string }[];
      };
      const classes = json.config.num_classes;
      const { state } = trace(name, { ...(classes && { classes }), ...overrides });
      const key = (s: { readonly name: string; readonly shape: readonly number[] }): string => `${s.name} [${s.shape}]`;
      expect(state.map(key).sort()).toEqual(json.state.map(key).sort());
      expect(parameterCount(state)).toBe(json.parameters);
    });
  },
);

import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/core/fault.ts';
import { float32, type Tensor } from '../../../src/core/tensor.ts';
import { createSession } from '../../../src/engine/session.ts';
import { lowerAggregates } from '../../../src/graph/aggregate/index.ts';
import { backward } from '../../../src/graph/backward.ts';
import * as op from '../../../src/graph/ops/index.ts';
import { initialise } from '../../../src/model/init.ts';
import { COTNETS, type CotnetName, hybrid } from '../../../src/model/networks/cotnet-table.ts';
import { RESNET_NAMES } from '../../../src/model/networks/names/resnet.ts';
import type { OperatorStride } from '../../../src/model/networks/operators.ts';
import type { ResnetConfig } from '../../../src/model/networks/resnet-config.ts';
import { createModel } from '../../../src/model/networks/table.ts';
import { type Mode, parameterCount, type Traced, traceNetwork } from '../../../src/model/scope.ts';
import { nodeRuntime } from '../../../src/runtime/node/onnx.ts';
import { fitNames } from '../../../src/weights/rename.ts';
import { interpret } from '../../support/interpret.ts';
import { randomTensor } from '../support.ts';
import { officialCount } from './cotnet-count.ts';

const trace = (
  name: string,
  overrides: Partial<ResnetConfig> = {},
  { shape = [1, 3, 64, 64], mode = 'inference' as Mode, features = [] as readonly string[] } = {},
): Traced => traceNetwork(createModel(name, { ...overrides }, features).network, { inputs: { x: { shape } }, mode });

/** Trainable values of each child of the network. */
function parts(name: string): Record<string, number> {
  const count: Record<string, number> = { stem: 0 };
  for (const s of trace(name).state) {
    const part = /^(layer\d|fc)/.exec(s.name)?.[1] ?? 'stem';
    count[part] = (count[part] ?? 0) + parameterCount([s]);
  }
  return count;
}

describe('contextual transformer networks', () => {
  it.each([
    ['cotnet50', [9_536, 185_064, 1_049_536, 6_059_840, 12_869_440]],
    ['cotnet101', [9_536, 185_064, 1_049_536, 22_109_472, 12_869_440]],
    ['cotnext50_2x48d', [9_536, 260_028, 1_461_664, 8_553_184, 17_712_864]],
    ['cotnext101_2x48d', [9_536, 260_028, 1_461_664, 31_852_976, 17_712_864]],
    ['se_cotnetd_50', [28_768, 228_576, 1_253_248, 6_678_752, 12_869_440]],
    ['se_cotnetd_101', [112_832, 249_056, 1_253_248, 24_378_816, 12_869_440]],
    ['se_cotnetd_152', [112_832, 249_056, 2_407_168, 38_096_192, 12_869_440]],
  ] as const)('%s has the parameters of each stage', (name, [stem, ...stages]) => {
    const layers = Object.fromEntries(stages.map((n, i) => [`layer${i + 1}`, n]));
    expect(parts(name)).toEqual({ stem, ...layers, fc: 2_049_000 });
  });

  it.each(Object.keys(COTNETS) as CotnetName[])('%s has the parameters of the table', (name) => {
    expect(parameterCount(trace(name).state)).toBe(COTNETS[name].parameters);
  });

  it.each([
    ['cotnet50', 224, 3_286_848_960],
    ['cotnet101', 224, 6_115_886_144],
    ['cotnext50_2x48d', 224, 4_328_113_056],
    ['cotnext101_2x48d', 224, 8_185_237_344],
    ['se_cotnetd_50', 224, 4_088_672_640],
    ['se_cotnetd_101', 224, 8_500_485_120],
    ['se_cotnetd_152', 256, 16_959_798_848],
    ['se_cotnetd_152_L', 320, 26_496_478_784],
    ['resnet50', 224, 4_121_924_096],
  ] as const)('%s at %i pixels costs what the authors’ counter counts', (name, size, expected) => {
    expect(officialCount(trace(name, {}, { shape: [1, 3, size, size] }).outputs)).toBe(expected);
  });

  it('is made for the pictures that its weights were tested on', () => {
    const input = (name: CotnetName): readonly [number, number, string] => {
      const { size, crop, interpolation } = COTNETS[name].input;
      return [size, crop, interpolation];
    };
    expect(input('cotnet50')).toEqual([224, 0.875, 'bicubic']);
    expect(input('se_cotnetd_152')).toEqual([256, 0.888, 'bicubic']);
    expect(input('se_cotnetd_152_L')).toEqual([320, 0.909, 'bicubic']);
  });

  it('starts the last norm of every block at zero', () => {
    const last = trace('cotnet50').state.filter((s) => s.name.endsWith('.bn3.weight'));
    expect(last.map((s) => s.init)).toEqual(new Array(16).fill({ kind: 'constant', value: 0 }));
  });
});

const SMALL = { layers: [1, 1, 2, 1], width: 16, classes: 5 } as const;
const NAMES = ['cotnet50', 'cotnext50_2x48d', 'se_cotnetd_50', 'se_cotnetd_152', 'resnest50d'] as const;
/** Few blocks and channels: two groups need a head of eight each, and the hybrids alternate in their third stage. */
const small = (name: string): Partial<ResnetConfig> => ({
  ...SMALL,
  ...(name.startsWith('cotnext') && { widthPerGroup: 32 }),
  ...(name.startsWith('se_') && { operators: hybrid(2, 16, name.endsWith('152')).operators!, stemChannels: 16 }),
});

async function run(
  traced: Traced,
  outputs: Traced['outputs'],
  shape: readonly number[],
): Promise<Record<string, Tensor>> {
  const feeds: Record<string, Tensor> = { x: randomTensor('x', shape) };
  for (const s of traced.state) if (traced.parameters.has(s.name)) feeds[s.name] = initialise(s, 1);
  const session = await createSession(nodeRuntime(), outputs, { threads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

describe.each(NAMES)('a small %s', (name) => {
  it('gives every parameter a gradient, and the step runs', async () => {
    const shape = [2, 3, 64, 48];
    const traced = trace(name, { ...small(name), zeroInitResidual: false, dropPath: 0.1 }, { shape, mode: 'training' });
    const loss = op.reduceSum(op.mul(traced.outputs.get('logits')!, traced.outputs.get('logits')!), undefined, false);
    const lowered = lowerAggregates(new Map([['loss', loss]]), { provider: 'cpu', training: true }).outputs.get(
      'loss',
    )!;
    const parameters = traced.state.filter((s) => s.role === 'param').map((s) => traced.parameters.get(s.name)!);
    const gradients = backward(lowered, parameters);
    expect(parameters.filter((p) => !gradients.has(p))).toEqual([]);
    const first = gradients.get(traced.parameters.get('layer1.0.conv1.weight')!)!;
    const feeds = new Map(traced.randoms.map((r) => [r.name, float32(r.shape, new Array(2).fill(0.5))]));
    const state = Object.fromEntries(
      traced.state.filter((s) => traced.parameters.has(s.name)).map((s) => [s.name, initialise(s, 1)]),
    );
    const session = await createSession(nodeRuntime(), new Map([['g', first]]), { threads: 1 });
    const { g } = await session.run({ x: randomTensor('x', shape), ...state, ...Object.fromEntries(feeds) });
    await session.release();
    const length = Math.hypot(...(g!.data as Float32Array));
    expect(length).toBeGreaterThan(1e-9);
    expect(Number.isFinite(length)).toBe(true);
  });

  it('runs on pictures that are not square, of five colours, and gives the stages that are asked for', async () => {
    const shape = [1, 5, 40, 72];
    const traced = trace(name, { ...small(name), inChannels: 5 }, { shape, features: ['c2', 'layer3.0', 'c5'] });
    const { outputs } = lowerAggregates(traced.outputs, { provider: 'cpu', training: false });
    const results = await run(traced, outputs, shape);
    const shapes = Object.fromEntries(Object.entries(results).map(([k, t]) => [k, t.shape.join()]));
    expect(shapes).toEqual({ logits: '1,5', c2: '1,64,10,18', 'layer3.0': '1,256,3,5', c5: '1,512,2,3' });
    expect([...(results['logits']!.data as Float32Array)].every(Number.isFinite)).toBe(true);
  });
});

describe('weights of contextual transformer networks', () => {
  const backbone = trace('cotnet50', { layers: [1, 1, 1, 1], classes: 0 }).state.filter((s) => s.role !== 'counter');
  const fit = (rename: (name: string) => string) =>
    fitNames(backbone, new Map(backbone.map((s) => [rename(s.name), { shape: s.shape }])), RESNET_NAMES);

  it('are read behind the prefix of the authors’ files', () => {
    expect(fit((name) => `module.${name}`)).toMatchObject({ source: "the network's own names", prefix: 'module.' });
  });

  it('are read by the names of the authors’ detectors', () => {
    const theirs = fit((name) =>
      name
        .replace(/^layer(\d)/, (_, n) => `res${Number(n) + 1}`)
        .replace(/^(conv1|bn1)\./, (_, n) => (n === 'bn1' ? 'stem.conv1.norm.' : 'stem.conv1.'))
        .replace(/\.(key_embed|embed|se)\.1\./, '.$1.0.norm.')
        .replace(/\.(embed|se)\.3\./, '.$1.2.')
        .replace(/\.embed\.4\./, '.embed.3.')
        .replace(/\.bn([13])\./, '.conv$1.norm.')
        .replace(/\.downsample\.1\./, '.shortcut.norm.')
        .replace(/\.downsample\.0\./, '.shortcut.'),
    );
    expect(theirs.source).toBe('Detectron2 (CoTNet)');
    expect([...theirs.names.keys()].sort()).toEqual(backbone.map((s) => s.name).sort());
  });
});

describe('the operator of a bottleneck', () => {
  const of = (stride?: OperatorStride, operator: { kind: string } = { kind: 'squeeze-excitation' }): Traced =>
    trace('resnet50', {
      ...{ layers: [1, 1], width: 8, classes: 0, stem: '3x3' as const },
      operators: [{ operator, stages: [2], ...(stride && { stride }) }],
    });

  it('is exchanged by one option, and keeps the shapes of the network', () => {
    for (const stride of ['average-before', 'average-after', 'blur-after'] as const) {
      expect(of(stride).outputs.get('c3')!.shape).toEqual([1, 64, 32, 32]);
    }
    expect(of(undefined, { kind: 'split-attention' }).outputs.get('c3')!.shape).toEqual([1, 64, 32, 32]);
  });

  it('has a norm and a ReLU after it only where they are asked for', () => {
    const norms = (norm: boolean): number =>
      trace('resnet50', { ...SMALL, operators: [{ operator: { kind: 'contextual-transformer' }, norm }] }).state.filter(
        (s) => s.name.endsWith('.bn2.weight'),
      ).length;
    expect([norms(false), norms(true)]).toEqual([0, 5]);
  });

  it('is refused where it cannot stride, or where the network has no such stage or block', () => {
    expect(() => of('own')).toThrow('expected a stride that squeeze-and-excitation can have, got "own"');
    const placed = (place: object): unknown =>
      trace('resnet50', { operators: [{ operator: { kind: 'contextual-transformer' }, ...place }] });
    expect(() => placed({ stages: [5] })).toThrow('expected stages from 1 to 4, got 5');
    expect(() => placed({ stages: [1], blocks: [3] })).toThrow('expected blocks of stage 1 from -3 to 2, got 3');
    expect(() => placed({ width: 4 })).toThrow(Fault);
  });

  it('blurs with (1 2 1) / 4 along both axes, the border mirrored', () => {
    const config = { layers: [1], width: 8, classes: 0, stem: '3x3' as const, firstStride: 2 as const };
    const operators = [{ operator: { kind: 'squeeze-excitation' }, stride: 'blur-after' as const }];
    const traced = trace('resnet50', { ...config, operators }, { shape: [1, 3, 5, 4] });
    const pools: ReturnType<Traced['outputs']['get']>[] = [];
    const seen = new Set<unknown>();
    const walk = (v: NonNullable<(typeof pools)[number]>): void => {
      if (seen.has(v.node)) return;
      seen.add(v.node);
      if (v.node.path === 'layer1.0.conv2' && v.node.def.name === 'AveragePool' && v.shape[2] === 3) pools.push(v);
      for (const i of v.node.inputs) if (i) walk(i);
    };
    walk(traced.outputs.get('c2')!);
    const [blurred] = pools;
    let map = blurred!;
    while (map.node.def.name !== 'Mul')
      map =
        map.node.inputs.find((i) => i && i.shape.length === 4 && i.node.def.name !== 'Slice') ?? map.node.inputs[1]!;
    const feeds = new Map<string, Tensor>([['x', randomTensor('x', [1, 3, 5, 4])]]);
    for (const s of traced.state) if (s.role !== 'counter') feeds.set(s.name, randomTensor(s.name, s.shape, 0.5));
    const { a, b } = Object.fromEntries(
      interpret(
        new Map([
          ['a', map],
          ['b', blurred!],
        ]),
        feeds,
      ),
    );
    const at = (i: number, j: number): number => {
      const fold = (p: number, n: number): number => (p < 0 ? -p : p >= n ? 2 * n - 2 - p : p);
      return a!.data[fold(i, 5) * 4 + fold(j, 4)]!;
    };
    const weights = [1, 2, 1];
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 2; j++) {
        let sum = 0;
        for (const [y, u] of weights.entries())
          for (const [x, v] of weights.entries()) sum += (u * v * at(2 * i + y - 1, 2 * j + x - 1)) / 16;
        expect(b!.data[i * 2 + j]).toBeCloseTo(sum, 12);
      }
  });
});

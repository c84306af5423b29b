import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/core/fault.ts';
import { float32, int64, type Tensor, toNumbers } from '../../../src/core/tensor.ts';
import { createSession } from '../../../src/engine/session.ts';
import { lowerAggregates } from '../../../src/graph/aggregate/index.ts';
import { backward } from '../../../src/graph/backward.ts';
import { constant } from '../../../src/graph/trace.ts';
import { initialise } from '../../../src/model/init.ts';
import { crossEntropy } from '../../../src/model/losses/classification.ts';
import { createModel } from '../../../src/model/networks/table.ts';
import { parameterCount, type Traced, traceNetwork } from '../../../src/model/scope.ts';
import { nodeRuntime } from '../../../src/runtime/node/onnx.ts';
import { adaptWeights } from '../../../src/weights/adapt.ts';
import { interpret } from '../../support/interpret.ts';
import { randomTensor } from '../support.ts';

interface Asked {
  readonly overrides?: Readonly<Record<string, unknown>>;
  readonly shape?: readonly number[];
  readonly mode?: 'training' | 'inference';
  readonly features?: readonly string[];
  readonly taps?: (path: string) => boolean;
}
const trace = (
  name: string,
  { overrides = {}, shape = [2, 3, 64, 64], mode = 'inference', features = [], taps }: Asked = {},
): Traced =>
  traceNetwork(createModel(name, overrides, features).network, {
    inputs: { x: { shape } },
    mode,
    ...(taps && { taps }),
  });
const faultOf = (body: () => unknown): string => {
  try {
    body();
  } catch (error) {
    if (error instanceof Fault) return `${error.code}: ${error.message}`;
  }
  return 'no fault';
};

const SMALL = {
  imgSize: 64,
  width: 24,
  depth: 2,
  mlpRatio: 2,
  classes: 5,
  mixer: { kind: 'self-attention', heads: 3 },
};
const MAP = { ...SMALL, classToken: false };

describe.each([
  ['self-attention', SMALL],
  ['self-attention without a class token', MAP],
  ['a learned affinity beside attention', { ...SMALL, mixer: { ...SMALL.mixer, static: 'dense', positions: 17 } }],
  [
    'token mixing',
    { ...MAP, positions: false, names: 'mlp-mixer', mixer: { kind: 'mlp-mixer', positions: 16, hidden: 7 } },
  ],
  ['a depthwise convolution between projections', { ...MAP, mixer: { kind: 'container-mix', affinity: 'static' } }],
  ['another block of the table', { ...MAP, mixer: { kind: 'global-context', ratio: 0.5 } }],
])('a vision transformer with %s', (_, overrides: Readonly<Record<string, unknown>>) => {
  it('trains: every parameter gets a gradient', async () => {
    const traced = trace('deit_small_patch16_224', { overrides: { ...overrides, dropPath: 0 }, mode: 'training' });
    const loss = crossEntropy(traced.outputs.get('logits')!, constant(int64([2], [1, 3])));
    const lowered = lowerAggregates(new Map([['loss', loss]]), { provider: 'cpu', training: true }).outputs.get(
      'loss',
    )!;
    const parameters = traced.state.filter((s) => s.role === 'param');
    const values = parameters.map((s) => traced.parameters.get(s.name)!);
    const gradients = backward(lowered, values);
    expect(parameters.filter((_s, i) => !gradients.has(values[i]!)).map((s) => s.name)).toEqual([]);
    const data = Array.from({ length: 2 * 3 * 64 * 64 }, (__, i) => Math.sin(i));
    const feeds: Record<string, Tensor> = { x: float32([2, 3, 64, 64], data) };
    for (const s of parameters)
      feeds[s.name] = s.name === 'head.weight' ? randomTensor(s.name, s.shape) : initialise(s, 1);
    const weight = traced.state.find((s) => s.name.endsWith('proj.weight'))!.name;
    const outputs = new Map([
      ['loss', lowered],
      ['g', gradients.get(traced.parameters.get(weight)!)!],
    ]);
    const session = await createSession(nodeRuntime(), outputs, { threads: 1 });
    const result = await session.run(feeds);
    await session.release();
    expect(Number.isFinite(result.loss!.data[0])).toBe(true);
    expect(Math.hypot(...(result.g!.data as Float32Array))).toBeGreaterThan(1e-6);
  });
});

describe('positions of a vision transformer', () => {
  it('are resampled in the graph for pictures of another size, as they are for weights that are loaded', () => {
    const shape = [1, 3, 48, 80];
    const made = trace('deit_small_patch16_224', { overrides: SMALL, shape });
    const other = trace('deit_small_patch16_224', { overrides: { ...SMALL, imgSize: [48, 80] }, shape });
    expect(made.state.find((s) => s.name === 'pos_embed')!.shape).toEqual([1, 17, 24]);
    const weights = new Map<string, Tensor>(made.state.map((s) => [s.name, randomTensor(s.name, s.shape, 0.3)]));
    const { tensors, plan } = adaptWeights(other.state, weights);
    expect(plan.taken.filter((t) => t.how === 'positions').map((t) => t.name)).toEqual(['pos_embed']);
    const x = randomTensor('x', shape);
    const logits = ({ outputs }: Traced, state: ReadonlyMap<string, Tensor>): number[] => {
      const lowered = lowerAggregates(outputs, { provider: 'cpu', training: false }).outputs;
      return [...interpret(lowered, new Map([...state, ['x', x]])).get('logits')!.data];
    };
    const [inGraph, loaded] = [logits(made, weights), logits(other, tensors)];
    inGraph.forEach((v, i) => {
      expect(v).toBeCloseTo(loaded[i]!, 4); // the loaded table is rounded to float32
    });
    const [first] = toNumbers(weights.get('pos_embed')!);
    expect(toNumbers(tensors.get('pos_embed')!)[0]).toBe(first);
  });
  it('are told by the pictures that a configuration is made for', () => {
    expect(createModel('deit_small_patch16_224', { imgSize: 384 }).input).toMatchObject({ size: 384 });
    expect(createModel('deit_small_patch16_224').input).toMatchObject({ size: 224, crop: 0.9 });
  });
});

describe('a vision transformer', () => {
  it('gives its tokens as a map, named by its stride, without a classifier', () => {
    const { outputs, state } = trace('deit_small_patch16_224', {
      overrides: { ...SMALL, classes: 0, inChannels: 4 },
      shape: [1, 4, 32, 64],
    });
    expect([...outputs].map(([name, v]) => [name, v.shape])).toEqual([['c4', [1, 24, 2, 4]]]);
    expect(state.some((s) => s.name.startsWith('head.'))).toBe(false);
    const seven = trace('deit_small_patch16_224', {
      overrides: { ...SMALL, imgSize: 63, patch: 7, classes: 0 },
      shape: [1, 3, 63, 63],
    });
    expect([...seven.outputs.keys()]).toEqual(['map']);
  });
  it('gives the intermediates that are asked for', () => {
    const features = ['patch_embed', 'blocks.1', 'map', 'c4'];
    const { outputs } = trace('deit_small_patch16_224', { overrides: SMALL, features });
    expect(outputs.get('patch_embed')!.shape).toEqual([2, 16, 24]);
    expect(outputs.get('blocks.1')!.shape).toEqual([2, 17, 24]);
    expect(outputs.get('map')!.shape).toEqual([2, 24, 4, 4]);
    expect(faultOf(() => trace('deit_small_patch16_224', { overrides: SMALL, features: ['blocks.2'] }))).toContain(
      'no "blocks.2"',
    );
  });
  it('shows last what the class token reads in the last block', () => {
    const { taps } = trace('deit_small_patch16_224', { overrides: SMALL, taps: () => true });
    const [name, tap] = [...taps].at(-1)!;
    expect(name).toBe('blocks.1.attn.class_attention');
    expect(tap).toMatchObject({ axes: 'n head 1 (h w)', sizes: { h: 4, w: 4 } });
    expect(tap.value.shape).toEqual([2, 3, 1, 16]);
  });
  it('has timm’s names of DeiT and of MLP-Mixer', () => {
    const names = (name: string): readonly string[] =>
      trace(name, { shape: [1, 3, 224, 224] }).state.map((s) => `${s.name} [${s.shape}]`);
    expect(names('deit_tiny_patch16_224')).toEqual(
      expect.arrayContaining(['cls_token [1,1,192]', 'pos_embed [1,197,192]', 'blocks.11.attn.qkv.weight [576,192]']),
    );
    expect(names('mixer_b16_224')).toEqual(
      expect.arrayContaining([
        'stem.proj.weight [768,3,16,16]',
        'blocks.0.mlp_tokens.fc1.weight [384,196]',
        'blocks.11.mlp_channels.fc2.bias [768]',
        'norm.weight [768]',
        'head.weight [1000,768]',
      ]),
    );
  });
  it('starts as timm’s: truncated normals and a small class token, or Glorot’s and an empty head', () => {
    const inits = (name: string) =>
      new Map(trace(name, { shape: [1, 3, 224, 224] }).state.map((s) => [s.name, s.init]));
    const deit = inits('deit_tiny_patch16_224');
    for (const name of ['pos_embed', 'blocks.3.attn.proj.weight', 'blocks.3.mlp.fc1.weight', 'head.weight']) {
      expect(deit.get(name)).toEqual({ kind: 'truncated-normal', std: 0.02 });
    }
    expect(deit.get('cls_token')).toEqual({ kind: 'normal', std: 1e-6 });
    const mixer = inits('mixer_s16_224');
    expect(mixer.get('head.weight')).toEqual({ kind: 'constant', value: 0 });
    expect(mixer.get('blocks.0.mlp_tokens.fc1.weight')).toEqual({ kind: 'uniform', bound: Math.sqrt(6 / (256 + 196)) });
  });
  it('has the parameters of DeiT-S with a learned affinity for each head as CONTAINER-PAM', () => {
    const extra = (name: string): number => parameterCount(trace(name, { shape: [1, 3, 224, 224] }).state);
    expect(extra('container-pam') - extra('deit_small_patch16_224')).toBe(12 * 6 * 197 * 197);
  });
  it('cannot be fed sides that its patches do not divide, or a grid that a learned affinity does not fit', () => {
    const fault = (overrides: Readonly<Record<string, unknown>>, shape = [1, 3, 64, 64]): string =>
      faultOf(() => trace('deit_small_patch16_224', { overrides: { ...SMALL, ...overrides }, shape }));
    expect(fault({}, [1, 3, 64, 70])).toMatch(
      /^shape: x: expected sides that patches of 16 divide, got 70\. Use 64 or 80/,
    );
    expect(fault({ imgSize: 70 })).toMatch(/^config: imgSize: .*Use 64 or 80/);
    expect(fault({ mixer: { kind: 'self-attention', heads: 5 } })).toMatch(
      /blocks\.0\.attn: expected a number of heads that divides 24/,
    );
    expect(fault({ mixer: { kind: 'depthwise' } })).toMatch(/^config: blocks\.0\.attn: expected classToken false/);
    expect(fault({ classToken: false, mixer: { kind: 'mlp-mixer', positions: 9 } })).toMatch(
      /^shape: .*9 positions, got 16/,
    );
  });
});

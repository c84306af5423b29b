import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { float32, floats, type Tensor } from '../../src/core/tensor.ts';
import { createSession } from '../../src/engine/session.ts';
import { lowerAggregates } from '../../src/graph/aggregate/index.ts';
import { symbol } from '../../src/graph/dimension.ts';
import { initialise } from '../../src/model/init.ts';
import { FAMILIES, familyOf } from '../../src/model/networks/families.ts';
import { createModel } from '../../src/model/networks/table.ts';
import { traceNetwork } from '../../src/model/scope.ts';
import { nodeOutput, nodeRuntime, train } from '../../src/node.ts';
import type { RunOptions } from '../../src/train/config.ts';
import { layersOf } from '../../src/train/layers.ts';
import { parameterSettings, traceInference } from '../../src/train/network.ts';
import { networkParts, stateOf } from '../../src/train/network-parts.ts';
import { recognise } from '../../src/train/recognise.ts';
import { readSafetensors, writeSafetensors } from '../../src/weights/safetensors.ts';
import { colourFolder, scratch } from './made.ts';

interface Tiny {
  readonly name: string;
  readonly overrides: Readonly<Record<string, unknown>>;
  /** Side of its pictures. */
  readonly size: number;
}

const STAGE = { stride: 2, ratio: 1 / 2, groupSize: 0 };

/** A configuration of seconds for each family, and for each mechanism that a residual network may have for its 3 x 3. */
const TINY: Readonly<Record<string, Tiny>> = {
  resnet: { name: 'resnet14-gc', overrides: { layers: [1, 1, 1], width: 8 }, size: 16 },
  byobnet: {
    name: 'gcresnext26ts',
    overrides: {
      stem: [8, 8],
      stemStride: 'convolution',
      stages: [
        { ...STAGE, blocks: 1, channels: 16, stride: 1 },
        { ...STAGE, blocks: 1, channels: 32 },
      ],
    },
    size: 32,
  },
  container: {
    name: 'container_light',
    overrides: {
      widths: [8, 16, 16, 32],
      blocks: [1, 1, 1, 1],
      mlpRatios: [2, 2, 2, 2],
      patches: [2, 2, 2, 1],
      mixers: [
        ...[0, 1, 2].map(() => ({ kind: 'container-mix', heads: 4, affinity: 'static' })),
        { kind: 'container-mix', heads: 4 },
      ],
    },
    size: 32,
  },
  'vision-transformer': {
    name: 'deit_tiny_patch16_224',
    overrides: { imgSize: 32, patch: 8, width: 24, depth: 3, mixer: { kind: 'self-attention', heads: 2 } },
    size: 32,
  },
};

const FAMILY_NAMES = Object.keys(FAMILIES);
const folder = scratch();
let pictures = '';
beforeAll(async () => {
  pictures = await colourFolder(`${folder}/pictures`);
}, 60_000);

/** A file of fresh weights for ten classes, seed 3. */
async function fileOf({ name, overrides }: Tiny): Promise<{ path: string; tensors: Map<string, Tensor> }> {
  const state = stateOf(createModel(name, { ...overrides, classes: 10 }));
  const tensors = new Map(state.map((s) => [s.name, initialise(s, 3)] as const));
  const path = `${folder}/${name}.safetensors`;
  await nodeOutput.write(path, [writeSafetensors([...tensors])]);
  return { path, tensors };
}

it('there is a tiny network for every family', () => {
  expect(Object.keys(TINY).sort()).toEqual([...FAMILY_NAMES].sort());
});

describe.each(FAMILY_NAMES)('%s', (kind) => {
  const tiny = TINY[kind]!;
  const model = (more: object = {}) => createModel(tiny.name, { ...tiny.overrides, ...more });

  it('is fine-tuned from a file of other classes, its first stage left as it is, and learns', async () => {
    const { path, tensors } = await fileOf(tiny);
    const config: RunOptions = {
      data: { folder: pictures, size: tiny.size, batchSize: 6, workers: 1, holdOut: 0.25 },
      model: { name: tiny.name, overrides: { ...tiny.overrides, dropPath: 0.1 }, weights: path },
      freeze: { stages: 1 },
      layerDecay: 0.8,
      epochs: 4,
      learningRate: 0.01,
      optimizer: { kind: 'adamw' },
      schedule: { kind: 'cosine' },
      engine: { provider: 'cpu', threads: 1 },
    };
    const run = `${folder}/run-${kind}`;
    const done = await train(config, { folder: run });
    expect(done.evaluation!.result.balancedAccuracy).toBeGreaterThan(0.9);
    const after = readSafetensors(await readFile(`${run}/weights.safetensors`)).tensors;
    const layers = layersOf(stateOf(model({ classes: 3 })));
    const changed = [...tensors].flatMap(([n, t]) => {
      const now = after.get(n)!;
      const same = now.data.length === t.data.length && now.data.every((v, i) => v === t.data[i]);
      return same || n.endsWith('num_batches_tracked') ? [] : [layers.place(n).stage];
    });
    expect(Math.min(...changed)).toBe(2);
    expect(Math.max(...changed)).toBe(layers.stages + 1);
  }, 120_000);

  it('has layers from the pictures to the classes, of which later ones learn faster', () => {
    const { state } = traceInference(model().network, { batch: 1, size: tiny.size, provider: 'cpu' });
    const layers = layersOf(state);
    expect(layers.stages).toBe(familyOf(kind).stages(model().config));
    const settings = parameterSettings(
      { groups: [], weightDecay: 0.1, decayAll: false, layerDecay: 0.5, freeze: { stages: 1, norms: false } },
      state,
    );
    const head = networkParts({ name: tiny.name, overrides: tiny.overrides }).head;
    for (const spec of state.filter((s) => s.role === 'param')) {
      const { stage, layer } = layers.place(spec.name);
      const { rate, frozen } = settings(spec);
      expect(rate, spec.name).toBe(0.5 ** (layers.count - 1 - layer));
      expect(frozen, spec.name).toBe(stage <= 1);
      if (head.has(spec.name)) expect([layer, rate]).toEqual([layers.count - 1, 1]);
    }
    const order = state.map((s) => layers.place(s.name).layer);
    expect(order).toEqual([...order].sort((a, b) => a - b));
  });

  it('draws one number a picture and block for stochastic depth, of which the first is never dropped', () => {
    const traced = (dropPath: number) =>
      traceNetwork(model({ dropPath }).network, {
        inputs: { x: { shape: [2, 3, tiny.size, tiny.size] } },
        mode: 'training',
      });
    expect(traced(0).randoms).toEqual([]);
    const { randoms } = traced(0.2);
    expect(randoms.length).toBeGreaterThan(0);
    expect(randoms.every((r) => r.shape[0] === 2 && r.shape.slice(1).every((d) => d === 1))).toBe(true);
  });

  it('reads pictures of other numbers of channels', () => {
    const { input } = networkParts({ name: tiny.name, overrides: tiny.overrides });
    const one = new Map(stateOf(model({ inChannels: 1 })).map((s) => [s.name, s.shape]));
    expect([...input].map((name) => one.get(name)![1])).toEqual([...input].map(() => 1));
    expect(input.size).toBeGreaterThan(0);
  });

  it('is traced once for pictures of any size and any number of them', async () => {
    const { network, config } = model({ classes: 4 });
    if (!familyOf(kind).anySize(config)) return;
    const sizes = { x: { shape: [symbol('batch'), 3, symbol('height'), symbol('width')] } };
    const open = traceNetwork(network, { inputs: sizes, mode: 'inference' });
    const weights = open.state.filter((s) => s.role !== 'counter').map((s) => [s.name, initialise(s, 5)] as const);
    const constants = new Map(weights);
    const lowered = (outputs: typeof open.outputs) =>
      lowerAggregates(outputs, { provider: 'cpu', training: false }).outputs;
    const session = await createSession(nodeRuntime(), lowered(open.outputs), { threads: 1, constants });
    for (const [n, h, w] of [
      [1, 32, 32],
      [2, 32, 48],
      [1, 64, 40],
    ] as const) {
      const x = float32(
        [n, 3, h, w],
        Array.from({ length: n * 3 * h * w }, (_, i) => Math.cos(i)),
      );
      const closed = traceNetwork(network, { inputs: { x: { shape: [n, 3, h, w] } }, mode: 'inference' });
      const known = await createSession(nodeRuntime(), lowered(closed.outputs), { threads: 1, constants });
      const [a, b] = [await session.run({ x }), await known.run({ x })];
      await known.release();
      const scale = Math.max(...floats(b.logits!).map(Math.abs));
      floats(a.logits!).forEach((v, i) => {
        expect(Math.abs(v - floats(b.logits!)[i]!) / scale).toBeLessThan(1e-5);
      });
    }
    await session.release();
  });
});

describe('a file of a named network of each family', () => {
  it.each([
    ['container_light', {}],
    ['container_v1_light', { classes: 7 }],
    ['container', { inChannels: 1 }],
    ['deit_tiny_patch16_224', { classes: 5 }],
    ['deit_small_patch16_224', {}],
    ['mixer_s16_224', {}],
    ['cotnet50', { classes: 3 }],
    ['resnet101-nl5', {}],
    ['resnet50-gc-relu', {}],
    ['resnext50_32x4d-gc', { classes: 12 }],
  ])('%s is told by its shapes, with options %j', (name, overrides) => {
    const state = stateOf(createModel(name, { ...overrides }));
    const found = new Map(state.map(({ name: n, dtype, shape }) => [n, { dtype, shape }]));
    expect(recognise(found)?.name).toBe(name);
  });
});

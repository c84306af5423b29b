import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { floats, type Tensor, tensor } from '../../src/core/tensor.ts';
import { initialise } from '../../src/model/init.ts';
import { createModel } from '../../src/model/networks/table.ts';
import type { StateSpec } from '../../src/model/scope.ts';
import { nodeFiles } from '../../src/runtime/node/files.ts';
import { nodeOutput } from '../../src/runtime/node/output.ts';
import { temporaryFolder } from '../../src/runtime/node/temporary.ts';
import type { ModelConfig } from '../../src/train/config.ts';
import type { TrainEvent } from '../../src/train/events.ts';
import { findWeights } from '../../src/train/find-weights.ts';
import { firstState } from '../../src/train/first-state.ts';
import { stateOf } from '../../src/train/network-parts.ts';
import { PUBLISHED, publishedWeights } from '../../src/train/published.ts';
import type { Hub, HubReference } from '../../src/weights/hub.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';

const SMALL = { layers: [1, 1], width: 8 };
const specs = (overrides: Readonly<Record<string, unknown>>): readonly StateSpec[] =>
  stateOf(createModel('resnet14', { ...SMALL, ...overrides }));
const madeOf = (state: readonly StateSpec[], seed: number): [string, Tensor][] =>
  state.map((s) => [s.name, initialise(s, seed)]);

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

async function fileOf(name: string, tensors: readonly (readonly [string, Tensor])[]): Promise<string> {
  const path = `${folder.path}/${name}.safetensors`;
  await nodeOutput.write(path, [writeSafetensors(tensors)]);
  return path;
}

interface Asked {
  readonly model: Partial<ModelConfig>;
  readonly classes?: number;
  readonly hub?: Hub;
}

async function begin({ model, classes = 3, hub }: Asked) {
  const events: TrainEvent[] = [];
  const { overrides = SMALL } = model;
  const whole = { name: 'resnet14', weights: null, partial: false, ...model, overrides };
  const state = stateOf(createModel(whole.name, { ...overrides, classes }));
  const platform = { files: nodeFiles, output: nodeOutput, ...(hub && { hub }) };
  const emit = (event: TrainEvent): void => void events.push(event);
  const tensors = await firstState({ config: { model: whole, seed: 7 }, platform, emit, request: {} }, state, classes);
  return { tensors, state, notes: events.flatMap((e) => (e.kind === 'note' ? [e.text] : [])), events };
}

const same = (a: Tensor, b: Tensor): boolean => a.data.every((v, i) => v === b.data[i]);

describe('first weights', () => {
  it('are those of the seed where no file is named', async () => {
    const { tensors, state, notes } = await begin({ model: {} });
    expect(state.every((s) => same(tensors.get(s.name)!, initialise(s, 7)))).toBe(true);
    expect(notes).toEqual([]);
  });

  it('are those of the file, whose classifier starts fresh for other classes', async () => {
    const file = madeOf(specs({ classes: 10 }), 1);
    const weights = await fileOf('ten', file);
    const { tensors, state, notes } = await begin({ model: { weights } });
    const theirs = new Map(file);
    for (const spec of state) {
      const from = spec.name.startsWith('fc.') ? initialise(spec, 7) : theirs.get(spec.name)!;
      expect(same(tensors.get(spec.name)!, from), spec.name).toBe(true);
    }
    expect(notes).toEqual([
      `Took ${state.length - 2} of ${state.length} tensors from ${weights} (safetensors), by the network's own names.`,
      'Starts fresh: fc.weight, fc.bias, for 3 classes where the file has 10.',
    ]);
  });

  it('are written in the network’s names and float32, whatever the file’s', async () => {
    const half = (t: Tensor): Tensor =>
      t.dtype === 'float32' ? tensor('float16', t.shape, new Uint16Array(t.data.length).fill(0x3c00)) : t;
    const state = specs({ classes: 3 });
    const named = madeOf(state, 1).map(([n, t]) => [`model.${n.replace('fc.', 'last_linear.')}`, half(t)] as const);
    const { tensors, notes } = await begin({ model: { weights: await fileOf('half', named) } });
    expect([...floats(tensors.get('fc.bias')!)]).toEqual([1, 1, 1]);
    expect(notes[0]).toContain('by early timm and pretrained-models (Cadene), without the prefix "model.".');
  });

  it('read pictures of one channel by the sum of three', async () => {
    const file = madeOf(specs({ classes: 3 }), 1);
    const weights = await fileOf('rgb', file);
    const { tensors, notes } = await begin({ model: { weights, overrides: { ...SMALL, inChannels: 1 } } });
    const rgb = floats(new Map(file).get('conv1.weight')!);
    expect(tensors.get('conv1.weight')!.data[0]).toBeCloseTo(rgb[0]! + rgb[9]! + rgb[18]!, 6);
    expect(notes).toContain('Adapted: conv1.weight, from 3 channels of the picture to 1.');
  });

  it('are listed where they are left random, and what is not used', async () => {
    const file = madeOf(specs({ classes: 3 }), 1).filter(([n]) => n !== 'bn1.bias');
    const weights = await fileOf('part', [...file, ['other.weight', tensor('float32', [1], new Float32Array(1))]]);
    const { tensors, state, notes } = await begin({ model: { weights, partial: true } });
    const spec = state.find((s) => s.name === 'bn1.bias')!;
    expect(same(tensors.get('bn1.bias')!, initialise(spec, 7))).toBe(true);
    expect(notes.slice(1)).toEqual(['Left random: 1 tensor (bn1.bias).', 'Not used: 1 tensor (other.weight).']);
    await expect(begin({ model: { weights } })).rejects.toThrow(/1 missing \("bn1.bias"\); 1 unexpected/);
  });

  it('of another variant are refused, and it is named', async () => {
    const context = [{ context: { kind: 'global-context', ratio: 1 / 8 }, position: 'after-conv2' }];
    const weights = await fileOf('variant', madeOf(specs({ classes: 3, context }), 1));
    await expect(begin({ model: { weights } })).rejects.toThrow(
      /The file looks like resnet\S+ with .*global context with ratio 1\/8.*: use --model resnet\S+ --set 'model.overrides=/,
    );
  });
});

describe('published weights', () => {
  it('come from the hub: a reference, or timm’s name', async () => {
    const path = await fileOf('hub', madeOf(specs({ classes: 3 }), 1));
    const asked: HubReference[] = [];
    const hub: Hub = {
      fetch: async (reference, request) => {
        asked.push(reference);
        for (const received of [1, 2, 50, 100]) {
          request?.onProgress?.({ repo: reference.repo, path: 'model.safetensors', received, total: 100 });
          request?.onProgress?.({ repo: reference.repo, path: 'model.safetensors', received, total: 100 });
        }
        const commit = 'a'.repeat(40);
        return { path, repo: reference.repo, file: 'model.safetensors', commit, cached: false, notes: ['Slow today.'] };
      },
    };
    const { notes, events } = await begin({ model: { weights: 'timm/resnet18.tv_in1k' }, hub });
    await begin({ model: { weights: 'hf:me/mine/w.pth@v2' }, hub });
    expect(asked).toEqual([
      { repo: 'timm/resnet18.tv_in1k', path: null, revision: null },
      { repo: 'me/mine', path: 'w.pth', revision: 'v2' },
    ]);
    expect(events.filter((e) => e.kind === 'download')).toHaveLength(4);
    expect(notes.slice(0, 2)).toEqual([
      'Slow today.',
      'timm/resnet18.tv_in1k/model.safetensors at aaaaaaaa is downloaded.',
    ]);
    expect(notes.at(-1)).toBe('Licence of these weights: bsd-3-clause.');
  });

  it('are faults where nothing can be downloaded, or the name is unknown', async () => {
    const places = { output: nodeOutput };
    await expect(findWeights('hf:a/b', places)).rejects.toThrow('nothing is downloaded here');
    await expect(findWeights('timm/gcresnet50t.ra3_in1k', places)).rejects.toThrow(
      'Did you mean timm/gcresnet50t.ra2_in1k',
    );
  });

  it('have names of networks that are in the table', () => {
    for (const { network } of PUBLISHED.values()) expect(() => createModel(network)).not.toThrow();
    expect(publishedWeights('hf:timm/gcresnext50ts.ch_in1k')).toEqual({
      reference: 'hf:timm/gcresnext50ts.ch_in1k',
      network: 'gcresnext50ts',
      licence: 'apache-2.0',
    });
    expect(publishedWeights('resnet50.fb_swsl_ig1b_ft_in1k')?.licence).toBe('cc-by-nc-4.0');
  });
});

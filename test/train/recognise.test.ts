import { describe, expect, it } from 'vitest';
import { createModel } from '../../src/model/networks/table.ts';
import { stateOf } from '../../src/train/network-parts.ts';
import { describeRecognised, recognise } from '../../src/train/recognise.ts';
import type { FoundTensor } from '../../src/weights/adapt.ts';

type Found = Map<string, FoundTensor>;

function fileOf(name: string, overrides: Readonly<Record<string, unknown>> = {}, rename = (n: string) => n): Found {
  const state = stateOf(createModel(name, overrides));
  return new Map(state.map(({ name: n, dtype, shape }) => [rename(n), { dtype, shape }]));
}

const told = (file: Found, wanted: string): string =>
  describeRecognised(recognise(file)!, { name: wanted, overrides: {} });

describe('a file of a named network', () => {
  it.each([
    'resnet18',
    'resnet101',
    'wide_resnet50_2',
    'resnet50c',
    'seresnext26t_32x4d',
    'resnet20-gc',
    'gcresnet33ts',
  ])('%s is told by its shapes', (name) => {
    expect(recognise(fileOf(name))).toEqual({ name, overrides: {}, changes: [] });
  });

  it('is told whatever the number of its classes and of the picture’s channels', () => {
    expect(recognise(fileOf('resnet34', { classes: 7, inChannels: 4 }))?.name).toBe('resnet34');
    expect(recognise(fileOf('gcresnext50ts', { classes: 3, inChannels: 1 }))?.name).toBe('gcresnext50ts');
  });

  it('is told by another implementation’s names, and inside a detector', () => {
    const transformers = (n: string): string =>
      n
        .replace(
          /^layer(\d)\.(\d+)\.conv(\d)/,
          (_, s, b, k) => `resnet.encoder.stages.${s - 1}.layers.${b}.layer.${k - 1}.convolution`,
        )
        .replace(
          /^layer(\d)\.(\d+)\.bn(\d)/,
          (_, s, b, k) => `resnet.encoder.stages.${s - 1}.layers.${b}.layer.${k - 1}.normalization`,
        )
        .replace(
          /^layer(\d)\.(\d+)\.downsample\.0/,
          (_, s, b) => `resnet.encoder.stages.${s - 1}.layers.${b}.shortcut.convolution`,
        )
        .replace(
          /^layer(\d)\.(\d+)\.downsample\.1/,
          (_, s, b) => `resnet.encoder.stages.${s - 1}.layers.${b}.shortcut.normalization`,
        )
        .replace(/^conv1\./, 'resnet.embedder.embedder.convolution.')
        .replace(/^bn1\./, 'resnet.embedder.embedder.normalization.')
        .replace(/^fc\./, 'classifier.1.');
    expect(recognise(fileOf('resnet26', {}, transformers))?.name).toBe('resnet26');
    const detector = fileOf('resnet50-gc', { classes: 0 }, (n) => `backbone.${n}`);
    detector.set('rpn_head.rpn_conv.weight', { dtype: 'float32', shape: [256, 256, 3, 3] });
    expect(recognise(detector)?.name).toBe('resnet50-gc');
  });

  it('is told against the one that was asked for', () => {
    expect(told(fileOf('resnet50-gc-r4'), 'resnet50-gc')).toBe(
      'The file looks like resnet50-gc-r4 (global context with ratio 1/4 in stages 2, 3, 4 instead of global context with ratio 1/16 in stages 2, 3, 4): use --model resnet50-gc-r4.',
    );
    expect(told(fileOf('resnet101'), 'resnet50')).toBe(
      'The file looks like resnet101 (depth 3-4-23-3 instead of 3-4-6-3): use --model resnet101.',
    );
    expect(told(fileOf('resnet50d'), 'resnet50')).toBe(
      'The file looks like resnet50d (stem deep instead of 7x7, shortcuts by average instead of convolution): use --model resnet50d.',
    );
    expect(told(fileOf('gcresnet50t'), 'resnet50')).toBe('The file looks like gcresnet50t: use --model gcresnet50t.');
  });
});

describe('a file of a variant', () => {
  const gc = (ratio: number, more: object = {}) => ({
    context: [{ context: { kind: 'global-context', ratio }, position: 'after-conv3', stages: [2, 3, 4], ...more }],
  });

  it('is told as a named network with options that make its tensors', () => {
    const file = fileOf('resnet50', gc(1 / 64));
    const found = recognise(file)!;
    expect(found).toMatchObject({ name: 'resnet50-gc', changes: [expect.stringContaining('ratio 1/64')] });
    const state = stateOf(createModel(found.name, found.overrides));
    expect(new Map(state.map((s) => [s.name, s.shape]))).toEqual(new Map([...file].map(([n, t]) => [n, t.shape])));
    expect(told(file, 'resnet50-gc')).toMatch(
      /^The file looks like resnet50-gc with global context with ratio 1\/64 in stages 2, 3, 4 instead of .*: use --model resnet50-gc --set 'model\.overrides=\{"context":/,
    );
  });

  it.each([
    ['width', 'resnet18', { width: 32 }, 'width 32 instead of 64'],
    ['depth', 'resnet50', { layers: [2, 3, 4, 2] }, 'depth 2-3-4-2 instead of'],
    ['stem', 'resnet18', { stem: '3x3' }, 'stem 3x3 instead of 7x7'],
    ['groups', 'resnet50', { groups: 16, widthPerGroup: 8 }, 'groups 16 instead of'],
    ['place', 'resnet50', gc(1 / 16, { blocks: [-1] }), 'in block'],
    [
      'fusion',
      'resnet18',
      {
        context: [
          { context: { kind: 'global-context', ratio: 1 / 4, fusions: ['multiply'] }, position: 'after-conv2' },
        ],
      },
      'fusions ["multiply"]',
    ],
    [
      'pooling',
      'resnet18',
      { context: [{ context: { kind: 'global-context', ratio: 1 / 4, pooling: 'average' }, position: 'after-conv2' }] },
      'pooling average',
    ],
    [
      'mode',
      'resnet50',
      {
        context: [
          {
            context: { kind: 'non-local', mode: 'gaussian', norm: 'batch' },
            position: 'after-block',
            stages: [3],
            blocks: [5],
          },
        ],
      },
      'mode gaussian',
    ],
    [
      'width inside',
      'resnet18',
      { context: [{ context: { kind: 'non-local', reduction: 4 }, position: 'after-block', stages: [2] }] },
      'reduction 4',
    ],
    [
      'squeeze',
      'seresnet50',
      { context: [{ context: { kind: 'squeeze-excitation', ratio: 1 / 8 }, position: 'after-conv3' }] },
      'ratio 1/8',
    ],
    [
      'place inside',
      'resnet50',
      { context: [{ context: { kind: 'global-context', ratio: 1 / 8 }, position: 'after-conv2', stages: [4] }] },
      'stage 4',
    ],
    [
      'names',
      'resnet50',
      {
        context: [
          { context: { kind: 'global-context', ratio: 1 / 8, names: 'timm' }, position: 'after-conv3', name: 'attn' },
        ],
      },
      'names timm',
    ],
  ])('of another %s is told by it, and the options make its tensors', (_, name, overrides, words) => {
    const file = fileOf(name, overrides);
    const found = recognise(file)!;
    expect(found.changes.join(', ')).toContain(words);
    const made = stateOf(createModel(found.name, { ...found.overrides }));
    expect(new Map(made.map((s) => [s.name, s.shape]))).toEqual(new Map([...file].map(([n, t]) => [n, t.shape])));
  });
});

describe('a file of something else', () => {
  it('is not told to be anything', () => {
    const vit: Found = new Map([
      ['patch_embed.proj.weight', { dtype: 'float32', shape: [192, 3, 16, 16] }],
      ['blocks.0.attn.qkv.weight', { dtype: 'float32', shape: [576, 192] }],
    ]);
    expect(recognise(vit)).toBeNull();
    expect(recognise(new Map())).toBeNull();
  });

  it('nor is one that lacks a tensor', () => {
    const file = fileOf('resnet18');
    file.delete('layer3.1.conv2.weight');
    expect(recognise(file)).toBeNull();
  });
});

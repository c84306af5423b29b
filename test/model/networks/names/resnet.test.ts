import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RESNET_NAMES } from '../../../../src/model/networks/names/resnet.ts';
import { createModel } from '../../../../src/model/networks/table.ts';
import { type StateSpec, traceNetwork } from '../../../../src/model/scope.ts';
import { type FoundTensor, planWeights, type WeightsPlan } from '../../../../src/weights/adapt.ts';

const GOLDEN = new URL('../../../../../shared/golden/backbones/', import.meta.url);

function stateOf(name: string, overrides: Readonly<Record<string, unknown>> = {}): readonly StateSpec[] {
  const { network } = createModel(name, overrides);
  return traceNetwork(network, { inputs: { x: { shape: [1, 3, 64, 64] } }, mode: 'inference' }).state;
}

/** The network's state as another implementation names it. */
function namedBy(state: readonly StateSpec[], rename: (name: string) => string): Map<string, FoundTensor> {
  return new Map(state.map(({ name, dtype, shape }) => [rename(name), { dtype, shape }]));
}

function planOf(state: readonly StateSpec[], found: ReadonlyMap<string, FoundTensor>): WeightsPlan {
  return planWeights(state, found, { tables: RESNET_NAMES });
}

/** That every tensor of the network is found under its own counterpart and nothing is left of the file. */
function expectWhole(state: readonly StateSpec[], rename: (name: string) => string): WeightsPlan {
  const plan = planOf(state, namedBy(state, rename));
  expect(Object.fromEntries(plan.taken.map((t) => [t.name, t.from]))).toEqual(
    Object.fromEntries(state.map((s) => [s.name, rename(s.name)])),
  );
  expect({ missing: plan.missing, unused: plan.unused, misshapen: plan.misshapen }).toEqual({
    missing: [],
    unused: [],
    misshapen: [],
  });
  return plan;
}

const minusOne = (text: string): string => String(Number(text) - 1);
const plusOne = (text: string): string => String(Number(text) + 1);

describe('names of the reference implementations', () => {
  const cases = [
    ['torchvision_resnet18', 'resnet18', {}],
    ['torchvision_resnet50', 'resnet50', {}],
    ['torchvision_resnext50_32x4d', 'resnext50_32x4d', {}],
    ['timm_seresnet50', 'seresnet50', {}],
    ['gcnet_resnet50_gcb_r16_c3c5', 'resnet50-gc', { classes: 0 }],
  ] as const;
  for (const [file, name, overrides] of cases) {
    const at = new URL(`${file}.json`, GOLDEN);
    it.skipIf(!existsSync(at))(`${file}: every tensor of the reference is one of ${name}`, () => {
      const { state } = JSON.parse(readFileSync(at, 'utf8')) as {
        readonly state: readonly { readonly name: string; readonly shape: readonly number[] }[];
      };
      const found = new Map(
        state.map(({ name: n, shape }) => {
          const dtype = n.endsWith('num_batches_tracked') ? ('int64' as const) : ('float32' as const);
          return [n, { dtype, shape }];
        }),
      );
      const ours = stateOf(name, overrides);
      const plan = planOf(ours, found);
      expect(plan.fit).toMatchObject({ source: "the network's own names", prefix: '', fitting: ours.length });
      expect(plan.unused).toEqual([]);
    });
  }
});

describe('names of other implementations', () => {
  const bottleneck = stateOf('resnet50');

  it('Hugging Face transformers', () => {
    const plan = expectWhole(bottleneck, (n) =>
      n
        .replace(/^conv1\./, 'resnet.embedder.embedder.convolution.')
        .replace(/^bn1\./, 'resnet.embedder.embedder.normalization.')
        .replace(
          /^layer(\d)\.(\d+)\./,
          (_, s: string, b: string) => `resnet.encoder.stages.${minusOne(s)}.layers.${b}.`,
        )
        .replace(/\.conv(\d)\./, (_, k: string) => `.layer.${minusOne(k)}.convolution.`)
        .replace(/\.bn(\d)\./, (_, k: string) => `.layer.${minusOne(k)}.normalization.`)
        .replace('.downsample.0.', '.shortcut.convolution.')
        .replace('.downsample.1.', '.shortcut.normalization.')
        .replace(/^fc\./, 'classifier.1.'),
    );
    expect(plan.fit.source).toBe('Hugging Face transformers');
  });

  it('Detectron2, inside a detector', () => {
    const plan = expectWhole(
      bottleneck.filter((s) => !s.name.startsWith('fc.')),
      (n) => {
        const below = n
          .replace(/^layer(\d)/, (_, s: string) => `res${plusOne(s)}`)
          .replace(/bn(\d)/, 'conv$1.norm')
          .replace('downsample.0', 'shortcut')
          .replace('downsample.1', 'shortcut.norm');
        return `backbone.bottom_up.${n.startsWith('layer') ? below : `stem.${below}`}`;
      },
    );
    expect(plan.fit).toMatchObject({ source: 'Detectron2', prefix: 'backbone.bottom_up.' });
  });

  it('Caffe2, whose files have no counters', () => {
    const nonLocal = {
      context: { kind: 'non-local', norm: 'batch', names: 'mmcv' },
      position: 'after-block',
      blocks: [1],
    };
    const state = stateOf('resnet50', { context: [{ ...nonLocal, stages: [2, 3] }] }).filter(
      (s) => s.role !== 'counter',
    );
    const leaf: Readonly<Record<string, string>> = { weight: 's', bias: 'b', running_mean: 'rm', running_var: 'riv' };
    const letters = ['', 'a', 'b', 'c'];
    const plan = expectWhole(state, (n) => {
      const [, stage, block, rest = ''] = /^layer(\d)\.(\d+)\.(.*)$/.exec(n) ?? [];
      const last = n.slice(n.lastIndexOf('.') + 1);
      if (n.startsWith('conv1.')) return 'conv1_w';
      if (n.startsWith('bn1.')) return `res_conv1_bn_${leaf[last]}`;
      if (n.startsWith('fc.')) return last === 'weight' ? 'pred_w' : 'pred_b';
      const wb = last === 'weight' ? 'w' : 'b';
      const s = plusOne(stage!);
      if (rest.startsWith('non_local_block.')) {
        const part = rest.split('.')[1]!;
        if (rest.includes('.bn.')) return `nonlocal_conv${s}_${block}_bn_${leaf[last]}`;
        return `nonlocal_conv${s}_${block}_${part === 'conv_out' ? 'out' : part}_${wb}`;
      }
      const at = `res${s}_${block}`;
      if (rest.startsWith('downsample.0')) return `${at}_branch1_w`;
      if (rest.startsWith('downsample.1')) return `${at}_branch1_bn_${leaf[last]}`;
      const letter = letters[Number(/\d/.exec(rest)![0])]!;
      return rest.startsWith('conv') ? `${at}_branch2${letter}_w` : `${at}_branch2${letter}_bn_${leaf[last]}`;
    });
    expect(plan.fit.source).toBe('Caffe2 (video-nonlocal-net, Detectron)');
  });

  it('SlowFast, whose kernels of one frame lose that axis', () => {
    const nonLocal = { context: { kind: 'non-local', norm: 'batch' }, position: 'after-block', blocks: [1] };
    const state = stateOf('resnet50', { context: [{ ...nonLocal, stages: [2] }] });
    const rename = (n: string): string =>
      n
        .replace(/^conv1\./, 's1.pathway0_stem.conv.')
        .replace(/^bn1\./, 's1.pathway0_stem.bn.')
        .replace(/^fc\./, 'head.projection.')
        .replace('.conv_out.conv.', '.conv_out.')
        .replace('.conv_out.bn.', '.bn.')
        .replace(/\.(theta|phi|g)\.conv\./, '.conv_$1.')
        .replace(
          /^layer(\d)\.(\d+)\.non_local_block\./,
          (_, s: string, b: string) => `s${plusOne(s)}.pathway0_nonlocal${b}.`,
        )
        .replace(/^layer(\d)\.(\d+)\./, (_, s: string, b: string) => `s${plusOne(s)}.pathway0_res${b}.`)
        .replace(/(res\d+)\.conv(\d)\./, (_, r: string, k: string) => `${r}.branch2.${'abc'[Number(k) - 1]}.`)
        .replace(/(res\d+)\.bn(\d)\./, (_, r: string, k: string) => `${r}.branch2.${'abc'[Number(k) - 1]}_bn.`)
        .replace('.downsample.0.', '.branch1.')
        .replace('.downsample.1.', '.branch1_bn.');
    const found = new Map(
      [...namedBy(state, rename)].map(([n, t]) => {
        const [o = 1, i = 1, ...kernel] = t.shape;
        return [n, t.shape.length === 4 ? { ...t, shape: [o, i, 1, ...kernel] } : t];
      }),
    );
    const plan = planOf(state, found);
    expect(plan).toMatchObject({ missing: [], unused: [], misshapen: [], fit: { source: 'SlowFast' } });
    expect(plan.taken.find((t) => t.name === 'conv1.weight')).toMatchObject({ how: 'reshaped', shape: [64, 3, 7, 7] });
  });

  it('mmpretrain: a classifier with squeeze-and-excitation', () => {
    const plan = expectWhole(stateOf('seresnet50'), (n) =>
      n.startsWith('fc.') ? `head.${n}` : `backbone.${n.replace(/\.se\.fc([12])\./, '.se_layer.conv$1.conv.')}`,
    );
    expect(plan.fit).toMatchObject({ source: 'OpenMMLab (mmdetection, mmpretrain)', prefix: 'backbone.' });
  });

  it('mmpretrain: ResNet-D, whose first shortcut has no pool to count', () => {
    const places: Readonly<Record<string, string>> = {
      'conv1.0': 'stem.0.conv',
      'conv1.1': 'stem.0.bn',
      'conv1.3': 'stem.1.conv',
      'conv1.4': 'stem.1.bn',
      'conv1.6': 'stem.2.conv',
      bn1: 'stem.2.bn',
    };
    const plan = expectWhole(stateOf('resnet50d'), (n) => {
      if (n.startsWith('fc.')) return `head.${n}`;
      const layer = n.slice(0, n.lastIndexOf('.'));
      if (places[layer] !== undefined) return `backbone.${places[layer]}${n.slice(layer.length)}`;
      return `backbone.${n.replace(/^(layer1\.0\.downsample)\.(\d)/, (_, p: string, k: string) => `${p}.${minusOne(k)}`)}`;
    });
    expect(plan.fit.source).toBe('mmpretrain (ResNet-D)');
  });

  it('mmdetection: a deep stem of single layers', () => {
    const plan = expectWhole(
      stateOf('resnet50d', { classes: 0 }),
      (n) => `backbone.${n.replace(/^conv1\./, 'stem.').replace(/^bn1\./, 'stem.7.')}`,
    );
    expect(plan.fit.source).toBe('OpenMMLab (mmdetection, mmpretrain)');
  });

  it('mmdetection: a detector with context blocks, of which the rest is unused', () => {
    const state = stateOf('resnet50-gc', { classes: 0 });
    const found = namedBy(state, (n) => `backbone.${n}`).set('rpn_head.rpn_conv.weight', {
      dtype: 'float32',
      shape: [256, 256, 3, 3],
    });
    const plan = planOf(state, found);
    expect(plan.fit.fitting).toBe(state.length);
    expect(plan.unused).toEqual(['rpn_head.rpn_conv.weight']);
  });

  it('mmcv: non-local blocks with and without sub-sampling', () => {
    const block = (subSample: boolean): Readonly<Record<string, unknown>> => {
      const context = { kind: 'non-local', ...(subSample && { subSample: { order: 'after-projection' } }) };
      return { context: [{ context, position: 'after-block', stages: [3], blocks: [-1] }] };
    };
    const [plain, pooled] = [stateOf('resnet18', block(false)), stateOf('resnet18', block(true))];
    const swap = (n: string): string => n.replace('non_local_block', 'nonlocal_block');
    expect(planOf(plain, namedBy(pooled, swap))).toMatchObject({ missing: [], unused: [] });
    expect(planOf(pooled, namedBy(plain, swap))).toMatchObject({ missing: [], unused: [] });
  });

  it('timm: context blocks at `se`, whose norm has one axis', () => {
    const state = stateOf('resnet50-gc');
    const rename = (n: string): string =>
      n
        .replace('.context_block.conv_mask.', '.se.conv_attn.')
        .replace('.context_block.channel_add_conv.0.', '.se.mlp_add.fc1.')
        .replace('.context_block.channel_add_conv.1.', '.se.mlp_add.norm.')
        .replace('.context_block.channel_add_conv.3.', '.se.mlp_add.fc2.');
    const found = new Map(
      [...namedBy(state, rename)].map(([n, t]) => [n, n.includes('.norm.') ? { ...t, shape: t.shape.slice(0, 1) } : t]),
    );
    const plan = planOf(state, found);
    expect(plan).toMatchObject({ missing: [], unused: [], misshapen: [], fit: { source: "timm's context blocks" } });
    expect(plan.taken.filter((t) => t.how === 'reshaped')).toHaveLength(26);
  });

  it('pretrained-models: SE-ResNet-50 with its stem in layer0', () => {
    const plan = expectWhole(stateOf('seresnet50'), (n) =>
      n
        .replace(/^(conv1|bn1)\./, 'layer0.$1.')
        .replace(/\.se\./, '.se_module.')
        .replace(/^fc\./, 'last_linear.'),
    );
    expect(plan.fit.source).toBe('early timm and pretrained-models (Cadene)');
  });

  it('momentum contrast: the encoder inside two wrappers', () => {
    const backbone = bottleneck.filter((s) => !s.name.startsWith('fc.'));
    const plan = expectWhole(backbone, (n) => `module.encoder_q.${n}`);
    expect(plan.fit).toMatchObject({ source: "the network's own names", prefix: 'module.encoder_q.' });
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { corpusTitle, hasCorpus } from '../golden/corpus.ts';
import { browserTitle, CHROMIUM } from '../web/chromium.ts';
import { openTabs, type Tabs } from '../web/tabs.ts';

let tabs: Tabs;

beforeAll(async () => {
  if (CHROMIUM) tabs = await openTabs();
}, 60_000);

afterAll(() => tabs?.close());

const SMALL = [
  'blocks/nonlocal1d_gaussian',
  'blocks/nonlocal2d_embedded_gaussian_sub',
  'blocks/nonlocal2d_concatenation_sub',
  'blocks/nonlocal3d_gaussian_sub',
  'blocks/gcnet_nonlocal2d_embedded_gaussian',
  'blocks/contextblock_avg_both_r4',
  'blocks/simplified_nonlocal',
  'blocks/timm_nonlocalattn',
  'blocks/timm_globalcontext',
  'blocks/se_torchvision',
  'ops/interpolate',
  'ops/grid_sample',
  'ops/pool_ceil',
  'ops/sigmoid_focal_loss',
  'training/opt_sgd_clip',
  'training/opt_adamw',
] as const;

/** WebGPU runs in software here: of networks the smallest must do. */
const CASES = [
  ...SMALL.map((name) => [name, 'webgpu'] as const),
  ['backbones/nl_resnet18_2_gaussian_sub', 'webgpu'] as const,
  ...SMALL.map((name) => [name, 'wasm'] as const),
  ['backbones/torchvision_resnet18', 'wasm'] as const,
  ['backbones/timm_seresnet50', 'wasm'] as const,
  ['training/resnet18_context_mul_sgd', 'wasm'] as const,
];

describe(browserTitle(corpusTitle('golden cases in a page')), { skip: !CHROMIUM || !hasCorpus }, () => {
  test.each(CASES)('%s on %s', { timeout: 180_000 }, async (name, provider) => {
    expect(await tabs.ask('golden', [name, provider])).toMatchObject({ status: 'pass', why: '' });
  });
});

describe(browserTitle('training in a page'), { skip: !CHROMIUM }, () => {
  test('makes the same steps on WebGPU as on WebAssembly, but for rounding', { timeout: 300_000 }, async () => {
    const addresses = ['/plain-colour.png', '/photo.jpg', '/alpha.png', '/upright.jpg', '/still.gif', '/grey.png'];
    const wasm = await tabs.ask('tune', ['/weights.safetensors', addresses, 'wasm']);
    const gpu = await tabs.ask('tune', ['/weights.safetensors', addresses, 'webgpu']);
    gpu.steps.forEach(({ loss }, i) => {
      expect(Math.abs(loss - wasm.steps[i]!.loss)).toBeLessThan(1e-3);
    });
  });
});

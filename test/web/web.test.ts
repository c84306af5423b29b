import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Runtime } from '../../src/engine/runtime.ts';
import { sharpDecoder } from '../../src/runtime/node/decode.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';
import { wasmRuntime } from '../../src/runtime/web/onnx.ts';
import { attentionReader } from '../../src/train/attention.ts';
import { type Prediction, predictorOf } from '../../src/train/predictor.ts';
import { createTuner } from '../../src/train/tuner.ts';
import { modelFromWeights } from '../../src/train/weights-model.ts';
import { corpusTitle, hasCorpus } from '../golden/corpus.ts';
import { browserTitle, CHROMIUM } from './chromium.ts';
import { normsOf, TUNING, TUNING_STEPS, type TunedResult } from './jobs.ts';
import { madeClassifier } from './made.ts';
import type { Page } from './page.ts';
import { serve } from './site.ts';
import { openTabs, type Tabs } from './tabs.ts';

const made = madeClassifier();
const MODEL = '/weights.safetensors';
let tabs: Tabs;

beforeAll(async () => {
  if (CHROMIUM) tabs = await openTabs();
}, 60_000);

afterAll(() => tabs?.close());

const needs = { skip: !CHROMIUM };

/** What Node says of the same pictures. */
async function nodePredictions(addresses: readonly string[]): Promise<readonly Prediction[]> {
  const model = predictorOf<string>(await modelFromWeights(nodeRuntime(), made), {
    nameOf: (address) => address,
    decode: (address, name) => sharpDecoder.decode(tabs.pictures.get(address)!, name),
  });
  const predictions = await model.predict(addresses, { top: 3 });
  await model.release();
  return predictions;
}

/** The same classes in the same order, probabilities within `digits` digits. */
function expectAlike(ours: Prediction, theirs: Prediction, digits: number): void {
  expect(ours.reason).toBeUndefined();
  expect(ours.classes.map((c) => c.name)).toEqual(theirs.classes.map((c) => c.name));
  ours.classes.forEach(({ probability }, k) => {
    expect(probability).toBeCloseTo(theirs.classes[k]!.probability, digits);
  });
}

describe(browserTitle(corpusTitle('golden cases in a page')), { skip: !CHROMIUM || !hasCorpus }, () => {
  test.each([
    ['blocks/contextblock_att_mul_r16', 'wasm'],
    ['ops/pool_ceil', 'wasm'],
    ['backbones/nl_resnet18_2_gaussian_sub', 'wasm'],
    ['training/opt_adamw', 'wasm'],
    ['ops/preprocess_rgb_301x217', 'wasm'],
    ['ops/preprocess_rgba_129x97', 'wasm'],
    ['ops/preprocess_palette_655x523', 'wasm'],
    ['ops/preprocess_float_301x217', 'wasm'],
    ['training/opt_adamw', 'webgpu'],
    ['blocks/nonlocal1d_gaussian', 'webgpu'],
  ] as const)('%s on %s', async (name, provider) => {
    expect(await tabs.ask('golden', [name, provider])).toMatchObject({ status: 'pass', why: '' });
  });
});

describe(browserTitle('pictures in a page'), needs, () => {
  test.each([
    '/plain-colour.png',
    '/alpha.png',
    '/alpha.webp',
    '/grey.png',
    '/profile.png',
    '/still.gif',
    '/photo.jpg',
    '/upright.jpg',
    '/photo.webp',
  ])('%s has the very colours that Node reads', async (address) => {
    const { data, width, height } = await sharpDecoder.decode(tabs.pictures.get(address)!, address);
    expect(await tabs.ask('colours', [address])).toEqual({ width, height, data: [...data] });
  });
  // The browser rounds 16 bits to 8 where Node takes the high byte, and turns AVIF's colours into RGB in its own way.
  test.each([
    ['/deep.png', 1],
    ['/photo.avif', 3],
  ])('%s is off by at most %i of 255', async (address, most) => {
    const { data } = await sharpDecoder.decode(tabs.pictures.get(address)!, address);
    const theirs = await tabs.ask('colours', [address]);
    expect(Math.max(...data.map((v, i) => Math.abs(v - theirs.data[i]!)))).toBeLessThanOrEqual(most);
  });
  test('of another origin are refused where the page may not read them', async () => {
    const elsewhere = await serve(tabs.pictures);
    const why = await tabs.ask('refusal', ['tainted', `${elsewhere.address}/plain-colour.png`], { tab: tabs.plain });
    await elsewhere.close();
    expect(why).toContain('expected pixels that this page may read');
    expect(why).toContain('Serve the picture with Access-Control-Allow-Origin');
  });
});

describe(browserTitle('prediction in a page'), needs, () => {
  const addresses = ['/plain-colour.png', '/photo.jpg', '/alpha.png', '/upright.jpg', '/still.gif'];
  test.each([
    ['weights', MODEL, false],
    ['an ONNX model', '/model.onnx', false],
    ['weights, in a worker', MODEL, true],
  ])("equals Node's, from %s", async (_, model, worker) => {
    const theirs = await nodePredictions(addresses);
    const ours = await tabs.ask('predict', [model, addresses], { worker });
    ours.forEach((p, i) => {
      expectAlike(p, theirs[i]!, 5);
    });
  });
  test('is the same for a picture in every form that a page has it in', async () => {
    const [theirs] = await nodePredictions(['/plain-colour.png']);
    const ours = await tabs.ask('predictForms', [MODEL, '/plain-colour.png']);
    expect(ours).toHaveLength(11);
    for (const p of ours) expectAlike(p, theirs!, 5);
    expect(ours.map((p) => p.path).slice(0, 5)).toEqual([
      '/plain-colour.png',
      `${tabs.site.address}/plain-colour.png`,
      'picture 3',
      'named.png',
      'picture 5',
    ]);
  });
  test('goes on where one picture is bad, and says why', async () => {
    const [bad, none, good] = await tabs.ask('predict', [MODEL, ['/page.js', '/nothing.png', '/photo.jpg']]);
    expect(bad!.reason).toContain('/page.js: expected a JPEG, PNG, WebP, GIF or AVIF picture, got something else');
    expect(none!.reason).toContain('/nothing.png: expected a file, got status 404');
    expect(good!.classes).toHaveLength(3);
  });
  test('says how far it is and stops when told to', async () => {
    expect(await tabs.ask('stop', [MODEL, '/photo.jpg'])).toEqual({ why: 'enough', seen: [0, 2] });
  });
  test('shows what a position reads, as Node does', async () => {
    const reader = await attentionReader(nodeRuntime(), made, { provider: 'cpu', threads: 1 });
    const image = await sharpDecoder.decode(tabs.pictures.get('/photo.jpg')!, 'photo');
    const theirs = await reader!.look(image, { x: 0.2, y: 0.7 });
    await reader!.release();
    const ours = await tabs.ask('attention', [MODEL, '/photo.jpg']);
    expect(ours.size).toEqual([32, 32]);
    expect(ours.maps.map((m) => m.tap)).toEqual(theirs.maps.map((m) => m.tap));
    expect(ours.maps.at(-1)!.query).toEqual({ row: 5, column: 1 });
    ours.maps.forEach(({ weights }, i) => {
      expect(weights.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      expect(Math.max(...weights.map((w, k) => Math.abs(w - theirs.maps[i]!.map.weights[k]!)))).toBeLessThan(1e-5);
    });
  });
});

describe(browserTitle('training in a page'), needs, () => {
  const addresses = ['/plain-colour.png', '/photo.jpg', '/alpha.png', '/upright.jpg', '/still.gif', '/grey.png'];
  const inNode = async (runtime: Runtime, provider: 'cpu' | 'wasm'): Promise<TunedResult> => {
    const tuner = await createTuner(runtime, made, { engine: { provider, threads: 1 }, ...TUNING });
    const images = await Promise.all(addresses.map((a) => sharpDecoder.decode(tabs.pictures.get(a)!, a)));
    const examples = images.map((image, i) => ({ image, label: i % 3 }));
    const steps = await tuner.fit(examples, { steps: TUNING_STEPS });
    const { weights } = tuner.classifier();
    await tuner.release();
    return { steps, norms: normsOf(weights) };
  };
  test.each([
    ['page', false],
    ['worker', true],
  ])('makes the very steps that Node makes on WebAssembly, in a %s', async (_, worker) => {
    const ours = await tabs.ask('tune', [MODEL, addresses], { worker });
    expect(ours.steps.map((s) => s.step)).toEqual([1, 2]);
    expect(ours).toEqual(await inNode(wasmRuntime(), 'wasm'));
  });
  test("makes Node's steps on the CPU but for rounding", async () => {
    const [ours, theirs] = [await tabs.ask('tune', [MODEL, addresses]), await inNode(nodeRuntime(), 'cpu')];
    ours.steps.forEach(({ loss }, i) => {
      expect(Math.abs(loss - theirs.steps[i]!.loss)).toBeLessThan(1e-4);
    });
    for (const [name, norm] of Object.entries(theirs.norms)) {
      expect(Math.abs(ours.norms[name]! - norm), name).toBeLessThan(1e-3 * Math.max(1, norm));
    }
  });
});

describe(browserTitle('the runtime for the web'), needs, () => {
  test('is in a page that is isolated and has WebGPU, in software', async () => {
    expect(await tabs.ask('facts', [])).toEqual({ isolated: true, gpu: true });
    expect(await tabs.ask('facts', [], { tab: tabs.plain })).toMatchObject({ isolated: false });
  });
  test('says which headers lack where threads cannot be had', async () => {
    expect(await tabs.ask('refusal', ['threads'], { tab: tabs.plain })).toContain(
      'threads: expected a page that is cross-origin isolated for 2 threads, got one that is not. Serve it with the ' +
        'headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or ask for 1.',
    );
  });
  test('has threads in an isolated worker and finds its file beside the script, and predicts the same', async () => {
    const one = await tabs.ask('predict', [MODEL, ['/photo.jpg']]);
    const two = await tabs.ask('predict', [MODEL, ['/photo.jpg'], { threads: 2 }], { worker: true });
    expectAlike(two[0]!, one[0]!, 5);
  });
  test('runs without isolation on one thread', async () => {
    const [p] = await tabs.ask('predict', [MODEL, ['/photo.jpg']], { tab: tabs.plain });
    expect(p!.classes).toHaveLength(3);
  });
  test('asks for nothing that a strict content-security policy forbids', async () => {
    for (const tab of [tabs.isolated, tabs.plain]) {
      expect(await tab.evaluate(() => (globalThis as unknown as { readonly here: Page }).here.violations)).toEqual([]);
    }
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/core/fault.ts';
import type { StateSpec } from '../../src/model/scope.ts';
import { evaluationTransform, trainingTransform } from '../../src/train/data-config.ts';
import { type ParameterOptions, parameterSettings } from '../../src/train/network.ts';
import { readRunConfig } from '../../src/train/read-config.ts';
import { RECIPES } from '../../src/train/recipes.ts';
import type { ParameterSettings } from '../../src/train/step-graph.ts';

const EMOJI_RECIPE = RECIPES.emoji.options;

/** The sentence of the `config` fault that a configuration is refused with. */
function refusal(json: unknown): string {
  try {
    readRunConfig(json);
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
    expect((error as Fault).code).toBe('config');
    return (error as Fault).message;
  }
  throw new Error('was accepted');
}

describe('a configuration', () => {
  test('read twice is the same, whether resolved already or not', () => {
    for (const json of [{}, { data: { folder: 'x' }, ema: { decay: 0.99 }, schedule: { kind: 'constant' } }]) {
      const once = readRunConfig(json);
      expect(readRunConfig(JSON.parse(JSON.stringify(once)))).toEqual(once);
    }
  });
  test('without a folder starts from the recipe for emoji, which options override part by part', () => {
    const config = readRunConfig({ data: { flip: 0 }, epochs: 3 });
    expect(config.data.size).toBe(EMOJI_RECIPE.data!.size);
    expect([config.data.flip, config.epochs, config.baseline]).toEqual([0, 3, EMOJI_RECIPE.baseline]);
    expect(readRunConfig({ data: { folder: 'x' } }).baseline).toBeNull();
  });
  test.each([
    ['resnet20', 64, 64],
    ['resnet18', 224, 256],
  ])('takes pictures of the size that %s is made for', (name, size, resize) => {
    const { data } = readRunConfig({ data: { folder: 'x' }, model: { name } });
    expect([data.size, data.resize]).toEqual([size, resize]);
  });
  test.each([
    [{ epoch: 3 }, 'unknown option "epoch". Did you mean "epochs"?'],
    [{ data: { batchsize: 3 } }, 'unknown option "data.batchsize". Did you mean "batchSize"?'],
    [{ optimizer: { kind: 'sgd', momentm: 1 } }, 'unknown option "optimizer.momentm". Did you mean "momentum"?'],
    [{ data: { augment: { eras: 1 } } }, 'unknown option "data.augment.eras". Did you mean "erase"?'],
    [{ data: { augment: { mix: { mixp: 1 } } } }, 'unknown option "data.augment.mix.mixp". Did you mean "mixup"?'],
    [{ freeze: { norm: true } }, 'unknown option "freeze.norm". Did you mean "norms"?'],
    [{ groups: [{ patern: 'a' }] }, 'unknown option "groups.0.patern". Did you mean "pattern"?'],
    [{ ema: { decay: 0.9, warmup: { gama: 1 } } }, 'unknown option "ema.warmup.gama". Did you mean "gamma"?'],
    [{ schedule: { kind: 'step', peroid: 1 } }, 'unknown option "schedule.peroid". Did you mean "period"?'],
    [{ schedule: { kind: 'cosine', peroid: 1 } }, 'unknown option "schedule.peroid". Known: kind, warmup'],
    [{ batchSize: 8 }, 'unknown option "batchSize". Did you mean "data.batchSize"?'],
    [{ classWeights: 'even' }, 'classWeights: expected none, balanced, effective, {'],
    [
      { data: { columns: { labels: true } } },
      'data.columns.labels: expected one column, or a list of columns, got true.',
    ],
    [{ optimizer: { kind: 'sdg' } }, 'optimizer.kind: expected "sgd" or "adam" or "adamw" or "lamb", got "sdg".'],
    [{ epochs: 0 }, 'epochs: expected a number of at least 1, got 0.'],
    [{ epochs: 1.5 }, 'epochs: expected a whole number, got 1.5.'],
    [{ data: { scale: [1, 0.5] } }, 'data.scale: expected the lesser number first, got [1,0.5].'],
    [{ groups: [{ pattern: '(' }] }, 'groups.0.pattern: expected a regular expression, got "(".'],
    [{ model: { name: 'resnt20' } }, 'Did you mean "resnet20"'],
    [{ model: { name: 'resnet20', overrides: { widht: 8 } } }, 'Did you mean "width"'],
    [[], 'the whole: expected an object of options, got [].'],
  ])('%j is refused in words', (json, words) => {
    expect(refusal(json)).toContain(words);
  });
  test('tells all that is wrong at once', () => {
    const said = refusal({ epochs: 0, seed: 'a', labelSmoothing: 2 });
    for (const place of ['epochs', 'seed', 'labelSmoothing']) expect(said).toContain(`${place}: expected`);
  });
  test('gives both transforms the same size and colours', () => {
    const { data } = readRunConfig({ data: { size: 40, mean: [0.5, 0.5, 0.5] } });
    for (const transform of [trainingTransform(data), evaluationTransform(data)]) {
      expect([transform.size, transform.mean]).toEqual([40, [0.5, 0.5, 0.5]]);
    }
  });
});

describe('settings of parameters', () => {
  const spec = (name: string, shape: readonly number[] = [8, 8, 3, 3]): StateSpec => ({
    ...{ name, shape, dtype: 'float32', role: 'param' },
    init: { kind: 'constant', value: 0 },
  });
  const state = [
    spec('conv1.weight', [8, 3, 3, 3]),
    spec('bn1.weight', [8]),
    spec('layer1.0.conv1.weight'),
    spec('layer1.1.conv1.weight'),
    spec('layer2.0.conv1.weight'),
    spec('layer2.gc.conv_mask.weight', [1, 8, 1, 1]),
    spec('fc.weight', [9, 8]),
    spec('fc.bias', [9]),
  ];
  const plain = {
    weightDecay: 0.1,
    decayAll: false,
    groups: [],
    layerDecay: null,
    freeze: { stages: null, norms: false },
  };
  const of = (options: ParameterOptions): Record<string, ParameterSettings> => {
    const settings = parameterSettings(options, state);
    return Object.fromEntries(state.map((s) => [s.name, settings(s)]));
  };
  test('spare norms and biases and follow the first group that fits', () => {
    const groups = [
      { pattern: '^fc\\.', rate: 10 },
      { pattern: '^layer1', frozen: true },
      { pattern: 'gc', decay: 0 },
    ];
    expect(of({ ...plain, groups })).toEqual({
      'conv1.weight': { decay: 0.1, rate: 1, frozen: false },
      'bn1.weight': { decay: 0, rate: 1, frozen: false },
      'layer1.0.conv1.weight': { decay: 0.1, rate: 1, frozen: true },
      'layer1.1.conv1.weight': { decay: 0.1, rate: 1, frozen: true },
      'layer2.0.conv1.weight': { decay: 0.1, rate: 1, frozen: false },
      'layer2.gc.conv_mask.weight': { decay: 0, rate: 1, frozen: false },
      'fc.weight': { decay: 0.1, rate: 10, frozen: false },
      'fc.bias': { decay: 0, rate: 10, frozen: false },
    });
  });
  test('let all decay where that is asked for', () => {
    expect(Object.values(of({ ...plain, decayAll: true })).map((s) => s.decay)).toEqual(state.map(() => 0.1));
  });
  test('lower the rate from layer to layer, each block being one, down to the stem', () => {
    const rates = Object.values(of({ ...plain, layerDecay: 0.5 })).map((s) => s.rate);
    expect(rates).toEqual([1 / 16, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1 / 2, 1, 1]);
  });
  test.each([
    [0, 2],
    [1, 4],
    [2, 6],
  ])('freeze the stem and %i stages', (stages, frozen) => {
    const settings = Object.values(of({ ...plain, freeze: { stages, norms: false } }));
    expect(settings.map((s) => s.frozen)).toEqual(settings.map((_, i) => i < frozen));
  });
  test('refuse a pattern that fits nothing', () => {
    expect(() => of({ ...plain, groups: [{ pattern: '^head' }] })).toThrow(
      'groups.0.pattern: expected a pattern that fits',
    );
  });
});

describe('a recipe', () => {
  test.each(Object.entries(RECIPES))('%s makes a configuration that says all of it', (recipe, { options }) => {
    const { augment, ...data } = options.data ?? {};
    const { randAugment, ...more } = augment ?? {};
    const config = readRunConfig({ recipe, data: { folder: recipe === 'emoji' ? null : 'x' } });
    expect(config).toMatchObject({ ...options, data: { ...data, augment: more }, recipe });
    expect(config.data.augment.randAugment).toEqual(randAugment ? expect.objectContaining({ operations: 2 }) : null);
    expect(readRunConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });
  test('gives way to what is said, key by key, but not across kinds', () => {
    const data = { folder: 'x' };
    const config = readRunConfig({ recipe: 'resnet-imagenet', data, optimizer: { nesterov: true }, epochs: 3 });
    expect(config.optimizer).toEqual({ kind: 'sgd', momentum: 0.9, nesterov: true });
    expect([config.epochs, config.weightDecay]).toEqual([3, 1e-4]);
    const other = readRunConfig({ recipe: 'resnet-imagenet', data, schedule: { kind: 'constant' } });
    expect(other.schedule).toEqual({ kind: 'constant', warmup: 0, warmupRate: null, every: 'step' });
  });
  test('of ours names a script that is there', () => {
    const script = /scripts\/[a-z-]+\.mjs/.exec(RECIPES.emoji.source)![0];
    expect(readFileSync(new URL(`../../${script}`, import.meta.url), 'utf8')).toContain("'train'");
  });
  test('is not followed where it is refused by name', () => {
    expect(readRunConfig({ recipe: 'none' }).epochs).toBe(30);
    expect(refusal({ recipe: 'gcnet-imagnet' })).toContain('Did you mean "gcnet-imagenet"');
  });
});

describe('a combination that cannot be', () => {
  test.each([
    [{ optimizer: { kind: 'sgd', nesterov: true } }, 'needs a momentum above 0'],
    [{ epochs: 4, schedule: { warmup: 5 } }, 'schedule.warmup: expected at most the 4 epochs of the run, got 5.'],
    [{ learningRate: 0.1, schedule: { minimum: 1 } }, 'schedule.minimum: expected at most the learning rate, 0.1'],
    [{ epochs: 4, schedule: { cooldown: 4 } }, 'schedule.cooldown: expected at most 3'],
    [{ epochs: 1, schedule: { kind: 'plateau' } }, 'evaluateEvery: expected less than the 1 epochs'],
    [{ freeze: { stages: 4 } }, 'freeze.stages: expected at most the 3 stages of the network, got 4.'],
    [{ freeze: { norms: true }, preciseNorm: 5 }, 'preciseNorm: expected 0 where freeze.norms'],
    [{ metric: 'meanAveragePrecision', loss: { kind: 'cross-entropy' } }, 'metric: expected another than'],
  ])('%j is refused in words', (json, words) => {
    expect(refusal({ recipe: 'none', ...json })).toContain(words);
  });
});

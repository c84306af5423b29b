import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/core/fault.ts';
import type { StateSpec } from '../../src/model/scope.ts';
import { evaluationTransform, trainingTransform } from '../../src/train/data-config.ts';
import { parameterSettings } from '../../src/train/network.ts';
import { readRunConfig } from '../../src/train/read-config.ts';
import { EMOJI_RECIPE } from '../../src/train/recipe.ts';

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
    [{ optimizer: { kind: 'sdg' } }, 'optimizer.kind: expected "sgd" or "adam" or "adamw", got "sdg".'],
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
  const spec = (name: string, shape: readonly number[]): StateSpec => ({
    ...{ name, shape, dtype: 'float32', role: 'param' },
    init: { kind: 'constant', value: 0 },
  });
  const settings = parameterSettings({
    weightDecay: 0.1,
    groups: [
      { pattern: '^fc\\.', rate: 10 },
      { pattern: '^layer1', frozen: true },
      { pattern: 'context', decay: 0 },
    ],
  });
  test.each([
    ['conv1.weight', [8, 3, 3, 3], { decay: 0.1, rate: 1, frozen: false }],
    ['bn1.weight', [8], { decay: 0, rate: 1, frozen: false }],
    ['fc.weight', [9, 8], { decay: 0.1, rate: 10, frozen: false }],
    ['fc.bias', [9], { decay: 0, rate: 10, frozen: false }],
    ['layer1.0.conv1.weight', [8, 8, 3, 3], { decay: 0.1, rate: 1, frozen: true }],
    ['layer3.1.context_block.conv_mask.weight', [1, 8, 1, 1], { decay: 0, rate: 1, frozen: false }],
  ])('of %s spare norms and biases and follow the first group that fits', (name, shape, expected) => {
    expect(settings(spec(name, shape))).toEqual(expected);
  });
});

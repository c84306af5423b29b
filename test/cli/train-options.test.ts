import { describe, expect, test } from 'vitest';
import { shortOptions } from '../../src/cli/train-flags.ts';
import { runOptions } from '../../src/cli/train-options.ts';
import { readRunConfig } from '../../src/train/read-config.ts';
import { recipeLines } from '../../src/train/recipe.ts';

const flags = (more: object): Parameters<typeof runOptions>[1] => ({ set: [], output: 'runs', ...more });

describe('the options of train', () => {
  test('go to their places in the configuration, --set after them', () => {
    const given = { recipe: 'finetune', batch: 'auto', mixup: 0.2, ema: 0.99, freeze: 2, warmup: 3, dropPath: 0.1 };
    expect(runOptions('photos', flags({ ...given, set: ['freeze.stages=1', 'metric=loss'] }))).toEqual({
      recipe: 'finetune',
      data: { batchSize: 'auto', augment: { mix: { mixup: 0.2 } }, folder: 'photos' },
      model: { overrides: { dropPath: 0.1 } },
      ema: { decay: 0.99 },
      freeze: { stages: 1 },
      schedule: { warmup: 3 },
      metric: 'loss',
    });
  });
  test('make a configuration, which keeps what the recipe says of the same part', () => {
    const config = readRunConfig(runOptions('photos', flags({ recipe: 'finetune', ema: 0.99, warmup: 3 })));
    expect(config.ema).toEqual({ decay: 0.99, warmup: { gamma: 1, power: 2 / 3 } });
    expect(config.schedule).toMatchObject({ kind: 'cosine', warmup: 3, minimum: 1e-6 });
  });
  test('are all known to the configuration', () => {
    const whole = readRunConfig({ data: { folder: 'x' }, earlyStop: { patience: 1 }, ema: { decay: 0.9 } });
    for (const { place } of shortOptions()) {
      const keys = place.split('.');
      const inside = keys.slice(0, place.startsWith('model.overrides') ? 2 : -1);
      const at = inside.reduce<unknown>((v, key) => (v as Record<string, unknown>)[key], whole);
      if (!place.startsWith('model.overrides')) expect(Object.keys(at as object), place).toContain(keys.at(-1));
      else expect(at).toEqual({});
    }
  });
  test('show what a recipe sets', () => {
    expect(recipeLines('resnet-imagenet')).toContain('optimizer.momentum  0.9');
    expect(() => recipeLines('none')).toThrow('recipe: expected one of');
  });
});

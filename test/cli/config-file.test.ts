import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfigFile } from '../../src/cli/config-file.ts';
import { runOptions } from '../../src/cli/train-options.ts';
import { readRunConfig } from '../../src/train/read-config.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'farsight-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string | Uint8Array, name = 'run.yaml'): unknown {
  writeFileSync(join(folder, name), text);
  return readConfigFile(join(folder, name));
}

const YAML = `
# fine-tuning
recipe: finetune
model: { name: resnet18, weights: resnet18.pth }
learningRate: 1e-3
data:
  folder: photos
  mean: &grey [0.5, 0.5, 0.5]
  std: *grey
  augment:
    randAugment: rand-m9-mstd0.5-inc1
groups:
  - pattern: ^fc\\.
    rate: 10
licence: no
`;

describe('a configuration file', () => {
  test('is YAML or JSON, whatever its name', () => {
    const json = {
      ...{ recipe: 'finetune', model: { name: 'resnet18', weights: 'resnet18.pth' }, learningRate: 0.001 },
      data: {
        ...{ folder: 'photos', mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
        augment: { randAugment: 'rand-m9-mstd0.5-inc1' },
      },
      groups: [{ pattern: '^fc\\.', rate: 10 }],
      licence: 'no',
    };
    expect(read(YAML, 'run.json')).toEqual(json);
    expect(read(JSON.stringify(json, null, '\t'))).toEqual(json);
    expect(readRunConfig(json).groups).toEqual(json.groups);
  });
  test('gives way to the options of the command line, an anchor’s copies one by one', () => {
    const config = join(folder, 'given.yaml');
    writeFileSync(config, 'data: {augment: {jitter: &one {hue: 0.1}, blur: *one}}\nepochs: 3');
    const set = ['data.augment.jitter.hue=0.2'];
    expect(runOptions('photos', { config, set, output: 'runs' })).toEqual({
      data: { folder: 'photos', augment: { jitter: { hue: 0.2 }, blur: { hue: 0.1 } } },
      epochs: 3,
    });
  });
  test.each([
    ['epochs: 3\ndata: {folder: x\nseed: 1\n', 'line 3, column 1: '],
    ['epochs: 3\nepochs: 4', 'line 2, column 1: Map keys must be unique'],
    ['{"epochs": 3,\n "seed" 1}', 'line 2, column'],
    ['epochs: !!js/function "x"', 'line 1, column 9: Unresolved tag'],
    ['epochs: 3\n---\nepochs: 4', 'line 2: expected one document'],
    ['epochs: *none', 'Unresolved alias'],
    ['data: &a {augment: *a}', 'expected at most 32 uses of anchors'],
    ['- epochs', 'expected options and their values (JSON or YAML), got a list.'],
    ['', 'expected options and their values (JSON or YAML), got null.'],
  ])('%j is refused with its place', (text, words) => {
    expect(() => read(text)).toThrow(words);
  });
  const wide = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}]`);
  test.each([
    ['anchors of anchors', ['a0: &a0 [1]', ...wide].join('\n'), 'uses of anchors: Excessive alias count'],
    ['nested lists', `a: ${'['.repeat(30_000)}`, 'expected at most 64 levels'],
    ['nested keys', `a: ${'{a: '.repeat(10_000)}`, 'expected at most 64 levels'],
    ['lists of lists in a line', `${'- '.repeat(30_000)}x`, 'expected at most 64 levels'],
    ['keys of keys', `${'? '.repeat(30_000)}x`, 'expected at most 64 levels'],
    ['nested JSON', `{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`, 'expected at most 64 levels'],
    ['much YAML', `a: ${'x'.repeat(70_000)}`, 'YAML of at most 65536 characters, got 70003'],
    ['other bytes', new Uint8Array([0xff, 0xd8, 0xff]), 'expected text in UTF-8'],
  ])('refuses %s without running out of anything', (_, text, words) => {
    const before = process.cpuUsage();
    expect(() => read(text)).toThrow(words);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6, 'seconds of processor time').toBeLessThan(4);
  });
  test('takes sixty levels', () => {
    const deep = `${'{"a":'.repeat(60)}1${'}'.repeat(60)}`;
    expect(JSON.stringify(read(`model: ${deep}`))).toBe(`{"model":${deep}}`);
  });
  test('cannot smuggle options in through a prototype', () => {
    expect(() => readRunConfig(read('__proto__: {epochs: 3}'))).toThrow('unknown option "__proto__"');
  });
});

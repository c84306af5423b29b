import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bytesOf, float32, floats, toNumbers } from '../../src/core/tensor.ts';
import { type ArrayCase, loadCase, stateTensor, stateTensors } from '../../src/golden/case.ts';
import { isCase } from '../../src/golden/case-json.ts';
import { fill, scaleFloat32 } from '../../src/golden/fill.ts';
import { readSafetensors, writeSafetensors } from '../../src/weights/safetensors.ts';
import { CORPUS, corpusCase, corpusCases, corpusFiles, corpusTitle, hasCorpus } from './corpus.ts';

const figures = { mean: 0, l2: 0, absmax: 3 };

const json = {
  name: 'made',
  source: 'this test',
  checks: 'reading',
  config: {
    model: 'gcnet.ContextBlock',
    scale: { 'a.weight': 16 },
    after_fill: [
      { names_starting: 'a', names_ending: '.weight', multiply_by: 0.5 },
      { names_ending: 'running_mean', multiply_by: 7 },
    ],
  },
  inputs: { x: { shape: [2, 2], from: 'unit' }, boxes: { shape: [1, 4], from: 'stored' } },
  state: [
    { name: 'a.weight', shape: [3, 3], role: 'param', filled: true },
    { name: 'bn.num_batches_tracked', shape: [], role: 'buffer', filled: true },
    { name: 'sine', shape: [4], role: 'buffer', filled: false },
    { name: 'bn.running_mean', shape: [3], role: 'buffer', filled: true },
  ],
  outputs: {
    y: { shape: [3], ...figures, stored: 'whole' },
    map: { shape: [10, 10], ...figures, stored: 'sampled' },
  },
  parameters: 9,
};

const weights = writeSafetensors([
  ['input.boxes', float32([1, 4], [1, 2, 3, 4])],
  ['y', float32([3], [1, 2, 3])],
  ['map@val', float32([5], [1, 2, 3, 1, 2])],
]);

const load = (changed: object = {}, folder = 'blocks'): ArrayCase =>
  loadCase(JSON.stringify({ ...json, ...changed }), { weights, folder }) as ArrayCase;

describe('loadCase', () => {
  it('takes inputs from the formula and from the file', () => {
    const { inputs } = load();
    expect(inputs.get('boxes')).toMatchObject({ from: 'stored', tensor: { data: Float32Array.of(1, 2, 3, 4) } });
    expect(inputs.get('x')).toMatchObject({ from: 'unit', tensor: { dtype: 'float32', shape: [2, 2] } });
  });

  it('keeps the order of the state, fills and scales it, and leaves constants out', () => {
    const c = load();
    const state = stateTensors(c);
    expect([...state.keys()]).toEqual(['a.weight', 'bn.num_batches_tracked', 'bn.running_mean']);
    expect(floats(state.get('a.weight')!)).toEqual(scaleFloat32(scaleFloat32(fill('a.weight', [3, 3]), 16), 0.5));
    expect(stateTensor(c, c.state[2]!)).toBeUndefined();
  });

  it('multiplies parameters, not buffers, by after_fill', () => {
    expect(floats(stateTensors(load()).get('bn.running_mean')!)).toEqual(fill('bn.running_mean', [3]));
  });

  it('counts batches in an int64', () => {
    expect(stateTensors(load()).get('bn.num_batches_tracked')).toEqual({
      dtype: 'int64',
      shape: [],
      data: BigInt64Array.of(0n),
    });
  });

  it('reads samples of an output from KEY@val', () => {
    expect(load().outputs.get('map')).toMatchObject({ stored: 'sampled', shape: [10, 10], values: { shape: [5] } });
  });

  it('passes a number called scale by, which is no map of factors', () => {
    expect(load({ config: { model: 'relation_geometry', scale: 100 } }).rules.scale.size).toBe(0);
  });

  it('finds the folder at the end of a path, or by the kind of case', () => {
    expect(load({}, '/data/unseen/blocks').folder).toBe('blocks');
    expect(load({}, 'elsewhere').folder).toBe('blocks');
    expect(load({}, '/data/training/mine/').folder).toBe('blocks');
    expect(load({ config: { model: 'resnet50' } }, 'elsewhere').folder).toBe('backbones');
    expect(load({ config: { optimizer: { type: 'SGD' } } }, 'elsewhere').folder).toBe('training');
    expect(load({ config: { model: 'slowfast.Nonlocal' } }, 'elsewhere').folder).toBe('video');
    expect(load({ config: { model: 'smca_detr' } }, 'elsewhere').folder).toBe('detection');
    expect(load({ name: 'pool_ceil', config: {} }, 'elsewhere').folder).toBe('ops');
  });

  it.each([
    ['text that is no JSON', '{', /expected JSON/],
    ['a case without a source', '{"name":"n","checks":"c"}', /source/],
    [
      'a negative size',
      JSON.stringify({ ...json, inputs: { x: { shape: [-1], from: 'unit' } } }),
      /inputs\.x\.shape\.0/,
    ],
    [
      'an input from nowhere',
      JSON.stringify({ ...json, inputs: { x: { shape: [1], from: 'net' } } }),
      /inputs\.x\.from/,
    ],
    ['a kind it does not know', JSON.stringify({ ...json, kind: 'video' }), /kind "plain" or none, got "video"/],
    [
      'an output of another shape',
      JSON.stringify({ ...json, outputs: { y: { shape: [4], ...figures, stored: 'whole' } } }),
      /"y": expected \[4\], got \[3\]/,
    ],
    [
      'an output that the file lacks',
      JSON.stringify({ ...json, outputs: { z: { shape: [4], ...figures, stored: 'whole' } } }),
      /expected a tensor "z"/,
    ],
  ])('refuses %s', (_, text, message) => {
    expect(() => loadCase(text, { weights })).toThrowError(message);
    expect(() => loadCase(text, { weights })).toThrowError(expect.objectContaining({ code: 'data' }));
  });

  it('says that the safetensors is not there', () => {
    expect(() => loadCase(JSON.stringify(json))).toThrowError(/expected made\.safetensors beside the case, got none/);
  });

  it('does not read files outside the folder of the case', async () => {
    const c = loadCase(JSON.stringify(json), { weights, readFile: async () => new Uint8Array(1) });
    await expect(c.readFile('a/b.png')).resolves.toHaveLength(1);
    for (const name of ['../b.png', '/etc/passwd', 'a/../../b', 'C:\\b', '..\\b', '']) {
      await expect(c.readFile(name)).rejects.toMatchObject({ code: 'data' });
    }
  });
});

describe.skipIf(!hasCorpus)(corpusTitle('the corpus'), () => {
  it('is read completely: every case loads, and a plain one keeps its body', () => {
    const names = corpusCases();
    expect(names.length).toBeGreaterThanOrEqual(164);
    for (const name of names) {
      const c = corpusCase(name);
      expect(c.folder).toBe(name.split('/')[0]);
      if (c.kind === 'plain') expect(c.body.name).toBe(c.name);
      else expect(c.outputs.size).toBeGreaterThan(0);
    }
  });

  it('is told apart from the data beside it', () => {
    expect(isCase(readFileSync(join(CORPUS, 'metrics/coco_set1/instances_gt.json'), 'utf8'))).toBe(false);
    expect(isCase(readFileSync(join(CORPUS, 'metrics/coco_set1.json'), 'utf8'))).toBe(true);
  });

  it('finds the same folder for every case by its kind as by its place', () => {
    for (const name of corpusCases()) {
      const path = join(CORPUS, name);
      const text = readFileSync(path, 'utf8');
      const plain = (JSON.parse(text) as { kind?: string }).kind === 'plain';
      const file = plain ? {} : { weights: new Uint8Array(readFileSync(path.replace(/json$/, 'safetensors'))) };
      expect(`${loadCase(text, file).folder}/${name.split('/')[1]}`).toBe(name);
    }
  });

  it('has parameter counts that are the sums of its parameters', () => {
    for (const name of corpusCases()) {
      const c = corpusCase(name);
      if (c.kind === 'plain') continue;
      const params = c.state.filter((s) => s.role === 'param');
      const count = params.reduce((sum, s) => sum + s.shape.reduce((a, b) => a * b, 1), 0);
      expect([name, count]).toEqual([name, c.parameters]);
    }
  });

  it('holds outputs whose mean, l2 and largest element are those of its JSON', () => {
    let checked = 0;
    for (const name of corpusCases()) {
      const c = corpusCase(name);
      if (c.kind === 'plain') continue;
      for (const o of c.outputs.values()) {
        const values = toNumbers(o.values);
        const absmax = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
        if (o.stored === 'sampled') {
          expect(absmax, `${name} ${o.name}`).toBeLessThanOrEqual(o.absmax);
          continue;
        }
        const mean = values.reduce((a, b) => a + b, 0) / values.length;
        const l2 = Math.sqrt(values.reduce((a, b) => a + b * b, 0));
        expect(absmax, `${name} ${o.name}`).toBe(o.absmax);
        // The reference summed in float32: a few units of its last place, 6e-8.
        expect(Math.abs(mean - o.mean), `${name} ${o.name}`).toBeLessThanOrEqual(1e-6 * absmax);
        expect(Math.abs(l2 - o.l2), `${name} ${o.name}`).toBeLessThanOrEqual(1e-6 * l2);
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(1500);
  });

  it('is read from every safetensors file, whatever the file holds', () => {
    const names = corpusFiles('.safetensors');
    expect(names.length).toBeGreaterThanOrEqual(159);
    for (const name of names) {
      const bytes = new Uint8Array(readFileSync(join(CORPUS, name)));
      const { tensors, metadata } = readSafetensors(bytes, name);
      const again = readSafetensors(writeSafetensors(tensors, metadata));
      expect([...again.tensors.keys()]).toEqual([...tensors.keys()]);
      for (const [key, t] of tensors) expect(Buffer.compare(bytesOf(again.tensors.get(key)!), bytesOf(t))).toBe(0);
    }
  });
});

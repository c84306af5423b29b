import { describe, expect, it } from 'vitest';
import { float32, int64, type Tensor, tensor } from '../../src/core/tensor.ts';
import type { Files, OpenFile } from '../../src/data/files.ts';
import { openWeights, readWeights } from '../../src/weights/open.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';
import { memoryFiles } from '../support/memory-files.ts';
import { expected, fixtureBytes, valuesOf } from './torch/fixtures.ts';

const two: readonly (readonly [string, Tensor])[] = [
  ['a', float32([2], [1, 2])],
  ['b', int64([1], [3])],
];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const index = (map: unknown): Uint8Array => bytes(JSON.stringify({ metadata: { total_size: 16 }, weight_map: map }));

describe('weights are told by their content', () => {
  it.each([
    ['w.pth', writeSafetensors(two), 'safetensors'],
    ['w.safetensors', fixtureBytes('plain.zip.pth'), 'torch-zip'],
    ['w', fixtureBytes('plain.legacy.pth'), 'torch-legacy'],
    ['w.zip', fixtureBytes('plain.tar.pth'), 'torch-tar'],
  ])('%s', async (name, content, format) => {
    expect((await readWeights(memoryFiles({ [name]: content }), name)).format).toBe(format);
  });

  it.each([
    ['version https://git-lfs.github.com/spec/v1\noid sha256:0', /a pointer of Git LFS/],
    ['<!DOCTYPE html><html>', /a web page/],
    ['\u001f\u008b\u0008', /gzip/],
    ['GGUF', /GGUF/],
    ['', /begins with ""/],
    ['hello', /begins with "hello"/],
  ])('%j is named', async (text, message) => {
    const content = Uint8Array.from(text, (c) => c.charCodeAt(0));
    await expect(openWeights(memoryFiles({ w: content }), 'w')).rejects.toThrow(message);
  });
});

describe('openWeights', () => {
  it('keeps halves as they are, widens bfloat16, and says what is stored', async () => {
    const file = await openWeights(memoryFiles({ w: fixtureBytes('plain.zip.pth') }), 'w');
    const said = file.entries.filter(({ name }) => /half|bfloat|short/.test(name));
    expect(said.map(({ name, dtype, stored }) => [name, dtype, stored])).toEqual([
      ['half', 'float16', 'float16'],
      ['bfloat', 'float32', 'bfloat16'],
      ['short', 'int32', 'int16'],
      ['short.strided', 'int32', 'int16'],
    ]);
    expect((await file.read('half')).data).toBeInstanceOf(Uint16Array);
    const all = await file.readAll({ toFloat32: true, names: ['half', 'double', 'long'] });
    expect([...all].map(([name, t]) => [name, t.dtype, valuesOf(t)])).toEqual([
      ['half', 'float32', expected.plain.half!.values],
      ['double', 'float32', [Math.fround(0.1), Number.NEGATIVE_INFINITY]],
      ['long', 'int64', expected.plain.long!.values],
    ]);
    await expect(file.read('other')).rejects.toThrow(/w: expected a tensor "other", got a file without it/);
  });

  it('keeps halves of safetensors too', async () => {
    const half = tensor('float16', [2], Uint16Array.of(0x3c00, 0xc000));
    const files = memoryFiles({ w: writeSafetensors([['h', half]]) });
    expect((await readWeights(files, 'w')).tensors.get('h')).toEqual(half);
    expect((await readWeights(files, 'w', { toFloat32: true })).tensors.get('h')).toEqual(float32([2], [1, -2]));
  });

  it('takes averaged weights where there are some, and others by their key', async () => {
    const files = memoryFiles({ w: fixtureBytes('averaged.zip.pth') });
    const averaged = await readWeights(files, 'w');
    expect([averaged.unwrapped, averaged.tensors.size]).toEqual([['key "model_ema"'], 1]);
    const asked = await readWeights(files, 'w', { key: 'model' });
    expect([asked.unwrapped, asked.tensors.size]).toEqual([['key "model"'], 20]);
    await expect(readWeights(files, 'w', { key: 'model.head' })).rejects.toThrow(/under "model\.head"/);
  });

  it('gives tensors that are one and the same once', async () => {
    const { tensors } = await readWeights(memoryFiles({ w: fixtureBytes('plain.zip.pth') }), 'w');
    expect(tensors.get('shared')!.data).toEqual(Float32Array.of(6, 7, 8, 9, 10, 11));
  });

  it('takes the prefix of a wrapper off names that all have it, and of no others', async () => {
    const of = async (...names: string[]): Promise<unknown> => {
      const made = writeSafetensors(names.map((name) => [name, float32([1], [1])]));
      const { tensors, unwrapped } = await readWeights(memoryFiles({ w: made }), 'w');
      return [[...tensors.keys()], unwrapped];
    };
    expect(await of('module.a.b', 'module.c', 'n_averaged')).toEqual([
      ['a.b', 'c', 'n_averaged'],
      ['prefix "module."'],
    ]);
    expect(await of('_orig_mod.module.a.b')).toEqual([['a.b'], ['prefix "_orig_mod."', 'prefix "module."']]);
    expect(await of('module.a', 'other.a')).toEqual([['module.a', 'other.a'], []]);
    expect(await of('module.a', 'a')).toEqual([['module.a', 'a'], []]);
  });

  it('finds the weights in a checkpoint of a run of ours', async () => {
    const of = async (...names: string[]): Promise<unknown> => {
      const entries = names.map((name): [string, Tensor] => [name, float32([1], [1])]);
      const made = writeSafetensors(entries, { 'farsight.checkpoint': '{}' });
      const { tensors, unwrapped } = await readWeights(memoryFiles({ w: made }), 'w');
      return [[...tensors.keys()], unwrapped];
    };
    expect(await of('slot/momentum/a.w', 'state/a.w')).toEqual([['a.w'], ['prefix "state/"']]);
    expect(await of('state/a.w', 'average/a.w')).toEqual([['a.w'], ['prefix "average/"']]);
  });

  it('reads a tensor when asked, not before: the file gives its directory and one storage', async () => {
    let read = 0;
    const inner = memoryFiles({ w: fixtureBytes('plain.zip.pth') });
    const open = async (path: string): Promise<OpenFile> => {
      const file = await inner.open(path);
      return {
        ...file,
        read: async (offset, length) => {
          read += length;
          return file.read(offset, length);
        },
      };
    };
    const file = await openWeights({ ...inner, open }, 'w');
    read = 0;
    await file.read('scalar');
    expect(read).toBeGreaterThan(8);
    expect(read).toBeLessThan(256);
  });

  it('closes what it opened, when reading fails too', async () => {
    let open = 0;
    const shard = writeSafetensors(two);
    const inner = memoryFiles({ 'd/i.json': index({ a: 's', b: 't' }), 'd/s': shard, 'd/t': shard, 'd/x': bytes('x') });
    const files: Files = {
      ...inner,
      open: async (path) => {
        const file = await inner.open(path);
        open++;
        return { ...file, close: async () => void open-- };
      },
    };
    await expect(openWeights(files, 'd/i.json')).rejects.toThrow(/puts it into/);
    await expect(openWeights(files, 'd/x')).rejects.toThrow(/begins with "x"/);
    await readWeights(files, 'd/s');
    expect(open).toBe(0);
  });
});

describe('a folder of weights', () => {
  it('is opened by its index, its one safetensors file or its one checkpoint', async () => {
    const one = writeSafetensors(two);
    const path = async (contents: Record<string, Uint8Array>): Promise<string> =>
      (await openWeights(memoryFiles(contents), 'd')).path;
    expect(await path({ 'd/config.json': bytes('{}'), 'd/x.safetensors': one })).toBe('d/x.safetensors');
    expect(await path({ 'd/x.pth': fixtureBytes('plain.zip.pth'), 'd/model.safetensors': one })).toBe(
      'd/model.safetensors',
    );
    expect(await path({ 'd/x.pth': fixtureBytes('plain.zip.pth') })).toBe('d/x.pth');
    await expect(path({ 'd/x.pth': one, 'd/y.pth': one })).rejects.toThrow(/one file of weights.*got "x.pth", "y.pth"/);
    await expect(path({ 'd/x.txt': one })).rejects.toThrow(/got none/);
    await expect(openWeights(memoryFiles({}), 'd')).rejects.toThrow(/d: expected a readable file, got nothing/);
  });
});

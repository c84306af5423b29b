import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { float32, int64, type Tensor } from '../../src/core/tensor.ts';
import { nodeFiles } from '../../src/runtime/node/files.ts';
import { nodeOutput } from '../../src/runtime/node/output.ts';
import { openWeights, readWeights } from '../../src/weights/open.ts';
import { readSafetensors, writeSafetensors } from '../../src/weights/safetensors.ts';
import { writeShards } from '../../src/weights/write-shards.ts';
import { memoryFiles } from '../support/memory-files.ts';

const folder = mkdtempSync(joinPath(tmpdir(), 'farsight-weights-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const index = (map: unknown, total = 16): Uint8Array =>
  bytes(JSON.stringify({ metadata: { total_size: total }, weight_map: map }));

describe('writeShards', () => {
  const entries = Array.from({ length: 7 }, (_, i) => ({
    name: `layer.${i}`,
    dtype: i === 3 ? ('int64' as const) : ('float32' as const),
    shape: [i === 5 ? 100 : 10],
  }));
  const made = (name: string): Tensor => {
    const { dtype, shape } = entries.find((e) => e.name === name)!;
    const n = Number(name.slice(6));
    return dtype === 'int64' ? int64(shape, new Array(10).fill(n)) : float32(shape, new Array(shape[0]!).fill(n));
  };

  it('writes files of at most so many bytes, and what is read back is what was given', async () => {
    let held = 0;
    const read = (name: string): Tensor => {
      held++;
      return made(name);
    };
    const source = { entries, read };
    const metadata = { format: 'pt' };
    const written = await writeShards(nodeOutput, folder, source, { maxShardBytes: 100, name: 'net', metadata });
    expect(written.path).toBe(`${folder}/net.safetensors.index.json`);
    expect(written.files.length).toBe(7);
    expect(written.files.slice(-2)).toEqual(['net-00006-of-00006.safetensors', 'net.safetensors.index.json']);
    expect([written.totalBytes, held]).toEqual([680, 7]);
    for (const path of [written.path, folder]) {
      const back = await readWeights(nodeFiles, path);
      expect([back.format, back.metadata]).toEqual(['safetensors-sharded', metadata]);
      expect([...back.tensors]).toEqual(entries.map(({ name }) => [name, made(name)]));
    }
    const second = readSafetensors(await nodeFiles.read(`${folder}/${written.files[0]}`, 1e6));
    expect([...second.tensors.keys()]).toEqual(['layer.0', 'layer.1']);
  });

  it('writes one file, the same bytes as at once, where no size is given', async () => {
    const files = new Map<string, Uint8Array[]>();
    const output = {
      write: async (path: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) => {
        const parts: Uint8Array[] = [];
        for await (const piece of pieces) parts.push(piece);
        files.set(path, parts);
      },
    };
    const { path } = await writeShards(output, 'd', { entries, read: made });
    expect([path, [...files.keys()]]).toEqual(['d/model.safetensors', ['d/model.safetensors']]);
    const whole = writeSafetensors(entries.map(({ name }) => [name, made(name)]));
    expect(Buffer.concat(files.get(path)!).equals(whole)).toBe(true);
  });

  it('refuses names that occur twice, and a tensor other than was said, before it names it in an index', async () => {
    const output = { write: async () => undefined };
    const twice = { entries: [entries[0]!, entries[0]!], read: made };
    await expect(writeShards(output, 'd', twice)).rejects.toThrow(/"layer\.0" twice/);
    const other = { entries: [entries[0]!], read: () => float32([1], [1]) };
    await expect(writeShards(nodeOutput, folder, other, { name: 'other' })).rejects.toThrow(/expected 10 elements/);
    expect((await nodeFiles.list(folder)).some(({ name }) => name.startsWith('other'))).toBe(false);
    await expect(writeShards(output, 'd', { entries, read: made }, { maxShardBytes: 0 })).rejects.toMatchObject({
      code: 'config',
    });
  });
});

describe('an index of shards is refused when it', () => {
  const shard = (name: string): Uint8Array => writeSafetensors([[name, float32([2], [1, 2])]]);
  const good = { 'd/s.safetensors': shard('a'), 'd/t.safetensors': shard('b') };
  const map = { a: 's.safetensors', b: 't.safetensors' };

  it('is read when it tells the truth', async () => {
    const read = await readWeights(memoryFiles({ ...good, 'd/i.json': index(map) }), 'd/i.json');
    expect([...read.tensors.keys()]).toEqual(['a', 'b']);
  });

  it.each([
    ['leads up', index({ a: '../s.safetensors' }), /a file beside the index, got "\.\.\/s\.safetensors"/],
    ['leads to the root', index({ a: '/etc/passwd' }), /beside the index/],
    ['leads up in the way of Windows', index({ a: '..\\s.safetensors' }), /beside the index/],
    ['leads to a drive', index({ a: 'C:s.safetensors' }), /beside the index/],
    ['names a hidden file', index({ a: '.s' }), /beside the index/],
    ['has a zero in a name', index({ a: 's\u0000' }), /beside the index/],
    ['names numbers', index({ a: 1 }), /got something else/],
    ['names nothing', index({}), /expected 1 to 512 files, got 0/],
    [
      'names too many files',
      index(Object.fromEntries(Array.from({ length: 513 }, (_, i) => [`${i}`, `s${i}`]))),
      /got 513/,
    ],
    ['names a file that is not there', index({ a: 'u.safetensors' }), /u\.safetensors: expected a readable file/],
    [
      'names a tensor that no shard has',
      index({ ...map, c: 's.safetensors' }),
      /expected 3 tensors in its shards, got 2/,
    ],
    [
      'leaves a tensor out',
      index({ a: 's.safetensors', c: 't.safetensors' }),
      /got "b", but the index does not name it/,
    ],
    [
      'puts a tensor elsewhere',
      index({ a: 't.safetensors', b: 's.safetensors' }),
      /"b", but the index puts it into|"a", but/,
    ],
    ['has another total size', index(map, 17), /expected 17 bytes of tensors, as the index says, got 16/],
    ['has a name twice', bytes('{"weight_map":{"a":"s","a":"t"}}'), /did not occur before/],
    ['is other JSON', bytes('{"model_type":"resnet"}'), /without a "weight_map"/],
    ['is broken', bytes('{"weight_map":'), /header/],
    ['points to itself', index({ a: 'i.json' }), /expected weights, got JSON/],
  ])('%s', async (_, content, message) => {
    const files = memoryFiles({ ...good, 'd/i.json': content });
    await expect(openWeights(files, 'd/i.json')).rejects.toThrow(message);
    await expect(openWeights(files, 'd/i.json')).rejects.toMatchObject({ code: 'data' });
  });
});

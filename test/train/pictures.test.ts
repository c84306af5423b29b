import { describe, expect, it } from 'vitest';
import { openHeldOut, openPictures } from '../../src/train/pictures.ts';
import { readRunConfig } from '../../src/train/read-config.ts';
import { memoryFiles } from '../support/memory-files.ts';
import { tarMember, tarOf } from '../support/tar.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const TABLE = 'path,label\ni/1.jpg,a|b\ni/2.jpg,b\ni/3.jpg,a\ni/4.jpg,b\ni/9.jpg,a\n';

function disk(top: string, table = TABLE) {
  const pictures = ['1', '2', '3', '4'].map((n) => [`${top}/i/${n}.jpg`, bytes(n)] as const);
  return memoryFiles({ [`${top}/t.csv`]: bytes(table), ...Object.fromEntries(pictures) });
}
const open = (data: object, files = disk('d')) =>
  openPictures(readRunConfig({ data: { folder: 'd/t.csv', ...data } }), { files, embedded: null });

describe('the pictures of a run', () => {
  it('are those of a table that the configuration names, with what was left out', async () => {
    const found = await open({ holdOut: 0.5 });
    expect([found.multiLabel, found.classes, found.source]).toEqual([
      true,
      ['a', 'b'],
      'd/t.csv, 50 % of each class held out',
    ]);
    expect(found.leftOut).toBe('Left out: 1 missing file. d/t.csv, line 6: expected a picture at d/i/9.jpg, got none.');
  });
  it('are read as the configuration says', async () => {
    const single = open({ labels: 'single', columns: { path: 'path', labels: ['label'] } });
    await expect(single).rejects.toThrow('two pictures of class "a", got 1'); // the other "a" is of class "a|b"
    await expect(open({ strict: true })).rejects.toThrow('line 6');
    await expect(open({ root: 'e' })).rejects.toThrow('expected pictures');
    const known = await open({ classes: ['b', 'c'] });
    expect([known.classes, known.train.samples.length + known.test.samples.length]).toEqual([['b', 'c'], 2]);
    expect(known.leftOut).toMatch(/2 labels that are not known.*line 2: expected one of the 2 classes, got "a"/);
  });
  it('have a fingerprint of names, labels and places, wherever they stand', async () => {
    const print = async (data: object, files = disk('d')): Promise<number> => (await open(data, files)).fingerprint;
    const first = await print({});
    expect(await print({ folder: 'elsewhere/t.csv' }, disk('elsewhere'))).toBe(first);
    expect(await print({}, disk('d', TABLE.replace('2.jpg,b', '2.jpg,a')))).not.toBe(first);
    expect(await print({}, disk('d', TABLE.replace('i/4.jpg,b\n', '')))).not.toBe(first);
    const shards = (gap: string) =>
      memoryFiles({ 's.tar': tarOf(tarMember('gap', gap), ...['0', '1', '2', '3'].flatMap(sample)) });
    const at = { folder: 's.tar' };
    expect(await print(at, shards('x'))).not.toBe(await print(at, shards('x'.repeat(600))));
  });
  it('of another source are judged by the classes that are known', async () => {
    const tools = { files: disk('d'), embedded: null };
    const { test, leftOut } = await openHeldOut(['b', 'a', 'c'], 'd/t.csv', tools);
    expect(test.samples.map((s) => s.labels)).toEqual([[0, 1], [0], [1], [0]]);
    expect(leftOut).toMatch(/^Left out: 1 missing file/);
    const single = openHeldOut(['a', 'b'], 'd/t.csv', { ...tools, source: { labels: 'single' } });
    expect((await single).leftOut).toMatch(/1 label that is not known/);
  });
});

function sample(key: string): readonly Uint8Array[] {
  return [tarMember(`${key}.jpg`, `p${key}`), tarMember(`${key}.cls`, String(Number(key) % 2))];
}

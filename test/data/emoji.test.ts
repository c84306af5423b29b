import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { classCounts } from '../../src/data/dataset.ts';
import { bySeen, readEmojiIndex } from '../../src/data/emoji.ts';
import { readSplits } from '../../src/data/image-folder.ts';
import { sharpDecoder } from '../../src/runtime/node/decode.ts';
import { nodeFiles } from '../../src/runtime/node/files.ts';
import { memoryFiles } from '../support/memory-files.ts';

const folder = fileURLToPath(new URL('../../data/emoji', import.meta.url));

describe('embedded emoji', () => {
  it('are nine groups in two hands, the same emoji in both but for those never seen', async () => {
    const { train, test } = await readSplits(nodeFiles, folder);
    expect(train.classes).toEqual([
      'activities',
      'animals-nature',
      'flags',
      'food-drink',
      'objects',
      'people-body',
      'smileys-emotion',
      'symbols',
      'travel-places',
    ]);
    expect([train.samples.length, test.samples.length]).toEqual([1547, 1906]);
    const facts = await readEmojiIndex(nodeFiles, folder);
    const { seen, unseen } = bySeen(test, facts);
    const file = (path: string): string => path.split('/').slice(-2).join('/');
    expect(seen.map((i) => file(test.samples[i]!.path))).toEqual(train.samples.map((s) => file(s.path)));
    expect(unseen.length).toBe(359);
    const unseenCounts = classCounts({ ...test, samples: unseen.map((i) => test.samples[i]!) });
    expect(Math.min(...unseenCounts)).toBeGreaterThanOrEqual(16);
  });

  it('do not show in training the twin of an emoji that is never seen', async () => {
    const facts = await readEmojiIndex(nodeFiles, folder);
    const seen = new Map(facts.map((f) => [f.codepoints, f.seen]));
    const twins = [
      ['1f469-200d-1f33e', '1f468-200d-1f33e', '1f9d1-200d-1f33e'], // farmers
      ['1f3c3', '1f3c3-200d-2640-fe0f', '1f3c3-200d-27a1-fe0f'], // runners, to the left and to the right
      ['1f1eb-1f1f7', '1f1e8-1f1f5'], // the flags of France and of Clipperton Island
    ];
    for (const kind of twins) expect(new Set(kind.map((c) => seen.get(c))).size).toBe(1);
    expect(twins.flat().every((c) => seen.has(c))).toBe(true);
  });

  it('take less than four of the six megabytes allowed, and are 64 pixels a side', async () => {
    const sizes = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) =>
      statSync(join(folder, name)),
    );
    const total = sizes.filter((s) => s.isFile()).reduce((sum, s) => sum + s.size, 0);
    expect(total).toBeLessThan(4e6);
    const path = join(folder, 'test', 'flags', '1f1e6-1f1f2.webp');
    const { width, height, data } = await sharpDecoder.decode(await nodeFiles.read(path, 1e5), path);
    expect([width, height]).toEqual([64, 64]);
    expect([...data.subarray(0, 3)]).toEqual([255, 255, 255]); // white around the flag of Armenia
  });

  it('are refused with a data fault when the index is damaged or a picture is not in it', async () => {
    const text = (s: string): Uint8Array => new TextEncoder().encode(s);
    const fault = expect.objectContaining({ code: 'data' });
    for (const bad of ['{', '{}', '[{"file": 1}]']) {
      await expect(readEmojiIndex(memoryFiles({ 'e/index.json': text(bad) }), 'e')).rejects.toThrow(fault);
    }
    expect(() => bySeen({ classes: ['a'], samples: [{ path: 'a/b.webp', label: 0 }] }, [])).toThrow(fault);
  });
});

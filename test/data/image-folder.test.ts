import { describe, expect, it } from 'vitest';
import { classCounts, describeDataset, splitDataset } from '../../src/data/dataset.ts';
import { readImageFolder, readSplits } from '../../src/data/image-folder.ts';
import { memoryFiles } from '../support/memory-files.ts';

const empty = new Uint8Array();

function files(...paths: string[]): ReturnType<typeof memoryFiles> {
  const folders = paths.filter((p) => p.endsWith('/')).map((p) => p.slice(0, -1));
  return memoryFiles(Object.fromEntries(paths.filter((p) => !p.endsWith('/')).map((p) => [p, empty])), folders);
}

const dataFault = expect.objectContaining({ name: 'Fault', code: 'data' });

describe('image folder', () => {
  it('takes sub-folders as classes by name and pictures from all depths, whatever the order of the disk', async () => {
    const disk = files(
      'set/b/2.PNG',
      'set/b/1.jpg',
      'set/a/z.webp',
      'set/a/deep/er/y.gif',
      'set/a/x.avif',
      'set/a/w.jpeg',
    );
    expect(await readImageFolder(disk, 'set')).toEqual({
      classes: ['a', 'b'],
      samples: [
        { path: 'set/a/w.jpeg', label: 0 },
        { path: 'set/a/x.avif', label: 0 },
        { path: 'set/a/z.webp', label: 0 },
        { path: 'set/a/deep/er/y.gif', label: 0 },
        { path: 'set/b/1.jpg', label: 1 },
        { path: 'set/b/2.PNG', label: 1 },
      ],
    });
  });

  it('passes over other files and names that begin with a dot', async () => {
    const disk = files('s/a/1.jpg', 's/a/notes.txt', 's/a/._1.jpg', 's/.git/x.jpg', 's/b/1.jpg', 's/readme.md');
    const { classes, samples } = await readImageFolder(disk, 's');
    expect([classes, samples.map((s) => s.path)]).toEqual([
      ['a', 'b'],
      ['s/a/1.jpg', 's/b/1.jpg'],
    ]);
  });

  it.each([
    ['a missing folder', files('x/a/1.jpg'), /^s: expected a folder/],
    ['a folder without classes', files('s/1.jpg', 's/2.jpg'), /s: expected sub-folders.*2 pictures and no sub-folder/],
    ['an empty folder', files('s/'), /s: expected sub-folders.*got no sub-folder/],
    ['one class only', files('s/cats/1.jpg'), /at least two classes, got only "cats"/],
    ['an empty class', files('s/a/1.jpg', 's/b/'), /s\/b: expected pictures.*class "b", got none/],
  ])('refuses %s', async (_, disk, message) => {
    await expect(readImageFolder(disk, 's')).rejects.toThrow(dataFault);
    await expect(readImageFolder(disk, 's')).rejects.toThrow(message);
  });

  it('labels by the classes a network knows, which may be missing here but not misspelt', async () => {
    const known = { classes: ['ant', 'bee', 'cow'] };
    const { samples } = await readImageFolder(files('s/cow/1.jpg'), 's', known);
    expect(samples).toEqual([{ path: 's/cow/1.jpg', label: 2 }]);
    const misspelt = readImageFolder(files('s/bea/1.jpg', 's/cow/1.jpg'), 's', known);
    await expect(misspelt).rejects.toThrow(/3 known classes, got "bea".*"bee"/);
  });

  it('refuses folders that nest without end', async () => {
    const list = async (): Promise<readonly { name: string; kind: 'folder' }[]> =>
      ['a', 'b'].map((name) => ({ name, kind: 'folder' }));
    const endless = { ...memoryFiles({}), list };
    await expect(readImageFolder(endless, 's')).rejects.toThrow(/Does a link lead back up/);
  });

  it('counts and lists the classes', async () => {
    const set = await readImageFolder(files('s/a/1.jpg', 's/a/2.jpg', 's/b/1.jpg'), 's');
    expect(classCounts(set)).toEqual([2, 1]);
    expect(describeDataset(set)).toBe('2 classes, 3 pictures: a 2, b 1');
  });
});

describe('splits', () => {
  const ten = ['a', 'b'].flatMap((c) => Array.from({ length: 10 }, (_, i) => `${c}/${i}.jpg`));

  it('are the train and val sub-folders, with the classes of train', async () => {
    const disk = files('s/train/a/1.jpg', 's/train/b/1.jpg', 's/val/b/2.jpg', 's/test/a/3.jpg');
    const splits = await readSplits(disk, 's');
    expect(splits.testFolder).toBe('val');
    expect(splits.test).toEqual({ classes: ['a', 'b'], samples: [{ path: 's/val/b/2.jpg', label: 1 }] });
  });

  it('hold out a fifth of each class where there is no test folder', async () => {
    for (const prefix of ['s/', 's/train/']) {
      const { train, test, testFolder } = await readSplits(files(...ten.map((p) => prefix + p)), 's');
      expect([classCounts(train), classCounts(test), testFolder]).toEqual([[8, 8], [2, 2], null]);
      expect(new Set([...train.samples, ...test.samples].map((s) => s.path)).size).toBe(20);
    }
  });

  it('are the same for the same seed and others for another', async () => {
    const whole = await readImageFolder(files(...ten.map((p) => `s/${p}`)), 's');
    const held = (seed: number): string[] =>
      splitDataset(whole, { seed, holdOut: 0.3 }).test.samples.map((s) => s.path);
    expect(held(1)).toEqual(held(1));
    expect(held(1)).not.toEqual(held(2));
  });

  it('refuse a class with a single picture', async () => {
    const whole = await readImageFolder(files('s/a/1.jpg', 's/b/1.jpg', 's/b/2.jpg'), 's');
    expect(() => splitDataset(whole)).toThrow(dataFault);
    expect(() => splitDataset(whole, { holdOut: 1 })).toThrow(expect.objectContaining({ code: 'config' }));
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { train } from '../../src/node.ts';
import { colourFolder, scratch, smallRun } from './made.ts';

const folder = scratch();

test('a run on pictures with several labels learns each of them and is judged by mean average precision', async () => {
  const pictures = await colourFolder(join(folder, 'pictures'), 12);
  // "warm" goes with red, "cold" with blue and green, so that every picture has two labels.
  const rows = ['blue', 'green', 'red'].flatMap((colour) =>
    Array.from({ length: 12 }, (_, i) => `${colour}/${i}.png,${colour}|${colour === 'red' ? 'warm' : 'cold'}`),
  );
  const table = join(pictures, 'labels.csv');
  await writeFile(table, `path,labels\n${rows.join('\n')}\n`);
  const base = smallRun(table);
  const lines: string[] = [];
  const result = await train(
    {
      ...base,
      data: { ...base.data, augment: { mix: { mixup: 0.1 } } },
      epochs: 12,
      labelSmoothing: 0,
      evaluateEvery: 3,
      keep: 'best',
      classWeights: 'balanced',
    },
    { folder: join(folder, 'run'), onEvent: (e) => e.kind === 'metrics' && lines.push(JSON.stringify(e.row)) },
  );
  expect(result.classes).toEqual(['blue', 'cold', 'green', 'red', 'warm']);
  expect(result.config.loss!.kind).toBe('binary-cross-entropy');
  const { labels, result: single } = result.evaluation!;
  expect(labels!.meanAveragePrecision).toBeGreaterThan(0.9);
  expect(single.accuracy).toBeGreaterThan(0.8);
  expect(result.standing.best!.value).toBe(labels!.meanAveragePrecision);
  expect(lines.at(-1)).toContain('heldOutMeanAveragePrecision');
}, 60_000);

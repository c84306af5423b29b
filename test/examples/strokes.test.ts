import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

test('a network that reads the whole sequence tells the radical better than regression on neighbours', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'examples/strokes.ts'], {
    cwd: root,
  });
  const [, majority, regression, network] =
    /^all outside the radical: ([\d.]+) %.*\nlogistic regression: ([\d.]+) %.*\nnetwork with non-local: ([\d.]+) %/
      .exec(stdout)
      ?.map(Number) ?? [];
  // The share of points outside the radical, counted in the file
  const { characters } = JSON.parse(readFileSync(`${root}/data/strokes/characters.json`, 'utf8')) as {
    characters: { strokes: number[]; radical: number[] }[];
  };
  const outside = characters
    .slice(1200)
    .flatMap(({ strokes, radical }) => strokes.filter((_, i) => !radical.includes(i)));
  expect(majority).toBeCloseTo((100 * outside.reduce((a, b) => a + b, 0)) / (300 * 64), 1);
  // 76.7 % by Newton's method in float64 elsewhere
  expect(regression).toBeCloseTo(76.6, 0);
  expect(network).toBeGreaterThan(83);
}, 240_000);

test('the strokes are 1,500 characters of 64 points, and what is changed of them stands beside', () => {
  const { notice, characters } = JSON.parse(readFileSync(`${root}/data/strokes/characters.json`, 'utf8')) as {
    notice: string;
    characters: { strokes: number[]; radical: number[]; points: string }[];
  };
  expect(notice).toContain('Arphic Public License');
  expect(characters).toHaveLength(1500);
  for (const { strokes, radical, points } of characters) {
    expect(strokes.reduce((a, b) => a + b, 0)).toBe(64);
    expect(Buffer.from(points, 'base64')).toHaveLength(128);
    expect(radical.every((k) => k >= 0 && k < strokes.length) && radical.length < strokes.length).toBe(true);
  }
});

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { BLOCKS } from '../../src/model/blocks/table.ts';
import { NETWORKS } from '../../src/model/networks/table.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = (path: string): string => readFileSync(`${root}/${path}`, 'utf8');

async function linesOf(name: string): Promise<string[]> {
  const options = { cwd: root };
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', `examples/${name}`], options);
  return stdout.trim().split('\n');
}

test('an affinity is exchanged by one line, and the network is the named one', async () => {
  const lines = await linesOf('affinities.ts');
  const parameters = lines.slice(0, 5).map((line) => Number(/([\d.]+) M parameters/.exec(line)![1]));
  // Without their second norms, of 2 values a channel: 3 x 64, 4 x 128, 6 x 256, 3 x 512 channels
  const norms = 2 * (3 * 64 + 4 * 128 + 6 * 256 + 3 * 512);
  expect(parameters[0]).toBeCloseTo((NETWORKS.resnet50.parameters - norms) / 1e6, 2);
  expect(parameters[3]).toBeCloseTo(NETWORKS.cotnet50.parameters / 1e6, 2);
  // 4.089 G of a ResNet-50, whose convolutions these are
  expect(lines[0]).toContain('4.09 G multiply-adds');
  expect(lines[5]).toBe('c3: 512 channels at 1/8, c4: 1024 channels at 1/16, c5: 2048 channels at 1/32');
}, 120_000);

test('a set that is read by another leaves out who is not there', async () => {
  const line = (head: number): string => `head ${head}: 3 objects read, weights sum to 1.0000`;
  expect(await linesOf('sets.ts')).toEqual([line(0), line(1)]);
}, 120_000);

test('pages show the examples as they are', () => {
  expect(page('README.md')).toContain(page('examples/affinities.ts'));
  expect(page('docs/sequences.md')).toContain(page('examples/sets.ts'));
});

test('the page on sequences says rightly which blocks take one axis', () => {
  const [, ...rows] = page('docs/sequences.md')
    .split('\n')
    .filter((line) => /^\| (on|as|by|learned)/.test(line));
  const named = (line: string): string[] => [...line.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name!);
  const lines = new Set(rows.slice(0, 3).flatMap(named));
  const takes = (one: boolean): string[] =>
    BLOCKS.filter((b) => (b.axes as readonly number[]).includes(1) === one).map((b) => b.kind);
  expect(takes(true).filter((kind) => !lines.has(kind))).toEqual([]);
  expect(takes(false).sort()).toEqual(named(rows[3]!).sort());
});

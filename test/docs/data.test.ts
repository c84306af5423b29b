import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { describeDataset } from '../../src/data/dataset.ts';
import { openDataset } from '../../src/data/open.ts';
import { readRunConfig } from '../../src/train/read-config.ts';
import { memoryFiles } from '../support/memory-files.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(`${root}/docs/data.md`, 'utf8');
const blocks = [...page.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, kind, text]) => ({ kind, text: text! }));
const tables = blocks.flatMap(({ kind, text }, i) =>
  kind === 'csv' ? [[text, blocks[i + 1]!.text.trim()] as const] : [],
);

describe('the page on data', () => {
  it.each(tables)('says what a table is read as: %s', async (table, said) => {
    const pictures = [1, 2, 3, 4].map((n) => [`d/i/${n}.jpg`, new Uint8Array([n])] as const);
    const files = memoryFiles({ 'd/t.csv': new TextEncoder().encode(table), ...Object.fromEntries(pictures) });
    const { train, test, problems } = await openDataset(files, 'd/t.csv', { holdOut: 0.5 });
    const whole = { ...train, samples: [...train.samples, ...test.samples] };
    if (!said.startsWith('Left out')) return expect(describeDataset(whole)).toBe(said);
    expect(problems.examples.map((e) => e.reason)).toEqual(said.split('\n').slice(1));
    return expect(Object.values(problems.counts)).toEqual(said.split('\n')[0]!.match(/\d+/g)!.map(Number));
  });
  it('shows configurations that are read', () => {
    const shown = blocks.filter((b) => b.kind === 'json').map((b) => JSON.parse(b.text) as object);
    expect(shown.length).toBe(1);
    for (const config of shown) expect(readRunConfig(config).data).toMatchObject((config as { data: object }).data);
  });
  it('shows the example as it is, which opens a table and weighs its classes', async () => {
    expect(blocks.find((b) => b.kind === 'ts')!.text).toBe(readFileSync(`${root}/examples/data.ts`, 'utf8'));
    const options = { cwd: root };
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'examples/data.ts'], options);
    // Of three and two pictures one each is held out: two smooth and one rough are left, weighed 3 / (2 · 2) and 3 / 2.
    expect(stdout).toBe('csv: 2 classes, 3 pictures: rough 1, smooth 2; judged on 2\nweights: 1.5, 0.75\n');
  });
  it('counts the pictures that decoding is compared on', () => {
    const expected = JSON.parse(readFileSync(`${root}/test/runtime/node/pictures/expected.json`, 'utf8')) as object;
    expect(page).toContain(`${Object.keys(expected).length} pictures and the script`);
  });
});

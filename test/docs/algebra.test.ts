import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Site, sitesOf } from '../../src/graph/aggregate/index.ts';
import { algebraPage } from '../../src/model/blocks/algebra.ts';
import type { AlgebraRow, Block } from '../../src/model/blocks/block.ts';
import { contextBlock } from '../../src/model/blocks/context.ts';
import { BLOCKS } from '../../src/model/blocks/table.ts';
import { traceNetwork } from '../../src/model/scope.ts';

const ROWS = BLOCKS.flatMap((block) => block.algebra.map((row) => [row.mechanism, row, block] as const));

/** The affinities that a row's block is made of, in the order of their description. */
function sitesOfRow({ changes }: AlgebraRow, { sample }: Block): readonly Site[] {
  const config = { ...sample.config, ...changes };
  const { outputs } = traceNetwork((s, { x }) => ({ y: contextBlock(s, x!, config) }), {
    inputs: { x: { shape: sample.shape } },
    mode: 'inference',
  });
  return [...sitesOf(outputs)].sort((a, b) => a.values.node.id - b.values.node.id || 0);
}

/** Parts of a cell, of which the first word is the kind; one part may stand for all. */
function kinds(cell: string, count: number): readonly string[] {
  const parts = cell.split('; ').map((part) => /^[\w-]+/.exec(part)?.[0] ?? part);
  return parts.length === 1 ? Array.from({ length: count }, () => parts[0]!) : parts;
}

/** Heads as a number: of `4`, `C`, `heads`, `C / share`. */
function headsOf(cell: string, { sample }: Block, { changes }: AlgebraRow): number {
  const options: Readonly<Record<string, unknown>> = { ...sample.config, ...changes };
  const value = (word: string): number => (word === 'C' ? sample.shape[1]! : Number(options[word] ?? word));
  const [a, b] = cell.split(' / ').map((word) => value(word.trim()));
  return a! / (b ?? 1);
}

describe('docs/algebra.md', () => {
  it('is current (else run npm run docs)', () => {
    expect(readFileSync(join(import.meta.dirname, '../../docs/algebra.md'), 'utf8')).toBe(algebraPage());
  });
  it('has as many cells in each line as in its head', () => {
    const lines = algebraPage()
      .split('\n')
      .filter((line) => line.startsWith('| '));
    expect(new Set(lines.map((line) => line.split(/(?<!\\)\|/).length)).size).toBe(1);
    expect(lines).toHaveLength(ROWS.length + 2);
  });
});

describe.each(ROWS)('the row "%s"', (_, row, block) => {
  let sites: readonly Site[] = [];
  beforeAll(() => {
    sites = sitesOfRow(row, block);
  });
  const said = (of: (site: Site) => string): readonly string[] => sites.map(of);
  it('says what the block reads, how it scores and how it normalises', () => {
    expect(sites.length).toBeGreaterThan(0);
    expect(kinds(row.reads, sites.length)).toEqual(said((s) => s.affinity.reads.kind));
    expect(kinds(row.score, sites.length)).toEqual(said((s) => s.affinity.score.kind));
    expect(kinds(row.normalise, sites.length)).toEqual(said((s) => s.affinity.normalise));
  });
  it('says how many heads there are', () => {
    const cells = row.heads.split('; ');
    const expected = sites.map((_s, i) => headsOf(cells[i] ?? cells[0]!, block, row));
    expect(expected).toEqual(sites.map((s) => s.heads));
  });
  it('says whether there is a prior, and whether all queries share one map', () => {
    expect(row.prior !== 'none').toBe(sites.some((s) => s.prior !== undefined));
    expect(/one query for all/.test(row.reads)).toBe(sites.every((s) => s.q === 1));
  });
});

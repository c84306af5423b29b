import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { contests } from '../../bench/contests.ts';
import { Entrants } from '../../bench/entrants.ts';
import type { Machine } from '../../bench/machine.ts';
import { readNetworks } from '../../bench/networks.ts';
import { networksSection } from '../../bench/networks-page.ts';
import { resultsPage } from '../../bench/page.ts';
import { mergeResults, type Refusal, type Results, type Row } from '../../bench/results.ts';
import { selects } from '../../bench/select.ts';
import { reached, TARGETS } from '../../bench/targets.ts';
import { benchArguments } from '../../src/cli/bench.ts';
import { networkNames } from '../../src/model/networks/describe.ts';
import { namedNetwork } from '../../src/model/networks/table.ts';

const MACHINE: Machine = { cpu: 'x', cores: 2, mhz: 2500, flopPerCycle: 64, memoryGb: 8, system: 's' };

function row(id: string, peer: string, ratio: number): Row {
  const fixed = { rounds: 3, error: 1e-6, others: 0, note: '', date: '2026-01-01T00:00:00Z', commit: 'abc' };
  return { id, peer, unit: 'ms', ours: ratio, theirs: 1, ratio, spread: [ratio, ratio], ...fixed };
}

function results(rows: readonly Row[], refused: readonly Refusal[] = [], machine = MACHINE): Results {
  return { machine, versions: { node: '20' }, date: '2026-01-01T00:00:00Z', seed: 'none', rows, refused };
}

const ORDER = ['a', 'b'].map((id) => ({ id, peer: 'p' }));

function planned(): { readonly id: string; readonly peer: string }[] {
  const entrants = new Entrants(2);
  try {
    return contests(entrants, MACHINE).flatMap((contest) => contest.rows);
  } finally {
    entrants.close();
  }
}

describe('the contests', () => {
  it('measure every row that has a target', () => {
    const rows = planned().map(({ id, peer }) => `${id} ${peer}`);
    const wanted = TARGETS.flatMap(({ ids, peer }) => ids.map((id) => `${id} ${peer}`));
    expect(wanted.filter((name) => !rows.includes(name))).toEqual([]);
  });

  it('name no row twice', () => {
    const rows = planned().map(({ id, peer }) => `${id} ${peer}`);
    expect(rows.filter((name, i) => rows.indexOf(name) !== i)).toEqual([]);
  });
});

describe('a pattern', () => {
  it('means an id and what begins with it, or anything where there is a star', () => {
    expect(selects('resnet50.inference', 'resnet50.inference.b1', 'pytorch')).toBe(true);
    expect(selects('resnet50', 'resnet50-gc.train.b8', 'pytorch')).toBe(false);
    expect(selects('*.memory', 'nonlocal.64x64.memory', 'pytorch')).toBe(true);
    expect(selects('*.memory', 'nonlocal.64x64.memory.x', 'pytorch')).toBe(false);
    expect(selects('help, resnet50.train', 'resnet50.train.b8', 'pytorch')).toBe(true);
    expect(selects('', 'help.time', 'pytorch')).toBe(false);
  });

  it('means one peer where it names it', () => {
    expect(selects('help@node, a@pytorch', 'a.b', 'pytorch')).toBe(true);
    expect(selects('a@pytorch', 'a.b', 'pytorch-shifts')).toBe(false);
  });
});

describe('earlier results', () => {
  it('stay, in the order of the contests, unless measured again or no longer measured', () => {
    const before = results([row('b', 'p', 2), row('a', 'p', 1), row('gone', 'p', 1)]);
    const merged = mergeResults(before, results([row('b', 'p', 3)]), ORDER);
    expect(merged.rows.map(({ id, ratio }) => [id, ratio])).toEqual([
      ['a', 1],
      ['b', 3],
    ]);
  });

  it('of a row that is refused now are gone', () => {
    const merged = mergeResults(results([row('a', 'p', 1)]), results([], [{ id: 'a', peer: 'p', why: 'gone' }]), ORDER);
    expect(merged.rows).toEqual([]);
    expect(merged.refused).toHaveLength(1);
  });

  it('of another machine are dropped', () => {
    const other = results([row('a', 'p', 1)], [], { ...MACHINE, cpu: 'y' });
    expect(mergeResults(other, results([row('b', 'p', 1)]), ORDER).rows.map(({ id }) => id)).toEqual(['b']);
  });
});

describe('targets', () => {
  it('bound a ratio from above, a share from below, a start in milliseconds', () => {
    expect(reached(row('resnet50.inference.b1', 'pytorch', 0.58))).toBe(true);
    expect(reached(row('resnet50.inference.b1', 'pytorch', 0.59))).toBe(false);
    expect(reached(row('resnet50.peak-share.b8', 'theoretical-peak', 0.5))).toBe(false);
    expect(reached({ ...row('help.time', 'node', 9), ours: 250 })).toBe(true);
    expect(reached(row('conv3x3.64x56x56.b8', 'tfjs-wasm', 9))).toBeUndefined();
  });
});

describe('the results page', () => {
  it('tells which targets are reached and what was not measured', () => {
    const rows = [row('resnet50.inference.b1', 'pytorch', 0.5), row('resnet50.inference.b8', 'pytorch', 0.5)];
    const page = resultsPage(results(rows, [{ id: 'help.time', peer: 'node', why: 'no dist' }]));
    expect(page).toContain('1 of 2 targets reached.');
    expect(page).toContain('| ratio at most 0.4 | **no** |');
    expect(page).toContain('- `help.time` against node: no dist');
  });

  it('has as many cells in each line as in its head', () => {
    const page = resultsPage(results([row('resnet50.inference.b1', 'pytorch', 0.5)]));
    const widths = page
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.split('|').length);
    expect(widths).toHaveLength(3);
    expect(new Set(widths).size).toBe(1);
  });
});

describe('the targets of networks made of affinities', () => {
  it('stand by themselves, each reached, not reached or not measured', () => {
    const rows = [row('cotnet50.inference.b1', 'pytorch', 0.5), row('resnet50-nl.inference.b1', 'pytorch', 0.5)];
    const page = resultsPage(results(rows));
    const verdicts = page.split('\n').filter((line) => / (\*\*not reached\*\*|reached|not measured) \|$/.test(line));
    expect(verdicts).toHaveLength(12);
    expect(verdicts.find((line) => line.includes('cotnet50.inference'))).toContain('at most 0.4 | **not reached** |');
    expect(verdicts.find((line) => line.includes('resnet50-nl.inference'))).toContain('at most 0.65 | reached |');
    expect(verdicts.filter((line) => line.endsWith('| not measured |'))).toHaveLength(10);
  });
});

describe('the table of networks', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const written = readNetworks(`${root}bench/networks.json`);

  it('names every network with the parameters that its table holds (else run npm run bench -- --networks)', () => {
    const expected = networkNames().map((name) => [name, namedNetwork(name).parameters]);
    expect(written.map(({ name, parameters }) => [name, parameters])).toEqual(expected);
  });

  it('stands on the results page as it was written', () => {
    expect(readFileSync(`${root}docs/results.md`, 'utf8')).toContain(networksSection(written));
  });

  it('shows a published figure with its digits, its source and why ours is another', () => {
    const published = { parameters: 22.1e6, macs: 3.28e9, source: 'table 1', difference: 'ours is wider' };
    const line = networksSection([{ name: 'a', parameters: 22_577_207, macs: 3.2429e9, size: 224, published }]);
    expect(line).toContain('| `a` | 22,577,207 | 22.1 M | 3.24 G | 3.28 G | 224 | table 1 | ours is wider |');
  });
});

describe('farsight bench', () => {
  it('hands its options on', () => {
    expect(benchArguments({ only: 'help', json: true, list: false })).toEqual(['--only', 'help', '--json']);
  });
});

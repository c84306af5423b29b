import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Fault, messageOf } from '../src/core/fault.ts';
import { type Conducted, conduct } from './conduct.ts';
import { type Contest, contests } from './contests.ts';
import { Entrants } from './entrants.ts';
import { describeMachine } from './machine.ts';
import { countNetworks, readNetworks } from './networks.ts';
import { resultsPage } from './page.ts';
import { mergeResults, type Refusal, type Results, type Row, readResults, writeWhole } from './results.ts';
import { selects } from './select.ts';
import { BUSY, reached, showTarget, targetOf } from './targets.ts';

const HELP = `Measures Farsight against its peers, in turns, and writes bench/results.json and docs/results.md.

npm run bench -- [options]
  --only PATTERN  rows to measure: ids, apart by commas, with * for anything; ID also means what begins with "ID."; ID@PEER
  --rounds N      turns of each side (default 15)
  --threads N     threads of every side (default: each side's own for all cores)
  --json          one object a line instead of text
  --list          print the ids and measure nothing
  --networks      count what the named networks hold and cost, for the results page, and measure nothing
`;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const RESULTS = `${ROOT}bench/results.json`;
const NETWORKS = `${ROOT}bench/networks.json`;
const PAGE = `${ROOT}docs/results.md`;
const SEED = 'none: weights and inputs are the fill formula of the golden cases, a function of names and shapes';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '*' },
      rounds: { type: 'string', default: '15' },
      threads: { type: 'string' },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      networks: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  if (values.networks) return writeNetworks();
  const rounds = positive('--rounds', values.rounds);
  const threads = values.threads === undefined ? undefined : positive('--threads', values.threads);
  const machine = describeMachine();
  const entrants = new Entrants(machine.cores, threads);
  process.once('SIGINT', () => {
    entrants.close();
    process.exit(130);
  });
  try {
    const all = contests(entrants, machine);
    const order = all.flatMap(({ rows }) => rows);
    const chosen = choose(all, values.only);
    if (values.list) return void process.stdout.write(chosen.map(listed).join(''));
    const report = (row: Row | Refusal): void => say(values.json ? JSON.stringify(row) : describe(row));
    const date = new Date().toISOString();
    const before = readResults(RESULTS);
    const keep = ({ versions, rows, refused }: Conducted): void => {
      const used = { node: process.versions.node, ...versions };
      write(mergeResults(before, { machine, versions: used, date, seed: SEED, rows, refused }, order));
    };
    await conduct(chosen, { rounds, date, commit: commit(), report, keep });
    if (!values.json) say('Written: bench/results.json, docs/results.md.');
  } finally {
    entrants.close();
  }
}

function write(results: Results): void {
  writeWhole(RESULTS, `${JSON.stringify(results, null, 1)}\n`);
  writeWhole(PAGE, resultsPage(results, readNetworks(NETWORKS)));
}

/** Counts the named networks anew and prints the page again. */
function writeNetworks(): void {
  const networks = countNetworks();
  writeWhole(NETWORKS, `${JSON.stringify(networks, null, 1)}\n`);
  const results = readResults(RESULTS);
  if (results) writeWhole(PAGE, resultsPage(results, networks));
  say(`Written: bench/networks.json, docs/results.md: ${networks.length} networks.`);
}

/** The contests with a chosen row, and of these the chosen rows. */
function choose(all: readonly Contest[], pattern: string): readonly Contest[] {
  const chosen = all
    .map(({ match, rows }) => ({ match, rows: rows.filter(({ id, peer }) => selects(pattern, id, peer)) }))
    .filter(({ rows }) => rows.length > 0);
  if (chosen.length > 0) return chosen;
  throw new Fault('config', `--only: no row is called "${pattern}". --list prints all of them.`);
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw new Fault('config', `${option}: expected a whole number above 0, got "${text}".`);
}

function listed({ rows }: Contest): string {
  return rows.map(({ id, peer }) => `${id} against ${peer}\n`).join('');
}

function describe(row: Row | Refusal): string {
  const name = `${row.id} against ${row.peer}`.padEnd(58);
  if ('why' in row) return `${name} not measured: ${row.why}`;
  const spread = row.spread ? ` (${row.spread.map((v) => v.toFixed(3)).join(' to ')})` : '';
  const target = targetOf(row);
  const verdict = target ? `, ${showTarget(target, row.unit)}: ${reached(row) ? 'reached' : 'not reached'}` : '';
  const busy = (row.others ?? 0) > BUSY ? `; others took ${(100 * row.others!).toFixed(0)} % of the machine` : '';
  return `${name} ${row.ours} and ${row.theirs} ${row.unit}, ratio ${row.ratio.toFixed(3)}${spread}${verdict}${busy}`;
}

function commit(): string {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : `version ${version()}`;
}

function version(): string {
  const { version } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8')) as { version: string };
  return version;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = error instanceof Fault && error.code !== 'config' ? 1 : 2;
}

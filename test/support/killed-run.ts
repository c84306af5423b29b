import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type Random, random } from '../../src/core/random.ts';
import { nodeFiles } from '../../src/runtime/node/files.ts';
import { readCheckpoint } from '../../src/train/checkpoint.ts';
import { colourFolder, smallRun } from '../train/colours.ts';
import { timeless } from '../train/timeless.ts';
import { decodeEvents } from './event-file.ts';

/** What a campaign is told. */
export interface CampaignOptions {
  /** Runs that are killed. */
  readonly count: number;
  readonly seed: number;
  /** Where runs and pictures are put. */
  readonly folder: string;
  /** A turn is over. */
  readonly onTurn?: (done: number, differences: readonly string[]) => void;
}

/** Where a kill fell. */
export type Phase =
  | 'before the configuration'
  | 'before the first checkpoint'
  | 'while training'
  | 'while finishing'
  | 'after the end';

/** What came of a campaign. */
export interface CampaignResult {
  readonly turns: number;
  /** Turns that ended in the same files as the run that was left alone. */
  readonly identical: number;
  readonly kills: number;
  readonly byPhase: Readonly<Record<Phase, number>>;
  /** Kills that left a file half written. */
  readonly halfWritten: number;
  /** What differed, a sentence each. */
  readonly differences: readonly string[];
  /** Seconds of the run that was left alone, with the start of its process. */
  readonly seconds: number;
}

const root = join(import.meta.dirname, '../..');
/** Inside the repository, so that packages are found; git ignores it. */
const built = join(root, '.cache', 'kill');
/** Kills of one run; after so many it is left alone. */
const MOST_KILLS = 3;

/** One file for the child and one for its loader, so that a process starts at once. */
async function bundle(): Promise<void> {
  await build({
    entryPoints: {
      child: join(root, 'test/support/killed-run-child.ts'),
      'loader-worker': join(root, 'src/runtime/node/loader-worker.ts'),
    },
    ...{ outdir: built, bundle: true, format: 'esm', platform: 'node', target: 'node20' },
    ...{ packages: 'external', logLevel: 'error' },
  });
}

/** When a process is killed: after so many seconds, or so many milliseconds after it began its n-th change of a file. */
type Moment =
  | { readonly kind: 'time'; readonly seconds: number }
  | { readonly kind: 'file'; readonly count: number; readonly milliseconds: number };

interface Ended {
  readonly code: number | null;
  readonly errors: string;
  readonly seconds: number;
  /** Changes of files that it announced. */
  readonly files: number;
}

/** Runs the child to its end, or to the moment at which it is killed. */
function runChild(args: readonly string[], moment: Moment | null): Promise<Ended> {
  const began = performance.now();
  const child: ChildProcess = spawn(process.execPath, [join(built, 'child.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  let [files, errors] = [0, ''];
  const timer = moment?.kind === 'time' ? setTimeout(kill, moment.seconds * 1000) : undefined;
  child.stdout!.on('data', (dots: Buffer) => {
    const before = files;
    files += dots.length;
    if (moment?.kind !== 'file' || before >= moment.count || files < moment.count) return;
    if (moment.milliseconds === 0) kill();
    else setTimeout(kill, moment.milliseconds);
  });
  child.stderr!.on('data', (text: Buffer) => {
    errors += text.toString();
  });
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, errors, seconds: (performance.now() - began) / 1000, files });
    });
  });
}

function momentOf(draws: Random, whole: Ended): Moment {
  if (draws.integer(2) === 0) return { kind: 'time', seconds: draws.uniform() * whole.seconds };
  const milliseconds = draws.integer(3) === 0 ? 0 : draws.uniform() * 5;
  return { kind: 'file', count: 1 + draws.integer(whole.files), milliseconds };
}

function phaseOf(run: string, ended: Ended): Phase {
  const has = (file: string): boolean => existsSync(join(run, file));
  if (ended.code === 0 || has('result.json')) return 'after the end';
  if (!has('config.json')) return 'before the configuration';
  if (has('weights.safetensors')) return 'while finishing';
  const checkpoints = readdirSync(join(run, 'checkpoints')).filter((name) => name.endsWith('.safetensors'));
  return checkpoints.some((name) => name !== 'best.safetensors') ? 'while training' : 'before the first checkpoint';
}

/** Trains once undisturbed, then over and over with kills at random moments, and compares what is left bit by bit. */
export async function killCampaign({ count, seed, folder, onTurn }: CampaignOptions): Promise<CampaignResult> {
  await bundle();
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'config.json');
  const plain = smallRun(await colourFolder(join(folder, 'pictures')));
  const run = { ...plain, logEvery: 1, ema: { decay: 0.9 }, keep: 'best', tensorboard: true, liveReport: 0.02 };
  writeFileSync(config, JSON.stringify({ ...run, checkpointEvery: { steps: 1, seconds: null } }));
  const alone = join(folder, 'alone');
  const whole = await runChild(['begin', alone, config], null);
  if (whole.code !== 0) throw new Error(`the run that is left alone failed: ${whole.errors}`);
  const wanted = await contentsOf(alone);
  const byPhase = {
    'before the configuration': 0,
    'before the first checkpoint': 0,
    'while training': 0,
    'while finishing': 0,
    'after the end': 0,
  };
  let [identical, kills, halfWritten] = [0, 0, 0];
  const differences: string[] = [];
  for (let turn = 0; turn < count; turn++) {
    const draws = random(seed, 'kill', turn);
    const path = join(folder, `run-${turn}`);
    const found: string[] = [];
    for (let killed = 0; ; killed++) {
      const moment = killed === 0 || (killed < MOST_KILLS && draws.integer(3) === 0) ? momentOf(draws, whole) : null;
      const begun = existsSync(join(path, 'config.json'));
      const ended = await runChild(begun ? ['resume', path] : ['begin', path, config], moment);
      if (moment && ended.code === null) {
        kills++;
        byPhase[phaseOf(path, ended)]++;
        if (existsSync(path) && parts(path).length > 0) halfWritten++;
      } else if (ended.code !== 0) found.push(`ended with code ${ended.code}: ${ended.errors.trim()}`);
      if (moment === null || (ended.code !== null && ended.code !== 0)) break;
    }
    if (found.length === 0) found.push(...differing(wanted, await contentsOf(path)));
    if (found.length === 0) identical++;
    differences.push(...found.map((text) => `run ${turn}: ${text}`));
    onTurn?.(turn + 1, found);
    if (found.length === 0) rmSync(path, { recursive: true });
  }
  return { turns: count, identical, kills, byPhase, halfWritten, differences, seconds: whole.seconds };
}

function parts(run: string): readonly string[] {
  return (readdirSync(run, { recursive: true }) as string[]).filter((name) => name.endsWith('.part'));
}

/** All that must be the same, whatever the machine did meanwhile, as text by name. */
async function contentsOf(run: string): Promise<ReadonlyMap<string, string>> {
  const bytes = (file: string): string => readFileSync(join(run, file)).toString('base64');
  const names = (readdirSync(run, { recursive: true }) as string[]).map((name) => name.replace(/\d{10}/, 'TIME'));
  const { state, slots, average, step } = await readCheckpoint(nodeFiles, join(run, 'checkpoints/last.safetensors'));
  const tensors = [...state, ...slots, ...average!].map(([name, t]) => [name, [...t.data].map(String)]);
  const { seconds: _, next: __, ...outcome } = JSON.parse(readFileSync(join(run, 'result.json'), 'utf8'));
  return new Map([
    ['names of files', names.sort().join('\n')],
    ['weights.safetensors', bytes('weights.safetensors')],
    ['best.safetensors', bytes('checkpoints/best.safetensors')],
    ['model.onnx', bytes('model.onnx')],
    ['first-batches.png', bytes('first-batches.png')],
    ['checkpoint', JSON.stringify([step, tensors])],
    ['metrics.jsonl', JSON.stringify(timeless(readFileSync(join(run, 'metrics.jsonl'), 'utf8')))],
    ['result.json', JSON.stringify(outcome)],
    ['report.html', String(/http-equiv="refresh"/.test(readFileSync(join(run, 'report.html'), 'utf8')))],
    ['steps of events', stepsOf(run)],
  ]);
}

/** The steps at which each scalar stands in the event file. */
function stepsOf(run: string): string {
  const file = readdirSync(run).find((name) => name.startsWith('events.out.tfevents.'))!;
  const steps = new Map<string, number[]>();
  for (const event of decodeEvents(readFileSync(join(run, file)))) {
    const summary = event.fields.has(5) ? event.inner(5).inners(1) : [];
    for (const value of summary) {
      if (!value.fields.has(2)) continue;
      steps.set(value.text(1), [...(steps.get(value.text(1)) ?? []), event.int(2)]);
    }
  }
  return JSON.stringify([...steps].sort());
}

function differing(wanted: ReadonlyMap<string, string>, got: ReadonlyMap<string, string>): readonly string[] {
  return [...wanted].flatMap(([name, text]) => {
    if (got.get(name) === text) return [];
    const words = text.length < 2000 ? `: expected ${text}, got ${got.get(name)}` : '';
    return [`${name} differs${words}`];
  });
}

/** The result in a few lines. */
export function describeCampaign(result: CampaignResult): string {
  const { turns, identical, kills, byPhase, halfWritten, seconds } = result;
  return [
    `${identical} of ${turns} runs that were killed and resumed are bit-identical to the run that was left alone (${seconds.toFixed(1)} s).`,
    `${kills} kills with signal 9, ${halfWritten} of them while a file was half written:`,
    ...Object.entries(byPhase).map(([phase, n]) => `  ${phase}: ${n}`),
    ...result.differences,
  ].join('\n');
}

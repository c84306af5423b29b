import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inputAt, type Target } from './target.ts';

/** Inputs of one child process. */
export interface Batch {
  /** Address of the module whose `targets()` are fed. */
  readonly module: string;
  readonly seed: number;
  readonly from: number;
  /** One past the last. */
  readonly to: number;
  /** Beginning of the names of the targets that are fed; all unless given. */
  readonly only?: string;
  /** File in which the child notes the number of the input at hand. */
  readonly progress: string;
}

/** Something that must not be. */
export interface Finding {
  readonly kind: 'error' | 'slow' | 'memory' | 'crash' | 'hang';
  readonly index: number;
  readonly target: string;
  readonly detail: string;
}

/** What came of a target's inputs. */
export interface Tally {
  readonly inputs: number;
  readonly read: number;
  readonly refused: number;
  /** Most processor time of one input. */
  readonly slowestMs: number;
  /** Most memory that one input took. */
  readonly mostBytes: number;
}

/** What a fuzzer's run gave. */
export interface FuzzReport {
  readonly tallies: ReadonlyMap<string, Tally>;
  readonly findings: readonly Finding[];
}

/** What to feed. */
export interface FuzzOptions {
  readonly count: number;
  readonly seed: number;
  readonly only?: string;
  /** Inputs of one child. */
  readonly batch?: number;
  /** Where inputs of findings are kept; nowhere unless given. */
  readonly keep?: string;
  /** Address of a module with other targets. */
  readonly module?: string;
  /** An input that is not done after so many milliseconds of the clock, however busy the machine, hangs; 30,000. */
  readonly hangsMs?: number;
  readonly onBatch?: (done: number, findings: number) => void;
}

const HANGS_MS = 30_000;
const TARGETS = new URL('targets.ts', import.meta.url).href;
const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));

/**
 * Feeds inputs 0 to `count` - 1 of a seed to the readers, in child processes: one that crashes or hangs is named, and
 * the inputs after it go on in another. Children may not make code of text.
 */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { count, batch: size = 2500 } = options;
  const folder = mkdtempSync(join(tmpdir(), 'farsight-fuzz-'));
  const tallies = new Map<string, Tally>();
  const findings: Finding[] = [];
  try {
    for (let from = 0; from < count; ) {
      const to = Math.min(count, from + size);
      const batch = { ...batchOf(options), from, to, progress: join(folder, 'progress') };
      const part = await runBatch(batch, options.hangsMs ?? HANGS_MS);
      for (const [name, tally] of part.tallies) tallies.set(name, added(tallies.get(name), tally));
      findings.push(...(await named(part.findings, options)));
      from = part.next;
      options.onBatch?.(from, findings.length);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { tallies, findings };
}

function batchOf({ seed, only, module = TARGETS }: FuzzOptions): Pick<Batch, 'seed' | 'only' | 'module'> {
  return { seed, module, ...(only !== undefined && { only }) };
}

function added(a: Tally | undefined, b: Tally): Tally {
  if (!a) return b;
  return {
    inputs: a.inputs + b.inputs,
    read: a.read + b.read,
    refused: a.refused + b.refused,
    slowestMs: Math.max(a.slowestMs, b.slowestMs),
    mostBytes: Math.max(a.mostBytes, b.mostBytes),
  };
}

interface BatchResult {
  readonly tallies: readonly (readonly [string, Tally])[];
  readonly findings: readonly Finding[];
  /** The input with which to go on. */
  readonly next: number;
}

/** What a child says: a finding as it is made, and its tallies at the end. */
interface Message {
  readonly finding?: Finding;
  readonly tallies?: readonly (readonly [string, Tally])[];
}

async function runBatch(batch: Batch, hangsMs: number): Promise<BatchResult> {
  writeFileSync(batch.progress, new Uint8Array(new Float64Array([batch.from]).buffer));
  const child = fork(CHILD, [JSON.stringify(batch)], {
    execArgv: ['--import', import.meta.resolve('tsx'), '--disallow-code-generation-from-strings'],
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  });
  const findings: Finding[] = [];
  let tallies: BatchResult['tallies'] | undefined;
  let stderr = '';
  child.stderr!.on('data', (data) => {
    stderr = (stderr + String(data)).slice(-2000);
  });
  child.on('message', (message: Message) => {
    if (message.finding) findings.push(message.finding);
    if (message.tallies) tallies = message.tallies;
  });
  const hung = watchFor(child, batch.progress, hangsMs);
  const ended = await new Promise<string>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? `status ${code}`));
    child.on('error', (error) => resolve(error.message));
  });
  const index = hung();
  if (tallies) return { tallies, findings, next: batch.to };
  const at = index ?? progressOf(batch.progress);
  const detail = index === undefined ? `${ended}: ${stderr.trim()}` : `no end after ${hangsMs / 1000} s`;
  findings.push({ kind: index === undefined ? 'crash' : 'hang', index: at, target: '', detail });
  return { tallies: [], findings, next: at + 1 };
}

function progressOf(path: string): number {
  const bytes = readFileSync(path);
  return bytes.length === 8 ? bytes.readDoubleLE(0) : 0;
}

/** Ends a child whose input stays the same for too long; the function given back says which that was, if any. */
function watchFor(child: ChildProcess, progress: string, hangsMs: number): () => number | undefined {
  let last = -1;
  let since = Date.now();
  let hung: number | undefined;
  const timer = setInterval(() => {
    const now = progressOf(progress);
    if (now !== last) {
      last = now;
      since = Date.now();
    } else if (Date.now() - since > hangsMs) {
      hung = now;
      child.kill('SIGKILL');
    }
  }, 500);
  return () => {
    clearInterval(timer);
    return hung;
  };
}

/** Findings with the names of their targets; their inputs are kept where asked. */
async function named(
  findings: readonly Finding[],
  { seed, keep, module = TARGETS }: FuzzOptions,
): Promise<readonly Finding[]> {
  if (findings.length === 0) return [];
  const { targets } = (await import(module)) as { targets: () => Promise<readonly Target[]> };
  const all = await targets();
  return findings.map((finding) => {
    const { target, bytes } = inputAt(all, seed, finding.index);
    if (keep !== undefined) {
      mkdirSync(keep, { recursive: true });
      writeFileSync(join(keep, `${target.name}-${seed}-${finding.index}.bin`), bytes);
    }
    return { ...finding, target: target.name };
  });
}

/** A report as a table of text. */
export function describeReport({ tallies, findings }: FuzzReport): string {
  const row = (cells: readonly (string | number)[]): string =>
    cells.map((c, i) => (i === 0 ? String(c).padEnd(18) : String(c).padStart(10))).join('');
  const lines = [row(['target', 'inputs', 'read', 'refused', 'ms most', 'MB most'])];
  let total = 0;
  for (const [name, t] of tallies) {
    lines.push(row([name, t.inputs, t.read, t.refused, t.slowestMs.toFixed(0), (t.mostBytes / 1e6).toFixed(1)]));
    total += t.inputs;
  }
  lines.push(row(['all', total]), `${findings.length} findings`);
  for (const { kind, index, target, detail } of findings)
    lines.push(`${kind} of ${target} at input ${index}: ${detail}`);
  return `${lines.join('\n')}\n`;
}

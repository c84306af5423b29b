import { closeSync, openSync, writeSync } from 'node:fs';
import type { Batch, Finding, Tally } from './supervise.ts';
import { attempt, inputAt, type Target } from './target.ts';
import { forgetPeak, memoryNow, taken } from './watch.ts';

/** Most processor time of one input, in milliseconds, and most memory beyond four times its size, in bytes. */
const MOST_MS = 1000;
const MOST_BYTES = 64 * 1024 ** 2;

/** Reads a batch of inputs, telling the parent what it saw; `progress` always holds the number of the input at hand. */
async function main({ module, seed, from, to, only, progress }: Batch): Promise<void> {
  const { targets } = (await import(module)) as { targets: () => Promise<readonly Target[]> };
  const all = await targets();
  for (const target of all) for (const bytes of target.seeds) await attempt(target, bytes); // compiles, loads sharp
  const file = openSync(progress, 'w');
  const tallies = new Map<string, Tally>();
  const mark = new Float64Array(1);
  for (let index = from; index < to; index++) {
    const { target, bytes } = inputAt(all, seed, index);
    if (only !== undefined && !target.name.startsWith(only)) continue;
    mark[0] = index;
    writeSync(file, new Uint8Array(mark.buffer), 0, 8, 0);
    forgetPeak();
    const before = memoryNow();
    const clock = process.cpuUsage();
    const outcome = await attempt(target, bytes);
    const { user, system } = process.cpuUsage(clock);
    const memory = taken(before, memoryNow());
    const ms = (user + system) / 1000;
    const tell = (kind: Finding['kind'], detail: string): void =>
      void process.send!({ finding: { kind, index, target: target.name, detail } });
    if (typeof outcome === 'object') tell('error', outcome.threw);
    if (ms > MOST_MS) tell('slow', `${ms.toFixed(0)} ms of processor time`);
    if (memory > 4 * bytes.length + (target.mostBytes ?? MOST_BYTES))
      tell('memory', `${memory} bytes for an input of ${bytes.length}`);
    const so = tallies.get(target.name) ?? { inputs: 0, read: 0, refused: 0, slowestMs: 0, mostBytes: 0 };
    tallies.set(target.name, {
      inputs: so.inputs + 1,
      read: so.read + (outcome === 'read' ? 1 : 0),
      refused: so.refused + (outcome === 'refused' ? 1 : 0),
      slowestMs: Math.max(so.slowestMs, ms),
      mostBytes: Math.max(so.mostBytes, memory),
    });
  }
  closeSync(file);
  process.send!({ tallies: [...tallies] }, () => process.disconnect());
}

await main(JSON.parse(process.argv[2]!) as Batch);

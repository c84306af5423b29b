import { readdirSync, readFileSync } from 'node:fs';

interface Ticks {
  readonly all: number;
  readonly busy: number;
  readonly ours: number;
}

/**
 * Begins to watch the processors. The function returned gives the share of their time, since then, that went to other
 * processes than this one, those named and their children, or was taken by other machines on the same host; undefined without /proc.
 */
export function watchOthers(pids: readonly number[]): () => number | undefined {
  const before = ticks(pids);
  return () => {
    const after = ticks(pids);
    if (!before || !after || after.all === before.all) return undefined;
    const others = after.busy - before.busy - (after.ours - before.ours);
    return Math.max(0, others / (after.all - before.all));
  };
}

function ticks(pids: readonly number[]): Ticks | undefined {
  try {
    const [all, busy] = machineTicks(readFileSync('/proc/stat', 'utf8'));
    const own = [...descendants([process.pid, ...pids])].map((pid) => processTicks(statOf(pid)));
    return { all, busy, ours: own.reduce((a, b) => a + b, 0) };
  } catch {
    return undefined;
  }
}

function statOf(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8');
}

/** These processes, and all that they started and that still run. */
function descendants(pids: readonly number[]): ReadonlySet<number> {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = statOf(Number(name));
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // it ended in between
    }
  }
  const found = new Set(pids);
  for (let grown = true; grown; ) {
    grown = false;
    for (const [pid, parent] of parents) {
      if (!found.has(parent) || found.has(pid)) continue;
      found.add(pid);
      grown = true;
    }
  }
  return found;
}

/** All and busy ticks of the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal. */
export function machineTicks(stat: string): [number, number] {
  const fields = stat.split('\n')[0]!.trim().split(/\s+/).slice(1, 9).map(Number);
  const all = fields.reduce((a, b) => a + b, 0);
  return [all, all - fields[3]! - fields[4]!];
}

/** Ticks in user and system mode of a line of /proc/PID/stat: fields 14 and 15, counted behind the name in brackets. */
export function processTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

import { spawnSync } from 'node:child_process';
import { Fault } from '../src/core/fault.ts';
import type { Side } from './side.ts';
import type { Part } from './subject.ts';

/** A command that is started anew for each run, timed from start to end: a side without state. */
export function commandSide(name: string, command: string, args: readonly string[]): Side {
  const start = (): string => {
    const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
    if (status === 0) return stdout;
    throw new Fault('engine', `${name}: expected status 0, got ${error?.message ?? `${status}: ${stderr.trim()}`}.`);
  };
  return {
    name,
    versions: {},
    pid: undefined,
    output: async (): Promise<readonly Part[]> => {
      start();
      return [];
    },
    run: async (n, warm) => {
      for (let i = 0; i < warm; i++) start();
      return Array.from({ length: n }, () => {
        const from = performance.now();
        start();
        return performance.now() - from;
      });
    },
    resetPeak: () => undefined,
    memory: () => undefined,
    quit: async () => undefined,
  };
}

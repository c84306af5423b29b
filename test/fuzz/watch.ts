import { readFileSync, writeFileSync } from 'node:fs';

/** Memory of this process in bytes: resident and mapped, now and at most. */
export interface Memory {
  readonly resident: number;
  /** The most resident since {@link forgetPeak}. */
  readonly residentPeak: number;
  readonly mapped: number;
  /** The most ever mapped: memory that was asked for but never touched counts too. */
  readonly mappedPeak: number;
}

/** Memory of this process as Linux tells it; undefined elsewhere. */
export function memoryNow(): Memory | undefined {
  if (process.platform !== 'linux') return undefined;
  const status = readFileSync('/proc/self/status', 'latin1');
  const field = (name: string): number => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return {
    resident: field('VmRSS'),
    residentPeak: field('VmHWM'),
    mapped: field('VmSize'),
    mappedPeak: field('VmPeak'),
  };
}

/** Lets the peak of resident memory begin anew. */
export function forgetPeak(): void {
  if (process.platform === 'linux') writeFileSync('/proc/self/clear_refs', '5');
}

/** The most that was taken between two readings, in bytes. */
export function taken(before: Memory | undefined, after: Memory | undefined): number {
  if (!before || !after) return 0;
  const mapped = after.mappedPeak > before.mappedPeak ? after.mappedPeak - before.mapped : 0;
  return Math.max(after.residentPeak - before.resident, mapped);
}

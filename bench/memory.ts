import { readFileSync, writeFileSync } from 'node:fs';

/** Resident memory of a process in MB (10^6 bytes): now, and the most since the last reset. */
export interface Resident {
  readonly now: number;
  readonly peak: number;
}

/** Resident memory of a process as the kernel counts it; undefined where there is no /proc (it is Linux's). */
export function resident(pid: number): Resident | undefined {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return undefined;
  }
  const now = kilobytes(status, 'VmRSS');
  const peak = kilobytes(status, 'VmHWM');
  return now === undefined || peak === undefined ? undefined : { now, peak };
}

/** Sets the process's peak back to what is resident now; false where the kernel does not allow it. */
export function resetPeak(pid: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5'); // proc(5): 5 resets the peak resident set size
    return true;
  } catch {
    return false;
  }
}

function kilobytes(status: string, field: string): number | undefined {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status);
  return found ? (Number(found[1]) * 1024) / 1e6 : undefined;
}

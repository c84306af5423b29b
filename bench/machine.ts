import { readFileSync } from 'node:fs';
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os';

/** What the figures were taken on. */
export interface Machine {
  readonly cpu: string;
  /** Cores that compute: two threads of one core count once. */
  readonly cores: number;
  /** Clock as the system reports it; a core may run above it. */
  readonly mhz: number;
  /** Multiply and add of float32 a core and cycle: 64 with AVX-512, 32 with AVX2, null where unknown. */
  readonly flopPerCycle: number | null;
  readonly memoryGb: number;
  readonly system: string;
}

/** Describes this machine. */
export function describeMachine(): Machine {
  const info = cpuInfo();
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: physicalCores(info) ?? availableParallelism(),
    mhz: reportedClock(info) ?? Math.max(0, ...all.map((cpu) => cpu.speed)),
    flopPerCycle: flopPerCycle(info),
    memoryGb: Math.round(totalmem() / 1e9),
    system: `${platform()} ${release()} ${arch()}`,
  };
}

/** The peak that cores, clock and instructions allow, in GFLOP/s; undefined where the instructions are unknown. */
export function theoreticalPeak(machine: Machine): number | undefined {
  const { cores, mhz, flopPerCycle } = machine;
  return flopPerCycle === null || mhz === 0 ? undefined : (cores * mhz * flopPerCycle) / 1000;
}

/** Two units that multiply and add 16 float32 (AVX-512) or 8 (AVX2) in a cycle, from the flags of /proc/cpuinfo. */
export function flopPerCycle(info: string): number | null {
  const flags = new Set(/^flags\s*:\s*(.*)$/m.exec(info)?.[1]?.split(' '));
  if (flags.has('avx512f')) return 64;
  return flags.has('avx2') && flags.has('fma') ? 32 : null;
}

/** Pairs of socket and core in /proc/cpuinfo; undefined where it names none. */
export function physicalCores(info: string): number | undefined {
  const pairs = new Set<string>();
  for (const block of info.split('\n\n')) {
    const socket = /^physical id\s*:\s*(\d+)$/m.exec(block)?.[1];
    const core = /^core id\s*:\s*(\d+)$/m.exec(block)?.[1];
    if (socket !== undefined && core !== undefined) pairs.add(`${socket}/${core}`);
  }
  return pairs.size === 0 ? undefined : Math.min(pairs.size, availableParallelism());
}

function reportedClock(info: string): number | undefined {
  const clocks = [...info.matchAll(/^cpu MHz\s*:\s*([\d.]+)$/gm)].map((found) => Number(found[1]));
  return clocks.length === 0 ? undefined : Math.max(...clocks);
}

function cpuInfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}

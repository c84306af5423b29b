import { Fault } from '../src/core/fault.ts';
import { type Machine, theoreticalPeak } from './machine.ts';
import type { SideResult } from './measure.ts';
import { median, quartiles } from './statistics.ts';

/** The figures of one row. */
export interface Figures {
  readonly unit: 'ms' | 'MB' | 'GFLOP/s' | 'images/s';
  readonly ours: number;
  readonly theirs: number;
  readonly ratio: number;
  readonly spread: readonly [number, number] | null;
  readonly note: string;
}

/** Median times and their ratio. */
export function timeFigures(ours: SideResult, theirs: SideResult): Figures {
  const [mine, other] = [median(ours.times), median(theirs.times)];
  const spread = quartiles(ours.times.map((t, i) => t / theirs.times[i]!));
  return { unit: 'ms', ours: mine, theirs: other, ratio: mine / other, spread, note: theirs.label };
}

/** The most resident memory of each process while it ran. */
export function memoryFigures(ours: SideResult, theirs: SideResult): Figures {
  const [mine, other] = [memoryOf(ours).peak, memoryOf(theirs).peak];
  return { unit: 'MB', ours: mine, theirs: other, ratio: mine / other, spread: null, note: theirs.label };
}

/** Peak memory above that of the process before it made anything. */
export function growthFigures(ours: SideResult, theirs: SideResult): Figures {
  const [mine, other] = [ours, theirs].map((side) => memoryOf(side).peak - memoryOf(side).idle) as [number, number];
  const note = 'both above the idle process';
  return { unit: 'MB', ours: mine, theirs: other, ratio: mine / other, spread: null, note };
}

/** The share of our time that theirs, a part of the same work, does not explain. */
export function shareFigures(ours: SideResult, theirs: SideResult): Figures {
  const plain = timeFigures(ours, theirs);
  const shares = quartiles(ours.times.map((t, i) => 1 - theirs.times[i]! / t));
  return { ...plain, ratio: 1 - plain.theirs / plain.ours, spread: shares, note: 'ratio is 1 - theirs / ours' };
}

/** What {@link speedFigures} compares: our speed with the machine's peak, or with the speed of the other side. */
export interface Speeds {
  readonly ours: SideResult;
  readonly theirs?: SideResult;
  /** Multiply-adds of one run of each, in 10^9. */
  readonly work: { readonly ours: number; readonly theirs: number };
  readonly machine: Machine;
}

/** Speeds in GFLOP/s, two to a multiply-add, and their ratio. */
export function speedFigures({ ours, theirs, work, machine }: Speeds): Figures {
  const speed = (gmac: number, ms: number): number => (2 * gmac) / (ms / 1000);
  const mine = speed(work.ours, median(ours.times));
  const other = theirs ? speed(work.theirs, median(theirs.times)) : theoreticalPeak(machine);
  if (other === undefined) throw new Fault('engine', 'theoretical peak: neither AVX-512 nor AVX2 was found.');
  const each = ours.times.map((t, i) => speed(work.ours, t) / (theirs ? speed(work.theirs, theirs.times[i]!) : other));
  const { cores, mhz, flopPerCycle } = machine;
  const note = theirs ? 'measured' : `${cores} cores x ${Math.round(mhz)} MHz x ${flopPerCycle} flop`;
  return { unit: 'GFLOP/s', ours: mine, theirs: other, ratio: mine / other, spread: quartiles(each), note };
}

/** How many of something each side makes in a second, and their ratio. */
export function rateFigures(
  ours: SideResult,
  theirs: SideResult,
  { unit, ...of }: { readonly ours: number; readonly theirs: number; readonly unit: Figures['unit'] },
): Figures {
  const mine = ours.times.map((t) => (1000 * of.ours) / t);
  const other = theirs.times.map((t) => (1000 * of.theirs) / t);
  const spread = quartiles(mine.map((rate, i) => rate / other[i]!));
  return {
    unit,
    ours: median(mine),
    theirs: median(other),
    ratio: median(mine) / median(other),
    spread,
    note: theirs.label,
  };
}

function memoryOf(side: SideResult): { readonly idle: number; readonly peak: number } {
  if (side.memory) return side.memory;
  throw new Fault('engine', `${side.label}: peak memory is read from /proc, which this system does not have.`);
}

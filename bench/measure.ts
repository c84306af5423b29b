import { messageOf } from '../src/core/fault.ts';
import { type Agreement, agree } from './agree.ts';
import { watchOthers } from './others.ts';
import type { Side } from './side.ts';
import { median } from './statistics.ts';

/** One way to run a side; of several for a peer, the faster counts. */
export interface Entrant {
  readonly label: string;
  open(): Promise<Side>;
}

/** Two sides that are measured in turns. */
export interface Match {
  readonly ours: Entrant;
  readonly theirs: readonly Entrant[];
  /** Largest relative error between the outputs; undefined where the two compute different things on purpose. */
  readonly bound?: number;
}

/** What one side gave. */
export interface SideResult {
  readonly label: string;
  /** Median time of each round, in milliseconds. */
  readonly times: readonly number[];
  /** MB, of the process: before the subject was prepared, and the most during the rounds. */
  readonly memory: { readonly idle: number; readonly peak: number } | undefined;
  readonly versions: Readonly<Record<string, string>>;
}

/** What a match gave: both sides, round by round, or why the peer's time does not count. */
export type Outcome =
  | { readonly refused: string }
  | {
      readonly ours: SideResult;
      readonly theirs: SideResult;
      readonly error: number | undefined;
      /** Share of the processors' time in the rounds that went to other processes; undefined where unknown. */
      readonly others: number | undefined;
    };

/** A round is at least this long on each side, so that one pause of the machine does not make it. */
const TURN_MS = 300;

/** Rivals within this factor of the fastest run in the match. */
const NEAR = 1.25;

/** Measures a match: checks that the outputs agree, then lets the sides run in turns, `rounds` times. */
export async function measure(match: Match, rounds: number): Promise<Outcome> {
  const open: Side[] = [];
  const opened = async (entrant: Entrant): Promise<Side> => {
    const side = await entrant.open();
    open.push(side);
    return side;
  };
  try {
    const ours = await opened(match.ours);
    const output = await ours.output();
    const rivals: Rival[] = [];
    let error = 0;
    for (const entrant of match.theirs) {
      const side = await opened(entrant);
      const theirs = await side.output();
      const agreement: Agreement = match.bound === undefined ? { error: 0 } : agree(output, theirs, match.bound);
      if (agreement.why) return { refused: `${entrant.label}: ${agreement.why}` };
      error = Math.max(error, agreement.error);
      rivals.push({ label: entrant.label, side });
    }
    const near = await fastest(rivals);
    for (const { side } of rivals) if (!near.some((rival) => rival.side === side)) await side.quit();
    const sides = [ours, ...near.map(({ side }) => side)];
    const others = watchOthers(sides.flatMap(({ pid }) => pid ?? []));
    const [taken, ...theirs] = (await takeTurns(sides, rounds)) as [number[], ...number[][]];
    const share = ours.pid === undefined ? undefined : others();
    const best = lowest(theirs.map(median));
    return {
      ours: result(match.ours.label, ours, taken),
      theirs: result(near[best]!.label, near[best]!.side, theirs[best]!),
      error: match.bound === undefined ? undefined : error,
      others: share,
    };
  } catch (thrown) {
    return { refused: messageOf(thrown) };
  } finally {
    for (const side of open) await side.quit();
  }
}

interface Rival {
  readonly label: string;
  readonly side: Side;
}

/** The rival with the lowest median of three turns, and those so near to it that the match itself must tell. */
async function fastest(rivals: readonly Rival[]): Promise<readonly Rival[]> {
  if (rivals.length === 1) return rivals;
  const sides = rivals.map(({ side }) => side);
  const medians = (await takeTurns(sides, 3)).map(median);
  return rivals.filter((_, i) => medians[i]! <= NEAR * Math.min(...medians));
}

/** Where the lowest value stands. */
function lowest(values: readonly number[]): number {
  return values.indexOf(Math.min(...values));
}

/** Runs the sides one after the other, `rounds` times over; gives each side's median time of each round. */
export async function takeTurns(sides: readonly Side[], rounds: number): Promise<number[][]> {
  const each: number[] = [];
  for (const side of sides) each.push(runsOfATurn(median(await side.run(2, 1))));
  for (const side of sides) side.resetPeak();
  const times = sides.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, side] of sides.entries()) {
      // The first run after the other side's turn finds cold caches and sleeping threads; long runs do not notice.
      const n = each[i]!;
      times[i]!.push(median(await side.run(n, n > 1 ? 1 : 0)));
    }
  }
  return times;
}

function runsOfATurn(milliseconds: number): number {
  return Math.max(1, Math.min(20, Math.ceil(TURN_MS / milliseconds)));
}

function result(label: string, side: Side, times: readonly number[]): SideResult {
  return { label, times, memory: side.memory(), versions: side.versions };
}

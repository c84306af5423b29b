import { messageOf } from '../src/core/fault.ts';
import type { Contest } from './contests.ts';
import { measure, type Outcome } from './measure.ts';
import type { Refusal, Row } from './results.ts';

/** What all rows of one session share. */
export interface Conduct {
  readonly rounds: number;
  readonly date: string;
  readonly commit: string;
  /** Told of each row as it is there. */
  readonly report: (row: Row | Refusal) => void;
  /** Told of everything so far after each contest, so that a session that is broken off loses only its last. */
  readonly keep: (conducted: Conducted) => void;
}

/** Rows, refusals and versions that a session of contests gave. */
export interface Conducted {
  readonly rows: readonly Row[];
  readonly refused: readonly Refusal[];
  readonly versions: Readonly<Record<string, string>>;
}

/** Measures the contests one after the other. */
export async function conduct(contests: readonly Contest[], options: Conduct): Promise<void> {
  const rows: Row[] = [];
  const refused: Refusal[] = [];
  let versions: Record<string, string> = {};
  for (const contest of contests) {
    const outcome = await measure(contest.match, options.rounds);
    if (!('refused' in outcome)) versions = { ...versions, ...outcome.theirs.versions, ...outcome.ours.versions };
    for (const plan of contest.rows) {
      const row = rowOf(plan, outcome, options);
      if ('why' in row) refused.push(row);
      else rows.push(row);
      options.report(row);
    }
    options.keep({ rows, refused, versions });
  }
}

function rowOf(plan: Contest['rows'][number], outcome: Outcome, options: Conduct): Row | Refusal {
  const { id, peer } = plan;
  if ('refused' in outcome) return { id, peer, why: outcome.refused };
  try {
    const { ours, theirs, ratio, spread, unit, note } = plan.figures(outcome.ours, outcome.theirs);
    return {
      id,
      peer,
      unit,
      ours: short(ours),
      theirs: short(theirs),
      ratio: short(ratio),
      spread: spread && [short(spread[0]), short(spread[1])],
      rounds: options.rounds,
      error: outcome.error === undefined ? null : short(outcome.error),
      others: outcome.others === undefined ? null : short(outcome.others),
      note,
      date: options.date,
      commit: options.commit,
    };
  } catch (error) {
    return { id, peer, why: messageOf(error) };
  }
}

/** Five significant digits: more would be noise. */
function short(value: number): number {
  return Number(value.toPrecision(5));
}

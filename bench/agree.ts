import type { Part } from './subject.ts';

/** Whether two sides computed the same: the largest relative error, and why not where they did not. */
export interface Agreement {
  /** max |ours - theirs| / max |theirs|, the largest over the parts. */
  readonly error: number;
  /** A sentence where the sides disagree. */
  readonly why?: string;
}

/** Compares outputs part by part, as the golden cases are compared. */
export function agree(ours: readonly Part[], theirs: readonly Part[], bound: number): Agreement {
  let worst = 0;
  for (const { name, values } of theirs) {
    const mine = ours.find((part) => part.name === name)?.values;
    if (mine?.length !== values.length) {
      const got = mine ? `${mine.length} values` : 'nothing';
      return { error: Number.POSITIVE_INFINITY, why: `${name}: expected ${values.length} values of ours, got ${got}.` };
    }
    const error = relativeError(mine, values);
    if (!(error <= bound)) {
      const why = `${name}: expected a relative error of at most ${bound}, got ${error.toExponential(1)}.`;
      return { error, why };
    }
    worst = Math.max(worst, error);
  }
  if (theirs.length > 0) return { error: worst };
  return { error: Number.POSITIVE_INFINITY, why: 'the peer gave no output.' };
}

/** max |ours - theirs| / max |theirs|; infinite where anything is not finite or the peer's values are all zero. */
export function relativeError(ours: Float32Array, theirs: Float32Array): number {
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < theirs.length; i++) {
    const d = Math.abs(ours[i]! - theirs[i]!);
    if (!Number.isFinite(d)) return Number.POSITIVE_INFINITY;
    difference = Math.max(difference, d);
    largest = Math.max(largest, Math.abs(theirs[i]!));
  }
  return largest === 0 ? Number.POSITIVE_INFINITY : difference / largest;
}

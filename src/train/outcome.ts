import * as z from 'zod';
import { Fault } from '../core/fault.ts';
import { textBytes } from '../data/output.ts';
import type { Fact } from '../result/report.ts';
import type { Evaluation } from './evaluate.ts';
import { FILES, type Folder, type FolderAccess, readJson } from './folder.ts';
import type { Standing } from './standing.ts';

z.config({ jitless: true }); // asks for no `eval`

const FORMAT = 1;

const OUTCOME = z.object({
  format: z.literal(FORMAT),
  epochs: z.int(),
  steps: z.int(),
  seconds: z.number(),
  best: z.looseObject({ epoch: z.number(), value: z.number() }).nullable(),
  baseline: z.number().nullable(),
  heldOut: z.record(z.string(), z.number().nullable()),
  classes: z.array(z.string()),
  next: z.array(z.object({ name: z.string(), value: z.string() })),
});

/** What came of a run that ended by itself: `result.json`, the last file that a run writes. */
export interface Outcome {
  /** Epochs and steps made. */
  readonly epochs: number;
  readonly steps: number;
  /** Time taken over all sittings, in seconds. */
  readonly seconds: number;
  readonly best: Standing['best'];
  /** Balanced accuracy of logistic regression on pixels; null where it was not asked for. */
  readonly baseline: number | null;
  /** Scores of the kept weights on the held-out pictures, by name. */
  readonly heldOut: Readonly<Record<string, number | null>>;
  readonly classes: readonly string[];
  /** Commands to try next. */
  readonly next: readonly Fact[];
}

/** The plain numbers among the scores of an evaluation. */
export function figuresOf({ result }: Evaluation): Readonly<Record<string, number | null>> {
  return Object.fromEntries(Object.entries(result).filter(([, v]) => typeof v === 'number' || v === null));
}

/** Writes down that a run has ended by itself, and how. */
export async function writeOutcome(folder: Folder, { output }: FolderAccess, outcome: Outcome): Promise<void> {
  const text = JSON.stringify({ format: FORMAT, ...outcome }, null, 2);
  await output.write(folder.at(FILES.outcome), [textBytes(`${text}\n`)]);
}

/** What {@link writeOutcome} wrote; null while a run has not ended by itself. */
export async function readOutcome(folder: Folder, { files, output }: FolderAccess): Promise<Outcome | null> {
  const path = folder.at(FILES.outcome);
  if (!(await output.exists(path))) return null;
  const parsed = OUTCOME.safeParse(await readJson(files, path));
  if (parsed.success) return parsed.data as Outcome;
  const at = parsed.error.issues[0]?.path.join('.');
  throw new Fault('data', `${path}: expected the result of a run, got another form (${at}). Remove it and resume.`);
}

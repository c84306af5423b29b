import { Fault } from '../core/fault.ts';

/** What can be wrong with a part of a data set while the rest is sound. */
export type ProblemKind =
  | 'bad row'
  | 'bad path'
  | 'missing file'
  | 'bad label'
  | 'bad sample'
  | 'unreadable shard'
  | 'duplicate'
  | 'in both parts';

/** How many things were wrong, by kind, and what was said of the first ones. */
export interface DataProblems {
  /** How often each kind occurred; kinds that did not are absent. */
  readonly counts: Readonly<Partial<Record<ProblemKind, number>>>;
  /** The first of each kind, at most {@link SHOWN}. */
  readonly examples: readonly { readonly kind: ProblemKind; readonly reason: string }[];
}

/** Problems of one kind that are kept word by word. */
export const SHOWN = 10;

/** Collects problems. */
export interface ProblemLog {
  /** Counts one; the sentence is only made if it is kept. A `data` fault where the log is strict. */
  add(kind: ProblemKind, reason: () => string): void;
  result(): DataProblems;
}

/** A log that counts problems and keeps the first of each kind; a strict one throws the first. */
export function problemLog(strict: boolean): ProblemLog {
  const counts: Partial<Record<ProblemKind, number>> = {};
  const examples: { kind: ProblemKind; reason: string }[] = [];
  return {
    add: (kind, reason) => {
      if (strict) throw new Fault('data', printable(reason()));
      const count = (counts[kind] ?? 0) + 1;
      counts[kind] = count;
      if (count <= SHOWN) examples.push({ kind, reason: printable(reason()) });
    },
    result: () => ({ counts: { ...counts }, examples: [...examples] }),
  };
}

/** Names come from other people's files: what would steer a terminal becomes U+FFFD. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '\ufffd');
}

const WORDS: Readonly<Record<ProblemKind, readonly [one: string, many: string]>> = {
  'bad row': ['row that could not be read', 'rows that could not be read'],
  'bad path': ['path that is not allowed', 'paths that are not allowed'],
  'missing file': ['missing file', 'missing files'],
  'bad label': ['label that is not known', 'labels that are not known'],
  'bad sample': ['sample that could not be read', 'samples that could not be read'],
  'unreadable shard': ['shard that could not be read to its end', 'shards that could not be read to their end'],
  duplicate: ['picture that came twice', 'pictures that came twice'],
  'in both parts': ['picture in both training and validation', 'pictures in both training and validation'],
};

/** One sentence on how many things were wrong, and the first few by name; empty when nothing was. */
export function describeProblems({ counts, examples }: DataProblems): string {
  const kinds = Object.entries(counts) as readonly (readonly [ProblemKind, number])[];
  if (kinds.length === 0) return '';
  const list = kinds.map(([kind, n]) => `${n} ${WORDS[kind][n === 1 ? 0 : 1]}`).join(', ');
  const first = kinds.map(([kind]) => examples.find((e) => e.kind === kind)!.reason);
  return `Left out: ${list}. ${first.join(' ')}`;
}

import { Fault } from '../core/fault.ts';
import type { Dataset } from './dataset.ts';
import { type Files, joinPath } from './files.ts';

/** What is known of one emoji of the embedded data. */
export interface EmojiFact {
  /** Its picture below `test/`, and below `train/` if seen. */
  readonly file: string;
  /** Its codepoints in hexadecimal, joined by `-`. */
  readonly codepoints: string;
  readonly name: string;
  readonly group: string;
  /** Whether the other artist's picture of it (or of a near twin) is trained on. */
  readonly seen: boolean;
}

/** Reads the embedded data's `index.json`. */
export async function readEmojiIndex(files: Files, folder: string): Promise<readonly EmojiFact[]> {
  const path = joinPath(folder, 'index.json');
  const bytes = await files.read(path, 4 * 1024 ** 2);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new Fault('data', `${path}: expected JSON, got something else. Run scripts/build-emoji.ts again.`, { cause });
  }
  if (!Array.isArray(json) || !json.every(isFact)) {
    throw new Fault('data', `${path}: expected rows of emoji, got something else. Run scripts/build-emoji.ts again.`);
  }
  return json;
}

function isFact(row: unknown): row is EmojiFact {
  if (typeof row !== 'object' || row === null) return false;
  const fact = row as Readonly<Record<string, unknown>>;
  const texts = ['file', 'codepoints', 'name', 'group'].every((key) => typeof fact[key] === 'string');
  return texts && typeof fact.seen === 'boolean';
}

/** Indices of a dataset's samples whose emoji was seen in training, and of those never seen. */
export function bySeen(
  dataset: Dataset,
  facts: readonly EmojiFact[],
): { readonly seen: readonly number[]; readonly unseen: readonly number[] } {
  const known = new Map(facts.map((f) => [f.file, f.seen]));
  const seen: number[] = [];
  const unseen: number[] = [];
  dataset.samples.forEach(({ path }, i) => {
    const fact = known.get(path.split(/[/\\]/).slice(-2).join('/'));
    if (fact === undefined) throw new Fault('data', `${path}: expected an emoji of index.json, got another file.`);
    (fact ? seen : unseen).push(i);
  });
  return { seen, unseen };
}

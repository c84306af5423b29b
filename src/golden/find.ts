import { Fault } from '../core/fault.ts';
import { type Files, joinPath } from '../data/files.ts';
import type { CaseFiles } from './case.ts';
import { isCase } from './case-json.ts';

/** A golden case that was found in a folder, for `runCaseText`. */
export interface FoundCase {
  /** Path of its JSON. */
  readonly path: string;
  readonly text: string;
  /** Reads what lies beside it. */
  readonly open: () => Promise<CaseFiles>;
}

/** Folders in folders; more are most likely a link that leads back. */
const MOST_DEPTH = 32;
/** The most bytes of a JSON file, and of the tensors beside it. */
const MOST_JSON = 2 ** 28;
const MOST_WEIGHTS = 2 ** 31;

/** The golden cases below a folder, at any depth, in the order of their paths. Other files are passed over. */
export async function* findCases(files: Files, folder: string, depth = 0): AsyncGenerator<FoundCase> {
  if (depth > MOST_DEPTH) {
    throw new Fault('data', `${folder}: expected at most ${MOST_DEPTH} folders in each other. Does a link lead back?`);
  }
  const entries = [...(await files.list(folder))].sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = new Set(entries.map((e) => e.name));
  for (const { name, kind } of entries) {
    const path = joinPath(folder, name);
    if (kind === 'folder') yield* findCases(files, path, depth + 1);
    else if (name.endsWith('.json')) {
      const text = new TextDecoder().decode(await files.read(path, MOST_JSON));
      const beside = name.replace(/json$/, 'safetensors');
      // JSON with tensors of the same name beside it is a case, even if it cannot be read as one.
      if (!isCase(text) && !names.has(beside)) continue;
      yield { path, text, open: () => besideCase(files, folder, names.has(beside) ? beside : undefined, name) };
    }
  }
}

async function besideCase(files: Files, folder: string, tensors: string | undefined, name: string): Promise<CaseFiles> {
  const readFile = (beside: string): Promise<Uint8Array> => files.read(joinPath(folder, beside), MOST_WEIGHTS);
  const weights = tensors === undefined ? undefined : await readFile(tensors);
  return { folder, name: name.replace(/\.json$/, ''), readFile, ...(weights && { weights }) };
}

/**
 * Whether a case is meant by a pattern: words apart by commas, `*` for anything, each held against the whole name with
 * and without its folder; a word without `*` may stand anywhere in it.
 */
export function isMeant(path: string, pattern: string): boolean {
  const parts = path.replace(/\.json$/, '').split(/[\\/]/);
  const names = [parts.slice(-2).join('/'), parts.at(-1)!];
  return pattern.split(',').some((word) => {
    const trimmed = word.trim();
    if (!trimmed.includes('*')) return trimmed !== '' && names[0]!.includes(trimmed);
    const pieces = trimmed.split('*').map((piece) => piece.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
    const glob = new RegExp(`^${pieces.join('.*')}$`);
    return names.some((name) => glob.test(name));
  });
}

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type GoldenCase, loadCase } from '../../src/golden/case.ts';
import { isCase } from '../../src/golden/case-json.ts';

/** The golden corpus, beside the repository. */
export const CORPUS: string = join(dirname(fileURLToPath(import.meta.url)), '../../../shared/golden');

/** Whether the corpus is there. */
export const hasCorpus: boolean = existsSync(CORPUS);

/** A test's title, which says so when the corpus is missing and the test is skipped. */
export function corpusTitle(title: string): string {
  return hasCorpus ? title : `${title} (skipped: ../shared/golden is not here)`;
}

/** Paths of the files of the corpus that end so. */
export function corpusFiles(ending: string): string[] {
  if (!hasCorpus) return [];
  const names = readdirSync(CORPUS, { recursive: true, encoding: 'utf8' });
  return names.filter((n) => n.endsWith(ending)).sort();
}

/** Names (`folder/name.json`) of the cases of the corpus. */
export function corpusCases(): string[] {
  return corpusFiles('.json').filter((n) => isCase(readFileSync(join(CORPUS, n), 'utf8')));
}

/** A case of the corpus by its name, `folder/name.json`. */
export function corpusCase(name: string): GoldenCase {
  const path = join(CORPUS, name);
  const weights = path.replace(/json$/, 'safetensors');
  return loadCase(readFileSync(path, 'utf8'), {
    folder: basename(dirname(path)),
    ...(existsSync(weights) ? { weights: new Uint8Array(readFileSync(weights)) } : {}),
    readFile: async (file) => new Uint8Array(readFileSync(join(dirname(path), file))),
  });
}

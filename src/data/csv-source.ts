import { Fault, messageOf } from '../core/fault.ts';
import { type CsvRecord, csvRecords } from './csv.ts';
import { type ColumnPlan, flagOf, planColumns } from './csv-columns.ts';
import { type Files, joinPath } from './files.ts';
import { looksLikePicture } from './image.ts';
import { pathInside, splitPath } from './inside.ts';
import { checkUnique } from './label-names.ts';
import type { ProblemLog } from './problems.ts';
import type { RawData, RawSample, SourceOptions } from './source.ts';

/** The longest label, in characters. */
const MAX_LABEL = 1024;

/**
 * Reads a table of files and labels. Rows that say nothing sensible, paths that leave the root, files that are not there
 * and files that came before are left out and told to the log.
 */
export async function readCsvSource(
  files: Files,
  path: string,
  { options, log }: { readonly options: SourceOptions; readonly log: ProblemLog },
): Promise<RawData> {
  const root = options.root ?? splitPath(path).folder;
  const find = pictureFinder(files);
  const waiting: CsvRecord[] = [];
  const lines = new Map<string, number>(); // line of each file
  const samples: RawSample[] = [];
  let plan: ColumnPlan | null = null;
  const take = async (record: CsvRecord, columns: ColumnPlan): Promise<void> => {
    const where = `${path}, line ${record.line}`;
    const row = readRow(record, columns, { where, root, log });
    if (row === null) return;
    const found = await find(row.path);
    if (found === null) {
      log.add('missing file', () => `${where}: expected a picture at ${row.path}, got none.`);
      return;
    }
    const before = lines.get(found);
    if (before !== undefined) {
      log.add('duplicate', () => `${where}: expected each picture once, got ${found} again (line ${before}).`);
      return;
    }
    lines.set(found, record.line);
    samples.push({ ...row, path: found });
  };
  const begin = async (): Promise<ColumnPlan> => {
    const columns = planColumns(path, waiting, options);
    for (const record of columns.header ? waiting.slice(1) : waiting) await take(record, columns);
    return columns;
  };
  for await (const record of csvRecords(files, path, options.separator)) {
    if (plan !== null) await take(record, plan);
    else if (waiting.push(record) === 2) plan = await begin();
  }
  plan ??= await begin();
  const { labels } = plan;
  const names = labels.kind === 'flags' ? labels.names : null;
  if (names) checkUnique(path, names);
  return { samples, names, several: severalLabels(plan, samples) };
}

function severalLabels({ labels }: ColumnPlan, samples: readonly RawSample[]): boolean {
  if (labels.kind === 'cells') return labels.several || samples.some((s) => s.labels.some((l) => l.includes('|')));
  return labels.kind === 'flags' || samples.some((s) => s.labels.length > 1);
}

interface Rules {
  readonly where: string;
  readonly root: string;
  readonly log: ProblemLog;
}

/** What a row says; null where it says nothing sensible, which the log is told. */
function readRow({ cells, line }: CsvRecord, plan: ColumnPlan, { where, root, log }: Rules): RawSample | null {
  const bad = (what: string): null => {
    log.add('bad row', () => `${where}: expected ${what}.`);
    return null;
  };
  if (plan.width !== null && cells.length !== plan.width) return bad(`${plan.width} cells, got ${cells.length}`);
  if (cells.length <= plan.path) return bad(`a file in cell ${plan.path}, got ${cells.length} cells`);
  const allowed = pathInside(root, cells[plan.path]!);
  if ('refused' in allowed) {
    const name = JSON.stringify(cells[plan.path]!.slice(0, 200));
    const advice = 'Say with root which folder the files are in.';
    log.add('bad path', () => `${where}: expected a file below ${root}, got ${allowed.refused} (${name}). ${advice}`);
    return null;
  }
  const labels = labelsOf(cells, plan);
  if (labels === null) return bad('zeros and ones in the columns of the classes, got something else');
  if (labels.some((l) => l.length > MAX_LABEL))
    return bad(`labels of at most ${MAX_LABEL} characters, got a longer one`);
  const split = plan.split === null ? null : (cells[plan.split] ?? '').trim();
  return { path: allowed.path, labels, split, line, ...(plan.labels.kind === 'flags' && { apart: true }) };
}

function labelsOf(cells: readonly string[], { labels, path, split }: ColumnPlan): readonly string[] | null {
  switch (labels.kind) {
    case 'cells':
      return labels.columns.map((i) => cells[i]!).filter((c) => c.trim() !== '');
    case 'rest':
      return cells.filter((c, i) => i !== path && i !== split && c.trim() !== '');
    case 'flags': {
      const flags = labels.columns.map((i) => flagOf(cells[i]!));
      return flags.includes(null) ? null : labels.names.filter((_, i) => flags[i]);
    }
    default:
      return labels satisfies never;
  }
}

/** Finds files by listing each folder once; a name without a picture's ending finds the one picture of that name. */
function pictureFinder(files: Files): (path: string) => Promise<string | null> {
  const folders = new Map<string, ReadonlyMap<string, string | null>>();
  const inside = async (folder: string): Promise<ReadonlyMap<string, string | null>> => {
    const known = folders.get(folder);
    if (known) return known;
    const names = new Map<string, string | null>(); // what to open for a name; null where several fit
    const entries = await files.list(folder).catch((cause: unknown) => {
      if (cause instanceof Fault) return [];
      throw new Fault('data', `${folder}: expected a folder, got ${messageOf(cause)}.`, { cause });
    });
    for (const { name, kind } of entries) if (kind === 'file') names.set(name, name);
    for (const name of [...names.keys()].filter(looksLikePicture)) {
      const stem = name.slice(0, name.lastIndexOf('.'));
      if (names.get(stem) !== stem) names.set(stem, names.has(stem) ? null : name);
    }
    folders.set(folder, names);
    return names;
  };
  return async (path) => {
    const { folder, name } = splitPath(path);
    const found = (await inside(folder)).get(name);
    return found === undefined || found === null ? null : joinPath(folder, found);
  };
}

import { Fault } from '../core/fault.ts';
import { didYouMean } from '../core/suggest.ts';
import type { CsvRecord } from './csv.ts';
import { looksLikePicture } from './image.ts';
import type { ColumnName, SourceOptions } from './source.ts';

/** Which column says what, by place from 0. */
export interface ColumnPlan {
  /** Whether the first row names the columns. */
  readonly header: boolean;
  /** Cells that every row must have; null where rows may differ. */
  readonly width: number | null;
  readonly path: number;
  readonly split: number | null;
  readonly labels: LabelColumns;
}

/** How a row says its labels. */
export type LabelColumns =
  /** Each of these cells holds labels. */
  | { readonly kind: 'cells'; readonly columns: readonly number[]; readonly several: boolean }
  /** Every cell after the path holds a label. */
  | { readonly kind: 'rest' }
  /** Each column is a class, 1 where it is meant and 0 or nothing where not. */
  | { readonly kind: 'flags'; readonly columns: readonly number[]; readonly names: readonly string[] };

const PATH_NAMES: readonly string[] = [
  ...['path', 'file', 'filename', 'file_name', 'filepath', 'file_path', 'image', 'image_path', 'image_name'],
  ...['image_file', 'image_id', 'img', 'img_path', 'img_name', 'picture', 'photo', 'id'],
];
const LABEL_NAMES: readonly string[] = [
  ...['label', 'labels', 'class', 'classes', 'class_name', 'category', 'categories', 'target', 'tag', 'tags'],
  ...['label_name', 'label_id', 'class_id', 'category_id', 'y'],
];
const PLURAL: readonly string[] = ['labels', 'tags', 'classes', 'categories'];
const SPLIT_NAMES: readonly string[] = ['split', 'subset', 'set', 'partition'];

const plain = (text: string): string => text.trim().toLowerCase();

/** Finds out what the columns of a table are from its first rows and what was said of them. */
export function planColumns(where: string, records: readonly CsvRecord[], options: SourceOptions): ColumnPlan {
  const [first, second] = records;
  if (first === undefined) throw new Fault('data', `${where}: expected rows of files and labels, got none.`);
  const { columns } = options;
  const header = hasHeader(first, second, options);
  const row = header ? second : first;
  if (row === undefined) throw new Fault('data', `${where}: expected rows below its first, got none.`);
  const names = header ? first.cells : null;
  const find = (key: string, name: ColumnName): number => columnAt(`${where}: columns.${key}`, name, first, header);
  const path = columns.path === undefined ? pathColumn(where, names, row) : find('path', columns.path);
  const split = columns.split === undefined ? namedColumn(names, SPLIT_NAMES) : find('split', columns.split);
  const taken = new Set([path, split]);
  const free = first.cells.map((_, i) => i).filter((i) => !taken.has(i));
  const said = columns.labels;
  const labels =
    said === undefined
      ? labelColumns(where, { names, row, free })
      : saidColumns(
          (Array.isArray(said) ? said : [said]).map((n: ColumnName) => find('labels', n)),
          { names, row, free },
        );
  if (!header && said === undefined && labels.kind === 'rest') return { header, width: null, path, split, labels };
  return { header, width: first.cells.length, path, split, labels };
}

function hasHeader(first: CsvRecord, second: CsvRecord | undefined, { columns }: SourceOptions): boolean {
  const said = [columns.path, columns.split, ...[columns.labels ?? []].flat()];
  if (said.some((name) => typeof name === 'string')) return true;
  if (first.cells.some(looksLikePicture)) return false;
  if (second?.cells.some(looksLikePicture)) return true;
  return first.cells.some((c) => PATH_NAMES.includes(plain(c)) || LABEL_NAMES.includes(plain(c)));
}

function columnAt(where: string, name: ColumnName, first: CsvRecord, header: boolean): number {
  const { cells } = first;
  if (typeof name === 'number') {
    if (Number.isInteger(name) && name >= 0 && name < cells.length) return name;
    throw new Fault('data', `${where}: expected a place from 0 to ${cells.length - 1}, got ${name}.`);
  }
  const exact = cells.indexOf(name);
  const found = exact >= 0 ? exact : cells.findIndex((c) => plain(c) === plain(name));
  if (found >= 0 && header) return found;
  const shown = cells.slice(0, 50).map((c) => c.slice(0, 40));
  throw new Fault('data', `${where}: expected a column of the first row, got "${name}". ${didYouMean(name, shown)}`);
}

function namedColumn(names: readonly string[] | null, wanted: readonly string[]): number | null {
  const places = wanted.map((w) => names?.findIndex((n) => plain(n) === w) ?? -1);
  return places.find((p) => p >= 0) ?? null;
}

function pathColumn(where: string, names: readonly string[] | null, row: CsvRecord): number {
  const named = namedColumn(names, PATH_NAMES.slice(0, -1));
  if (named !== null) return named;
  const shown = row.cells.slice(0, names?.length).findIndex(looksLikePicture);
  if (shown >= 0) return shown;
  const id = namedColumn(names, ['id']);
  if (id !== null) return id;
  if (names === null) return 0;
  const got = names.slice(0, 20).join(', ');
  throw new Fault('data', `${where}: expected a column of picture files, got ${got}. Say which with columns.path.`);
}

interface Free {
  readonly names: readonly string[] | null;
  readonly row: CsvRecord;
  /** Columns that are neither the path nor the split. */
  readonly free: readonly number[];
}

/** The columns that were said to hold the labels. */
function saidColumns(columns: readonly number[], { names, row }: Free): LabelColumns {
  if (columns.length === 1)
    return { kind: 'cells', columns, several: PLURAL.includes(plain(names?.[columns[0]!] ?? '')) };
  if (names !== null && columns.every((i) => flagOf(row.cells[i] ?? '') !== null)) return flags(columns, names);
  return { kind: 'cells', columns, several: true };
}

/** Columns of labels by their names, their number, or their zeros and ones. */
function labelColumns(where: string, columns: Free): LabelColumns {
  const { names, row, free } = columns;
  if (names === null) {
    if (free.length === 0) throw new Fault('data', `${where}: expected a file and a label in a row, got one cell.`);
    return free.length === 1 ? { kind: 'cells', columns: free, several: false } : { kind: 'rest' };
  }
  const named = namedColumn(names, LABEL_NAMES);
  if (named !== null) return saidColumns([named], columns);
  const numbered = free.filter((i) => /^(label|class|tag)[ _-]?\d+$/.test(plain(names[i]!)));
  if (numbered.length > 0) return { kind: 'cells', columns: numbered, several: true };
  if (free.length === 1) return saidColumns(free, columns);
  if (free.length > 1 && free.every((i) => flagOf(row.cells[i] ?? '') !== null)) return flags(free, names);
  const got = names.slice(0, 20).join(', ');
  throw new Fault('data', `${where}: expected a column of labels, got ${got}. Say which with columns.labels.`);
}

function flags(columns: readonly number[], names: readonly string[]): LabelColumns {
  return { kind: 'flags', columns, names: columns.map((i) => names[i]!.trim()) };
}

const FLAGS: Readonly<Record<string, boolean>> = {
  ...{ '1': true, '1.0': true, true: true, yes: true },
  ...{ '': false, '0': false, '0.0': false, false: false, no: false },
};

/** Whether a cell means its column's class; null where it is neither zero nor one. */
export function flagOf(cell: string): boolean | null {
  const key = plain(cell);
  return Object.hasOwn(FLAGS, key) ? FLAGS[key]! : null;
}

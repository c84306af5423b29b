import { Fault } from '../core/fault.ts';

/** How labelled pictures may be kept: a folder of classes, a table that names files, shards of WebDataset. */
export type DataFormat = 'folder' | 'csv' | 'webdataset';

/** A column by its name in the first row, or by its place from 0. */
export type ColumnName = string | number;

/** Where a table says what; what is left out is found by the usual names. */
export interface Columns {
  /** The picture's file; else `path`, `file`, `filename`, `image` and the like. */
  readonly path?: ColumnName | undefined;
  /** One column of labels, or several; in WebDataset the key inside `.json`. Else `label`, `labels`, `class` and the like. */
  readonly labels?: ColumnName | readonly ColumnName[] | undefined;
  /** Says `train`, `val` or `test`; else `split`, `subset` or `set`. */
  readonly split?: ColumnName | undefined;
}

/** How a source of labelled pictures is to be understood; plain JSON. */
export interface SourceOptions {
  /** `auto` goes by what is found: a CSV file, tar files, else a folder of classes. */
  readonly format: 'auto' | DataFormat;
  /** A folder, table or shards to judge on; null: what the source has, or a share held out. */
  readonly validation: string | null;
  /** Names of the classes in the order of their labels, or a text file with one a line; null: those that occur. */
  readonly classes: readonly string[] | string | null;
  /** Whether a picture has one label or any number; `auto` goes by what is found. */
  readonly labels: 'auto' | 'single' | 'multi';
  /** What stands between labels in one cell; null: `|` or `;`. */
  readonly labelSeparator: string | null;
  /** Folder that a table's relative paths begin in, and that no path may leave; null: the table's. */
  readonly root: string | null;
  readonly columns: Columns;
  /** What stands between cells of a table; null: comma, semicolon or tab, whichever is found. */
  readonly separator: ',' | ';' | '\t' | null;
  /** Whether all files are read once to find pictures of equal content. */
  readonly sameContent: boolean;
  /** Whether the first problem is a fault; otherwise problems are counted and named. */
  readonly strict: boolean;
}

/** What is assumed of a source of which nothing is said. */
export const SOURCE_DEFAULTS: SourceOptions = {
  format: 'auto',
  validation: null,
  classes: null,
  labels: 'auto',
  labelSeparator: null,
  root: null,
  columns: {},
  separator: null,
  sameContent: false,
  strict: false,
};

/** One picture whose labels are still text. */
export interface RawSample {
  readonly path: string;
  readonly bytes?: { readonly offset: number; readonly length: number };
  readonly name?: string;
  /** Labels as they were written, not yet taken apart: one text of one cell, or several. */
  readonly labels: readonly string[];
  /** Whether the labels stand apart already, so that separators in them are parts of names. */
  readonly apart?: boolean;
  /** What its row says of its part; null where it says nothing. */
  readonly split: string | null;
  /** Line of the table that names it. */
  readonly line?: number;
}

/** Pictures of a source in the order in which they were found. */
export interface RawData {
  readonly samples: readonly RawSample[];
  /** Names of the classes where the source tells them apart from the samples: columns of zeros and ones. */
  readonly names: readonly string[] | null;
  /** Whether the source itself shows that a picture may have several labels. */
  readonly several: boolean;
}

/** What a source is called in messages about one of its pictures. */
export function whereIs(source: string, { name, path, line }: RawSample): string {
  if (line !== undefined) return `${source}, line ${line}`;
  return name === undefined ? path : `${path}, ${name}`;
}

/** The most classes that are told apart: more is a column of identifiers taken for labels. */
export const MAX_CLASSES = 100_000;

/** Refuses more classes than a network could have. */
export function checkClassCount(where: string, count: number): void {
  if (count <= MAX_CLASSES) return;
  const advice = 'Is it a column of identifiers? Say which column holds the labels.';
  throw new Fault('data', `${where}: expected at most ${MAX_CLASSES} classes, got ${count}. ${advice}`);
}

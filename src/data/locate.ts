import { Fault } from '../core/fault.ts';
import { expandBraces } from './brace.ts';
import { HELD_OUT_NAMES } from './dataset.ts';
import { type FileEntry, type Files, joinPath } from './files.ts';
import type { DataFormat, SourceOptions } from './source.ts';

const TABLE = /\.(?:csv|tsv)$/i;
const SHARD = /\.tar$/i;

/** Tables that a folder of pictures is described by. */
const TABLE_STEMS: readonly string[] = ['train', 'labels', 'metadata', 'data', 'annotations'];

/** What is found at a path, if it is no folder of classes. */
export type Place =
  | { readonly format: 'folder' }
  | { readonly format: 'csv'; readonly train: string; readonly heldOut: string | null }
  | { readonly format: 'webdataset'; readonly train: readonly string[]; readonly heldOut: readonly string[] | null };

/** Finds out how pictures are kept at a path, and which files belong to which part. */
export async function locate(files: Files, path: string, { format }: SourceOptions): Promise<Place> {
  const named = formatOfName(path);
  const wanted = format === 'auto' ? named : format;
  if (wanted === 'folder') return { format: 'folder' };
  if (named === 'csv' && wanted === 'csv') return { format: 'csv', train: path, heldOut: null };
  if (named === 'webdataset' && wanted === 'webdataset') {
    const shards = expandBraces(path);
    return { format: 'webdataset', train: shards, heldOut: null };
  }
  const entries = await files.list(path);
  const shards = wanted === 'csv' ? null : await shardsIn(files, path, entries);
  if (shards) return { format: 'webdataset', ...shards };
  const tables = wanted === 'webdataset' ? null : tablesIn(path, entries, wanted === 'csv');
  if (tables) return { format: 'csv', ...tables };
  if (wanted === null) return { format: 'folder' };
  const expected = wanted === 'csv' ? `${TABLE_STEMS.map((s) => `${s}.csv`).join(', ')} or one table` : 'tar files';
  throw new Fault('data', `${path}: expected ${expected}, got none. Check the path, or say the format.`);
}

/** What a path's name says that it is; null where it says nothing. */
function formatOfName(path: string): DataFormat | null {
  if (SHARD.test(path) || /\{.*\}/.test(path)) return 'webdataset';
  return TABLE.test(path) || /\.txt$/i.test(path) ? 'csv' : null;
}

function tablesIn(
  folder: string,
  entries: readonly FileEntry[],
  must: boolean,
): { readonly train: string; readonly heldOut: string | null } | null {
  const tables = entries.filter((e) => e.kind === 'file' && TABLE.test(e.name)).map((e) => e.name);
  const called = (stems: readonly string[]): string | undefined =>
    stems.flatMap((stem) => tables.filter((t) => t.toLowerCase().replace(TABLE, '') === stem).sort())[0];
  const only = must && tables.length === 1 ? tables[0] : undefined;
  const train = called(TABLE_STEMS) ?? only;
  if (train === undefined) return null;
  const heldOut = called(HELD_OUT_NAMES);
  return { train: joinPath(folder, train), heldOut: heldOut === undefined ? null : joinPath(folder, heldOut) };
}

interface Shards {
  readonly train: readonly string[];
  readonly heldOut: readonly string[] | null;
}

/** Tar files of a folder, or of its `train` and `val`; parts by the words in their names. Null where there is none. */
async function shardsIn(files: Files, folder: string, entries: readonly FileEntry[]): Promise<Shards | null> {
  const tars = await tarsOf(files, folder, entries);
  if (tars.length === 0) return null;
  const inside = (path: string): string => path.slice(folder.length);
  const of = (word: string): readonly string[] => tars.filter((t) => words(inside(t)).includes(word));
  const train = of('train');
  const heldOut = HELD_OUT_NAMES.map(of).find((found) => found.length > 0) ?? null;
  if (train.length > 0) return { train, heldOut };
  const rest = tars.filter((t) => !heldOut?.includes(t));
  return rest.length > 0 ? { train: rest, heldOut } : { train: tars, heldOut: null };
}

async function tarsOf(files: Files, folder: string, entries: readonly FileEntry[]): Promise<readonly string[]> {
  const own = (at: string, list: readonly FileEntry[]): readonly string[] =>
    list.filter((e) => e.kind === 'file' && SHARD.test(e.name)).map((e) => joinPath(at, e.name));
  const top = own(folder, entries);
  const parts = entries.filter((e) => e.kind === 'folder' && ['train', ...HELD_OUT_NAMES].includes(e.name));
  const below: string[] = [];
  if (top.length === 0) {
    for (const { name } of parts) below.push(...own(joinPath(folder, name), await files.list(joinPath(folder, name))));
  }
  return [...top, ...below].sort();
}

function words(path: string): readonly string[] {
  return path.toLowerCase().split(/[^a-z]+/);
}

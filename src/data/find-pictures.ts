import { Fault } from '../core/fault.ts';
import { type FileEntry, type Files, joinPath } from './files.ts';
import { looksLikePicture } from './image.ts';

/** Folders inside each other that are searched; a link that leads back up would otherwise never end. */
const MAX_DEPTH = 32;

/**
 * The pictures that a text means, by name: a file (whatever its ending), a folder with all below it, or a pattern in
 * which `*` and `?` stand for letters of a name, `**` for folders, `[abc]` for one letter and `{a,b}` for either. Names
 * that begin with a dot are passed over where a pattern does not name them. A file that is called like a pattern is
 * taken as that file.
 */
export async function findPictures(files: Files, text: string): Promise<readonly string[]> {
  const entries = await tryList(files, text);
  if (entries) return inFolder(files, text, 0);
  if (!/[*?[{]/.test(text) || (await isThere(files, text))) return [text];
  const found = new Set<string>();
  for (const pattern of alternatives(text)) {
    for (const path of await matching(files, pattern)) found.add(path);
  }
  if (found.size === 0) {
    throw new Fault('data', `${text}: expected a pattern of pictures, got none that matches. Check the path.`);
  }
  return [...found].sort(byName);
}

function byName(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

async function tryList(files: Files, folder: string): Promise<readonly FileEntry[] | null> {
  if (looksLikePicture(folder)) return null;
  return files.list(folder).catch(() => null);
}

async function isThere(files: Files, path: string): Promise<boolean> {
  const file = await files.open(path).catch(() => null);
  await file?.close();
  return file !== null;
}

async function inFolder(files: Files, folder: string, depth: number): Promise<readonly string[]> {
  if (depth > MAX_DEPTH) {
    throw new Fault(
      'data',
      `${folder}: expected at most ${MAX_DEPTH} folders inside each other, got more. Does a link lead back up?`,
    );
  }
  const paths: string[] = [];
  const entries = (await files.list(folder)).filter((e) => !e.name.startsWith('.'));
  for (const { name, kind } of [...entries].sort((a, b) => byName(a.name, b.name))) {
    const path = joinPath(folder, name);
    if (kind === 'folder') paths.push(...(await inFolder(files, path, depth + 1)));
    else if (looksLikePicture(name)) paths.push(path);
  }
  return paths;
}

/** `{a,b}` as one pattern for each. */
function alternatives(text: string): readonly string[] {
  const parts = /^(.*?)\{([^{}]*)\}(.*)$/s.exec(text);
  if (!parts) return [text];
  return parts[2]!.split(',').flatMap((choice) => alternatives(`${parts[1]}${choice}${parts[3]}`));
}

/** What matches a pattern, part by part between slashes. */
async function matching(files: Files, pattern: string): Promise<readonly string[]> {
  const parts = pattern.split(/[/\\]+/);
  const root = parts[0] === '' ? '/' : '';
  let places: readonly { readonly path: string; readonly kind: FileEntry['kind'] }[] = [{ path: root, kind: 'folder' }];
  for (const [i, part] of parts.entries()) {
    if (part === '') continue;
    const next: (typeof places)[number][] = [];
    for (const { path, kind } of places) {
      if (kind !== 'folder') continue;
      if (part === '**') next.push(...(await below(files, path)));
      else if (/[*?[]/.test(part)) next.push(...(await named(files, path, part)));
      else
        next.push({ path: path === '' ? part : joinPath(path, part), kind: i < parts.length - 1 ? 'folder' : 'file' });
    }
    places = next;
  }
  const exact = !/[*?[]/.test(parts.at(-1)!);
  return places.filter((p) => p.kind === 'file' && (exact || looksLikePicture(p.path))).map((p) => p.path);
}

type Place = { readonly path: string; readonly kind: FileEntry['kind'] };

async function named(files: Files, folder: string, part: string): Promise<readonly Place[]> {
  const pattern = expressionOf(part);
  const entries = await files.list(folder === '' ? '.' : folder).catch((): readonly FileEntry[] => []);
  const hidden = part.startsWith('.');
  return entries
    .filter(({ name }) => pattern.test(name) && (hidden || !name.startsWith('.')))
    .map(({ name, kind }) => ({ path: folder === '' ? name : joinPath(folder, name), kind }));
}

/** A folder, all folders below it, and all that is in them: what `**` stands for. */
async function below(files: Files, folder: string, depth = 0): Promise<readonly Place[]> {
  if (depth > MAX_DEPTH) return [];
  const places: Place[] = depth === 0 ? [{ path: folder, kind: 'folder' }] : [];
  for (const place of await named(files, folder, '*')) {
    places.push(place);
    if (place.kind === 'folder') places.push(...(await below(files, place.path, depth + 1)));
  }
  return places;
}

function expressionOf(part: string): RegExp {
  const letters = part.replace(/\[[^\]]+\]|[*?]|[\\^$.|+(){}[\]]/g, (found) => {
    if (found === '*') return '[^/]*';
    if (found === '?') return '[^/]';
    if (found.length > 1) return found.replace(/^\[!/, '[^').replaceAll('\\', '\\\\');
    return `\\${found}`;
  });
  return new RegExp(`^${letters}$`, 'u');
}

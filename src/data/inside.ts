import { joinPath } from './files.ts';

/** The longest path that is tried. */
const MAX_PATH = 4096;

/** A path that may be opened, or why it may not. */
export type Allowed = { readonly path: string } | { readonly refused: string };

/**
 * Where a path that a table names leads: relative ones begin in `root`; those that leave it, name another machine or hold
 * control characters are refused. Slashes may lean either way. Links are the file system's own affair and are followed.
 */
export function pathInside(root: string, text: string): Allowed {
  const path = text.trim().replaceAll('\\', '/');
  if (path === '') return { refused: 'an empty path' };
  if (path.length > MAX_PATH) return { refused: `a path of ${path.length} characters` };
  if (hasControls(path)) return { refused: 'a path with control characters' };
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) return { refused: 'an address instead of a file' };
  const base = root.replaceAll('\\', '/').replace(/\/+$/, '');
  const absolute = /^(?:\/|[a-z]:\/)/i.test(path);
  if (absolute && !path.startsWith(`${base}/`)) return { refused: `a path outside ${root}` };
  const parts: string[] = [];
  for (const part of (absolute ? path.slice(base.length) : path).split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.pop() === undefined) return { refused: `a path outside ${root}` };
  }
  if (parts.length === 0) return { refused: 'the folder itself' };
  return { path: joinPath(root, parts.join('/')) };
}

function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 32 || code === 127) return true;
  }
  return false;
}

/** The folder that a path stands in, and its name there. */
export function splitPath(path: string): { readonly folder: string; readonly name: string } {
  const slash = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'));
  if (slash < 0) return { folder: '.', name: path };
  return { folder: slash === 0 ? path.slice(0, 1) : path.slice(0, slash), name: path.slice(slash + 1) };
}

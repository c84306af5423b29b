import { open, readdir, stat } from 'node:fs/promises';
import { Fault, messageOf } from '../../core/fault.ts';
import { type FileEntry, type Files, joinPath } from '../../data/files.ts';

/** The computer's own files. */
export const nodeFiles: Files = { list, read };

async function list(folder: string): Promise<readonly FileEntry[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const found: FileEntry[] = [];
    for (const entry of entries) {
      const kind = entry.isSymbolicLink() ? await target(joinPath(folder, entry.name)) : kindOf(entry);
      if (kind) found.push({ name: entry.name, kind });
    }
    return found;
  } catch (cause) {
    throw new Fault('data', `${folder}: expected a folder, got ${reason(cause)}. Check the path.`, { cause });
  }
}

function kindOf(entry: { isFile(): boolean; isDirectory(): boolean }): FileEntry['kind'] | null {
  if (entry.isDirectory()) return 'folder';
  return entry.isFile() ? 'file' : null;
}

/** What a link leads to; a broken one counts as a file, so that reading it names it. */
async function target(path: string): Promise<FileEntry['kind'] | null> {
  try {
    return kindOf(await stat(path));
  } catch {
    return 'file';
  }
}

async function read(path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await open(path).catch((cause: unknown) => {
    throw new Fault('data', `${path}: expected a readable file, got ${reason(cause)}. Check the path.`, { cause });
  });
  try {
    const facts = await file.stat();
    if (!facts.isFile()) throw new Fault('data', `${path}: expected a file, got something else. Check the path.`);
    if (facts.size > maxBytes) {
      throw new Fault(
        'data',
        `${path}: expected at most ${maxBytes} bytes, got ${facts.size}. Is it the file that you mean?`,
      );
    }
    return await file.readFile();
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault('data', `${path}: expected a readable file, got ${reason(cause)}.`, { cause });
  } finally {
    await file.close();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'nothing',
  ENOTDIR: 'a file',
  EISDIR: 'a folder',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
};

function reason(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return REASONS[code] ?? messageOf(cause);
}

import { access, appendFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault, messageOf } from '../../core/fault.ts';
import type { Output, Pieces } from '../../data/output.ts';

/** Writes the computer's own files. */
export const nodeOutput: Output = {
  makeFolder: async (path) => {
    await mkdir(path, { recursive: true }).catch(refuse(path, 'a folder that can be made'));
  },
  write,
  append: async (path, more) => {
    await appendFile(path, more).catch(refuse(path, 'a file that can be written'));
  },
  rename: async (from, to) => {
    await rename(from, to).catch(refuse(from, 'a file that can be renamed'));
    await syncFolder(dirname(to));
  },
  exists: (path) =>
    access(path).then(
      () => true,
      () => false,
    ),
  remove: async (path) => {
    await rm(path, { force: true }).catch(refuse(path, 'a file that can be removed'));
  },
};

/** A temporary file beside the target is written, synced and renamed over it; the folder's entry is synced too. */
async function write(path: string, pieces: Pieces): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    const file = await open(temporary, 'w');
    try {
      for await (const piece of pieces) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw refuse(path, 'a file that can be written')(cause);
  }
}

/** Makes a rename last through a power cut, where the system lets folders be synced. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

const REASONS: Readonly<Record<string, readonly [got: string, advice: string]>> = {
  ENOSPC: ['a full disk', 'Make room and resume the run.'],
  EDQUOT: ['a full quota', 'Make room and resume the run.'],
  EFBIG: ['a file system that takes no larger file', 'Write to another place.'],
  EACCES: ['no permission to write', 'Choose another place with --output.'],
  EPERM: ['no permission to write', 'Choose another place with --output.'],
  EROFS: ['a file system that is read-only', 'Choose another place with --output.'],
  ENOENT: ['a folder that does not exist', 'Check the path.'],
  ENOTDIR: ['a path that leads through a file', 'Check the path.'],
  EEXIST: ['a file of that name', 'Choose another name.'],
  EISDIR: ['a folder of that name', 'Choose another name.'],
};

function refuse(path: string, wanted: string): (cause: unknown) => never {
  return (cause) => {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const [got, advice] = REASONS[code] ?? [messageOf(cause), 'Check the path.'];
    throw new Fault('data', `${path}: expected ${wanted}, got ${got}. ${advice}`, { cause });
  };
}

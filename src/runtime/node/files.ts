import { type FileHandle, open as openHandle, readdir, stat } from 'node:fs/promises';
import { Fault, messageOf } from '../../core/fault.ts';
import { checkPiece, type FileEntry, type Files, joinPath, type OpenFile } from '../../data/files.ts';

/** The computer's own files. */
export const nodeFiles: Files = { list, read, open };

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
  const { handle: file, size } = await opened(path);
  try {
    if (size > maxBytes) {
      throw new Fault(
        'data',
        `${path}: expected at most ${maxBytes} bytes, got ${size}. Is it the file that you mean?`,
      );
    }
    return await file.readFile();
  } catch (cause) {
    throw unreadable(path, cause);
  } finally {
    await file.close();
  }
}

async function open(path: string): Promise<OpenFile> {
  const { handle, size } = await opened(path);
  return {
    size,
    read: async (offset, length) => {
      checkPiece(size, offset, length, path);
      try {
        return await readPiece(handle, offset, length, path);
      } catch (cause) {
        throw unreadable(path, cause);
      }
    },
    close: () => handle.close(),
  };
}

/** Bytes that one call of the system reads; several run at once, which a page cache and a fast disk both reward. */
const CALL = 8 * 1024 ** 2;

async function readPiece(handle: FileHandle, offset: number, length: number, path: string): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(length); // not of the pool: aligned, and its memory is its own
  const calls: Promise<void>[] = [];
  for (let at = 0; at < length; at += CALL) {
    calls.push(fillPart(handle, buffer.subarray(at, at + CALL), offset + at, path));
  }
  // All are awaited before a failure is told, so that none writes to a buffer or a handle that is given up.
  for (const call of await Promise.allSettled(calls)) if (call.status === 'rejected') throw call.reason;
  return new Uint8Array(buffer.buffer, 0, length);
}

async function fillPart(handle: FileHandle, part: Uint8Array, offset: number, path: string): Promise<void> {
  for (let done = 0; done < part.length; ) {
    const { bytesRead } = await handle.read(part, done, part.length - done, offset + done);
    if (bytesRead === 0) {
      throw new Fault('data', `${path}: expected ${part.length - done} more bytes at byte ${offset + done}, got none.`);
    }
    done += bytesRead;
  }
}

/** An open file and its size; a fault where it is none. */
async function opened(path: string): Promise<{ readonly handle: FileHandle; readonly size: number }> {
  const handle = await openHandle(path).catch((cause: unknown) => {
    throw new Fault('data', `${path}: expected a readable file, got ${reason(cause)}. Check the path.`, { cause });
  });
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw new Fault('data', `${path}: expected a file, got something else. Check the path.`);
    return { handle, size: facts.size };
  } catch (cause) {
    await handle.close();
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): Fault {
  if (cause instanceof Fault) return cause;
  return new Fault('data', `${path}: expected a readable file, got ${reason(cause)}.`, { cause });
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

import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault, messageOf } from '../../core/fault.ts';

/** A file to be downloaded, and what is known of it before. */
export interface Download {
  /** What messages call it. */
  readonly name: string;
  readonly size: number;
  /** The blob's hash: SHA-256 of its bytes, or Git's SHA-1 of a blob. */
  readonly hash: { readonly kind: 'sha256' | 'git'; readonly value: string };
  /** Where it goes once it is whole and right. */
  readonly path: string;
  /** Its bytes from `offset`, asked for anew. */
  readonly open: (offset: number, signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;
  readonly onProgress?: (received: number) => void;
  readonly signal?: AbortSignal;
}

/** How patient a download is. */
export interface Patience {
  /** Tries without a single new byte before it gives up. */
  readonly tries: number;
  /** Time without a byte after which a connection is given up, in milliseconds. */
  readonly stall: number;
  /** Wait before the second try, in milliseconds; it doubles with each. */
  readonly wait: number;
}

/** The most tries of one download, however far each comes. */
const MOST_TRIES = 100;

/** A server's refusal, with its HTTP status; the hub's client throws the like. */
export class StatusError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number) {
    super(`status ${statusCode}`);
    this.statusCode = statusCode;
  }
}

/** The HTTP status of a refusal; null for other errors. */
export function statusOf(error: unknown): number | null {
  const status = (error as { readonly statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : null;
}

/** Whether asking again mends nothing: the request itself is wrong, as opposed to the server being busy. */
function isFinal(error: unknown): boolean {
  const status = statusOf(error);
  return error instanceof Fault || (status !== null && status >= 400 && status < 500 && ![408, 429].includes(status));
}

/** The server sends the whole file where a part was asked for. */
export class RangeIgnored extends Error {}

const pending = new Map<string, Promise<void>>();

/**
 * Downloads a file: a part that an earlier try left is gone on from, a cut connection is taken up again, and the file
 * gets its name only when its hash is right. A wrong hash is refused and what came is thrown away.
 */
export async function download(file: Download, patience: Patience): Promise<void> {
  const under = pending.get(file.path);
  if (under) return under;
  const work = downloadAlone(file, patience).finally(() => pending.delete(file.path));
  pending.set(file.path, work);
  return work;
}

async function downloadAlone(file: Download, patience: Patience): Promise<void> {
  await mkdir(dirname(file.path), { recursive: true });
  const lock = await takeLock(`${file.path}.lock`);
  // Where another process downloads the same file, this one does so beside it; the last rename wins.
  const part = lock ? `${file.path}.incomplete` : `${file.path}.${process.pid}.incomplete`;
  try {
    const resumed = await receive(file, part, patience);
    let right = await hasHash(file, part);
    if (!right && resumed) {
      // The older part may have been of another file, or damaged; all of it is asked for once more.
      await rm(part, { force: true });
      await receive(file, part, patience);
      right = await hasHash(file, part);
    }
    if (!right) throw wrongHash(file);
    await rename(part, file.path);
  } catch (error) {
    if (!lock || error instanceof WrongHash) await rm(part, { force: true });
    throw fileFault(error, file);
  } finally {
    if (lock) await rm(`${file.path}.lock`, { force: true });
  }
}

class WrongHash extends Fault {}

function wrongHash({ name, hash }: Download): Fault {
  return new WrongHash(
    'data',
    `${name}: expected the hash ${hash.value.slice(0, 12)}.., got other bytes. They are thrown away; try again.`,
  );
}

/** A lock file with our process in it; false where a living process holds it. */
async function takeLock(path: string): Promise<boolean> {
  for (let i = 0; i < 2; i++) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      return true;
    } catch {
      const holder = Number(await readFile(path, 'utf8').catch(() => ''));
      if (isAlive(holder)) return false;
      await rm(path, { force: true });
    }
  }
  return false;
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Fills the part until it is whole; says whether some of it was there before. */
async function receive(file: Download, part: string, patience: Patience): Promise<boolean> {
  let have = await sizeOf(part);
  if (have > file.size) {
    await rm(part, { force: true });
    have = 0;
  }
  const resumed = have > 0;
  const handle = await open(part, 'a');
  try {
    for (let tries = 0, all = 0; have < file.size; all++) {
      file.signal?.throwIfAborted();
      const before = have;
      let cause: unknown;
      try {
        have = await receiveSome(file, { handle, have, stall: patience.stall });
      } catch (error) {
        if (file.signal?.aborted || isFinal(error) || isDisk(error)) throw error;
        if (error instanceof RangeIgnored) await handle.truncate(0);
        cause = error;
        have = (await handle.stat()).size;
      }
      tries = have > before ? 0 : tries + 1;
      if (have < file.size && (tries >= patience.tries || all >= MOST_TRIES)) throw cutShort(file, have, cause);
      if (have < file.size) await delay(Math.min(patience.wait * 2 ** tries, 10_000));
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  return resumed;
}

function cutShort({ name, size }: Download, have: number, cause: unknown): Fault {
  const why = cause === undefined ? '' : ` (${messageOf(cause)})`;
  return new Fault(
    'data',
    `${name}: expected ${size} bytes, got ${have} before the connection ended${why}. What came is kept: try again to go on from there.`,
    { cause },
  );
}

interface Part {
  readonly handle: FileHandle;
  readonly have: number;
  readonly stall: number;
}

/** Appends what one connection gives; the number of bytes then on the disk. */
async function receiveSome(file: Download, { handle, have, stall }: Part): Promise<number> {
  const stalled = new AbortController();
  let timer = setTimeout(() => stalled.abort(), stall);
  const signals = file.signal ? [stalled.signal, file.signal] : [stalled.signal];
  try {
    const body = await file.open(have, AbortSignal.any(signals));
    for await (const chunk of body) {
      clearTimeout(timer);
      timer = setTimeout(() => stalled.abort(), stall);
      if (have + chunk.length > file.size) {
        await handle.truncate(0);
        throw new Fault(
          'data',
          `${file.name}: expected ${file.size} bytes, got more. They are thrown away; try again.`,
        );
      }
      await handle.writeFile(chunk);
      have += chunk.length;
      file.onProgress?.(have);
    }
    return have;
  } finally {
    clearTimeout(timer);
  }
}

async function hasHash({ hash, size }: Download, path: string): Promise<boolean> {
  const sum: Hash = createHash(hash.kind === 'git' ? 'sha1' : 'sha256');
  if (hash.kind === 'git') sum.update(`blob ${size}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) sum.update(chunk as Uint8Array);
  return sum.digest('hex') === hash.value;
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    (s) => s.size,
    () => 0,
  );
}

const DISK: Readonly<Record<string, string>> = {
  ENOSPC: 'a full disk. Make room and try again; what came is kept.',
  EDQUOT: 'a full quota. Make room and try again; what came is kept.',
  EACCES: 'no permission to write. Choose another folder with FARSIGHT_CACHE.',
  EPERM: 'no permission to write. Choose another folder with FARSIGHT_CACHE.',
  EROFS: 'a file system that is read-only. Choose another folder with FARSIGHT_CACHE.',
};

function isDisk(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code) in DISK;
}

function fileFault(error: unknown, { name, path }: Download): unknown {
  if (!isDisk(error)) return error;
  const said = DISK[String((error as NodeJS.ErrnoException).code)];
  return new Fault('data', `${name}: expected room in ${dirname(path)}, got ${said}`, { cause: error });
}

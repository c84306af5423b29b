import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Files } from '../../data/files.ts';
import { nodeFiles } from './files.ts';

/**
 * The computer's files for a thread that has nothing else to do meanwhile: reading waits in the thread, which is a third
 * of the work of asking libuv's threads for it. What goes wrong is left to {@link nodeFiles} to tell.
 */
export const threadFiles: Files = {
  ...nodeFiles,
  read: async (path, maxBytes) => readNow(path, maxBytes) ?? nodeFiles.read(path, maxBytes),
};

function readNow(path: string, maxBytes: number): Uint8Array | null {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const facts = fstatSync(file);
    if (!facts.isFile() || facts.size > maxBytes) return null;
    const bytes = Buffer.allocUnsafeSlow(facts.size);
    for (let at = 0; at < bytes.length; ) {
      const read = readSync(file, bytes, at, bytes.length - at, at);
      if (read === 0) return null; // it became shorter
      at += read;
    }
    return bytes;
  } catch {
    return null;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

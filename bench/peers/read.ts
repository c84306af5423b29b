import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { serve } from '../serve.ts';
import type { Runnable } from '../subject.ts';

/** Reads the file of a subject and does nothing with it: into memory of its own, or over and over into the same. */
await serve(async (subject): Promise<Runnable> => {
  if (subject.kind !== 'load') throw new Error(`plain reading: expected a file to load, got ${subject.kind}`);
  const { path, into = 'new' } = subject;
  const run = into === 'same' ? intoSame(path) : () => readFile(path);
  return {
    run: async () => {
      await run();
    },
    output: async () => [],
  };
}, {});

/** One buffer of the file's size, filled again in each run: no page of it has to be made by the system. */
function intoSame(path: string): () => void {
  const file = openSync(path, 'r');
  const buffer = Buffer.alloc(fstatSync(file).size);
  closeSync(file);
  return () => {
    const again = openSync(path, 'r');
    for (let at = 0; at < buffer.length; ) {
      const read = readSync(again, buffer, at, buffer.length - at, at);
      if (read === 0) throw new Error(`${path} became shorter`);
      at += read;
    }
    closeSync(again);
  };
}

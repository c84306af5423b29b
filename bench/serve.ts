import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { messageOf } from '../src/core/fault.ts';
import type { Request, Runnable, Subject, SubjectOptions } from './subject.ts';

/** Makes the runnable of a subject on one side. */
export type Prepare = (subject: Subject, options: SubjectOptions) => Promise<Runnable>;

/** Answers the benchmark's requests on standard input until `quit` or its end: the loop of every side written here. */
export async function serve(prepare: Prepare, versions: Readonly<Record<string, string>>): Promise<void> {
  say({ ready: true, versions });
  let made: Runnable | undefined;
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request; // written by Side of side.ts
    if (request.do === 'quit') break;
    try {
      if (request.do === 'prepare') {
        made = await prepare(request.subject, request.subject);
        globalThis.gc?.(); // what preparing left over is not memory that running needs
        say({});
      } else if (!made) throw new Error(`${request.do} before prepare`);
      else if (request.do === 'run') say({ times: await timed(made, request.n, request.warm) });
      else if (request.do === 'output') say({ parts: await write(made, request.path) });
      else throw new Error(`this side cannot ${request.do}`);
    } catch (error) {
      say({ error: messageOf(error) });
    }
  }
  process.exit(0);
}

function say(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function timed(made: Runnable, n: number, warm: number): Promise<number[]> {
  for (let i = 0; i < warm; i++) await made.run();
  const times: number[] = [];
  for (let i = 0; i < n; i++) {
    const start = performance.now();
    await made.run();
    times.push(performance.now() - start);
  }
  return times;
}

async function write(made: Runnable, path: string): Promise<{ name: string; size: number }[]> {
  const parts = await made.output();
  const file = createWriteStream(path);
  for (const { values } of parts) file.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  file.end();
  await once(file, 'finish');
  return parts.map(({ name, values }) => ({ name, size: values.length }));
}

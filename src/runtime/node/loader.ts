import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { Tinypool } from 'tinypool';
import { Fault, messageOf } from '../../core/fault.ts';
import type { ImageWorkers, LoadResult, LoadTask } from '../../data/load.ts';
import { loadSharp } from './decode.ts';

/** How many threads decode and prepare pictures. */
export interface ImageWorkersOptions {
  /** One less than the cores, but at least 1 and at most 8, when absent. */
  readonly threads?: number;
}

/**
 * Starts threads that read, decode and prepare pictures off the main thread. Several loaders may share them; an idle
 * thread does not keep the process alive.
 */
export async function startImageWorkers(options: ImageWorkersOptions = {}): Promise<ImageWorkers> {
  const threads = options.threads ?? Math.min(Math.max(availableParallelism() - 1, 1), 8);
  if (!Number.isInteger(threads) || threads < 1) {
    throw new Fault('config', `loader.threads: expected a whole number of at least 1, got ${threads}.`);
  }
  await loadSharp(); // its libraries must be loaded by the main thread before, and stay after, those of the workers
  const pool = new Tinypool({ ...workerFile(), name: 'load', minThreads: threads, maxThreads: threads });
  const running = new Set<Promise<unknown>>();
  const load = async (task: LoadTask): Promise<LoadResult> => {
    const run = pool.run(task) as Promise<LoadResult>;
    running.add(run);
    try {
      return await run;
    } catch (cause) {
      throw new Fault('engine', `loader: expected loaded pictures, got a stopped worker (${messageOf(cause)}).`, {
        cause,
      });
    } finally {
      running.delete(run);
    }
  };
  const close = async (): Promise<void> => {
    // A thread must not end while libvips works for it.
    await Promise.allSettled(running);
    await pool.destroy();
  };
  return { threads, load, close };
}

/** The worker beside this file: `.ts` run from source (with tsx, that a thread does not inherit), `.js` built. */
function workerFile(): { readonly filename: string; readonly execArgv?: string[] } {
  const source = import.meta.url.endsWith('.ts');
  const filename = new URL(`./loader-worker.${source ? 'ts' : 'js'}`, import.meta.url).href;
  if (!source) return { filename };
  const tsx = createRequire(import.meta.url).resolve('tsx');
  return { filename, execArgv: ['--import', pathToFileURL(tsx).href] };
}

import { availableParallelism } from 'node:os';
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
  const pool = new Tinypool({ filename: workerFile(), name: 'load', minThreads: threads, maxThreads: threads });
  return { threads, ...tasksOf(pool) };
}

/** Runs tasks on a pool whose threads may die: then every task is a fault, and none waits for ever. */
function tasksOf(pool: Tinypool): Pick<ImageWorkers, 'load' | 'close'> {
  const running = new Map<Promise<LoadResult>, (cause: Fault) => void>();
  let dead: Fault | undefined;
  const stopped = (cause: unknown): Fault =>
    new Fault('engine', `loader: expected loaded pictures, got a stopped worker (${messageOf(cause)}).`, { cause });
  pool.on('error', (cause: unknown) => {
    dead = stopped(cause);
    for (const reject of running.values()) reject(dead);
  });
  const load = async (task: LoadTask): Promise<LoadResult> => {
    if (dead) throw dead;
    let fail = (_: Fault): void => undefined;
    const result = new Promise<LoadResult>((resolve, reject) => {
      fail = reject;
      pool
        .run(task, task.into ? { transferList: [task.into] } : {})
        .then(resolve, (cause: unknown) => reject(stopped(cause)));
    });
    running.set(result, fail);
    return result.finally(() => running.delete(result));
  };
  const close = async (): Promise<void> => {
    dead ??= new Fault('engine', 'loader: expected open workers, got closed ones. Start new ones.');
    await Promise.allSettled(running.keys()); // a thread must not end while libvips works for it
    await pool.destroy();
  };
  return { load, close };
}

/**
 * The worker beside this file: `.js` when built. Run from source it is `.ts`, which a thread of Node 20 cannot read:
 * a module made of one line then asks tsx to translate it.
 */
function workerFile(): string {
  const built = import.meta.url.endsWith('.js');
  const worker = new URL(`./loader-worker.${built ? 'js' : 'ts'}`, import.meta.url).href;
  if (built) return worker;
  const tsx = import.meta.resolve('tsx/esm/api');
  const code = `import { register } from '${tsx}'; register(); export const { load } = await import('${worker}');`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

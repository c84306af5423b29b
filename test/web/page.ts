import { type JobName, run } from './jobs.ts';

/** Does jobs here or in a worker of this page. */
const here = {
  run,
  violations: [] as string[],
  inWorker: (name: JobName, args: readonly unknown[]): Promise<unknown> => {
    const worker = new Worker(new URL('/worker.js', location.href), { type: 'module' });
    return new Promise<unknown>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<{ readonly result?: unknown; readonly error?: string }>) =>
        data.error === undefined ? resolve(data.result) : reject(new Error(data.error));
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage({ name, args });
    }).finally(() => worker.terminate());
  },
};

export type Page = typeof here;

addEventListener('securitypolicyviolation', (event) => {
  here.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
});
Object.assign(globalThis, { here });

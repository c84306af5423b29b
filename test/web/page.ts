import { type JobName, run } from './jobs.ts';

/** What the tests find in the page: jobs done here or in a worker, and what the policy did not allow. */
export interface Page {
  readonly run: typeof run;
  readonly inWorker: (name: JobName, args: readonly unknown[]) => Promise<unknown>;
  readonly violations: string[];
}

const here: Page = {
  run,
  violations: [],
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

addEventListener('securitypolicyviolation', (event) => {
  here.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
});
Object.assign(globalThis, { here });

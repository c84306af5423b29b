import { type JobName, run } from './jobs.ts';

addEventListener('message', ({ data }: MessageEvent<{ readonly name: JobName; readonly args: readonly unknown[] }>) => {
  run(data.name, data.args).then(
    (result) => postMessage({ result }),
    (error: unknown) => postMessage({ error: String(error) }),
  );
});

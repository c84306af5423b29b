import { describeSkipped, type ImageLoader, type SkippedFile } from '../data/batch.ts';
import { imageLoader } from '../data/loader.ts';
import { readClassifier } from './classifier.ts';
import type { EngineConfig } from './config.ts';
import { createJudge, type Evaluation } from './evaluate.ts';
import { FILES, folderAt, readJson } from './folder.ts';
import { openHeldOut, openPictures } from './pictures.ts';
import type { Platform } from './platform.ts';
import { classifierFile } from './predict.ts';
import { readRunConfig } from './read-config.ts';
import { goOn, type WorkOptions } from './work.ts';

/** What to score, and on what. */
export interface EvaluateRequest extends WorkOptions {
  /** A run's folder or a file of its weights. */
  readonly run: string;
  /** A folder of classes; the run's own held-out pictures where absent. */
  readonly folder?: string;
  readonly batch?: number;
  readonly engine?: Partial<EngineConfig>;
  readonly strict?: boolean;
  /** Writes the runtime's profile to a file with this prefix. */
  readonly profile?: string;
}

/** Scores, and which files could not be read. */
export interface EvaluateResult {
  readonly classes: readonly string[];
  readonly evaluation: Evaluation;
  readonly skipped: readonly SkippedFile[];
  /** One sentence on them; empty when none was. */
  readonly summary: string;
}

/** Scores a trained classifier on held-out pictures. */
export async function evaluateRun(request: EvaluateRequest, platform: Platform): Promise<EvaluateResult> {
  const { facts, network, weights } = await readClassifier(platform.files, await classifierFile(request.run, platform));
  const { test, parts } = await heldOut(request, facts.classes, platform);
  const engine: EngineConfig = { provider: 'cpu', threads: platform.cores, ...request.engine };
  const batch = request.batch ?? 64;
  const { transform, classes } = facts;
  const judge = await createJudge(platform.runtime, network, {
    ...{ batch, size: transform.size, classes: classes.length },
    ...{ parts, engine, constants: weights },
    ...(request.profile !== undefined && { profile: request.profile }),
  });
  const workers = await platform.startWorkers(Math.min(Math.max(platform.cores - 1, 1), 8));
  try {
    const loading = { batchSize: batch, transform, sampling: 'in-order', seed: 0, cacheBytes: 0 } as const;
    const pictures = imageLoader(workers, test, { ...loading, strict: request.strict ?? false });
    const evaluation = await judge.score(told(pictures, test.samples.length, request), weights, request.signal);
    const skipped = pictures.skipped();
    return { classes, evaluation, skipped, summary: describeSkipped(skipped, test.samples.length) };
  } finally {
    await workers.close();
    await judge.release();
  }
}

/** The same pictures; how far they are is said with each batch. */
function told(pictures: ImageLoader, total: number, work: WorkOptions): ImageLoader {
  return {
    ...pictures,
    epoch: async function* (epoch, options) {
      let done = 0;
      for await (const batch of pictures.epoch(epoch, options)) {
        goOn(work, { what: 'judging', done, total });
        yield batch;
        done += batch.labels.length;
      }
      goOn(work, { what: 'judging', done, total });
    },
  };
}

async function heldOut(
  { run, folder }: EvaluateRequest,
  classes: readonly string[],
  platform: Platform,
): ReturnType<typeof openHeldOut> {
  if (folder !== undefined) return openHeldOut(classes, folder, platform);
  const file = folderAt(run).at(FILES.config);
  if (await platform.output.exists(file)) {
    return openPictures(readRunConfig(await readJson(platform.files, file), file), platform);
  }
  return openHeldOut(classes, null, platform);
}

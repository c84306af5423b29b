import { Fault } from '../core/fault.ts';
import { imageLoader } from '../data/loader.ts';
import { textBytes } from '../data/output.ts';
import type { BatchesPicture, MetricsRow } from '../result/report.ts';
import { readClassifier } from './classifier.ts';
import { createJudge, type Evaluation } from './evaluate.ts';
import { FILES, type Folder, folderAt, readBegun, readMetrics } from './folder.ts';
import { readOutcome } from './outcome.ts';
import { openPictures } from './pictures.ts';
import type { Platform } from './platform.ts';
import { shownBatches } from './records.ts';
import { runReport } from './report.ts';
import { BEGINNING, type Standing } from './standing.ts';

/** A report that was written again. */
export interface RebuiltReport {
  /** Its file. */
  readonly path: string;
  readonly evaluation: Evaluation;
}

/** Writes the report of a run again from its folder: its weights are scored once more on what the run held out. */
export async function rebuildReport(run: string, platform: Platform): Promise<RebuiltReport> {
  const folder = folderAt(run);
  const config = await readBegun(folder, platform);
  await refuseUnfinished(folder, platform);
  const kept = await readClassifier(platform.files, folder.at(FILES.weights));
  const pictures = await openPictures(config, platform);
  const outcome = await readOutcome(folder, platform);
  const metrics = await readMetrics(folder, platform);
  const workers = await platform.startWorkers(Math.min(Math.max(platform.cores - 1, 1), 8));
  try {
    const evaluation = await scored(kept, { config, pictures, workers, platform });
    const standing = standingOf(metrics, outcome?.seconds ?? 0);
    const firstBatches: BatchesPicture | null = await shownBatches(folder, platform);
    const about = { folder, config, pictures, classifier: kept, evaluation, standing, firstBatches };
    const page = await runReport({ ...about, baseline: outcome?.baseline ?? null, workers, platform });
    const path = folder.at(FILES.report);
    await platform.output.write(path, [textBytes(page)]);
    return { path, evaluation };
  } finally {
    await workers.close();
  }
}

async function refuseUnfinished(folder: Folder, { output }: Pick<Platform, 'output'>): Promise<void> {
  if (await output.exists(folder.at(FILES.weights))) return;
  throw new Fault(
    'data',
    `${folder.path}: expected a run that has finished, got one without ${FILES.weights}. Go on with train --resume.`,
  );
}

type Scoring = Pick<Parameters<typeof runReport>[0], 'config' | 'pictures' | 'workers' | 'platform'>;

async function scored(
  { facts, network, weights }: Awaited<ReturnType<typeof readClassifier>>,
  { config, pictures, workers, platform }: Scoring,
): Promise<Evaluation> {
  const { evaluationBatchSize: batch, strict } = config.data;
  const engine = { ...config.engine, threads: platform.cores };
  const { transform, classes } = facts;
  const about = { batch, size: transform.size, classes: classes.length };
  const { parts } = pictures;
  const judge = await createJudge(platform.runtime, network, { ...about, parts, engine, constants: weights });
  try {
    const loading = { batchSize: batch, transform, sampling: 'in-order', seed: 0, cacheBytes: 0, strict } as const;
    return await judge.score(imageLoader(workers, pictures.test, loading), weights);
  } finally {
    await judge.release();
  }
}

function standingOf(metrics: readonly MetricsRow[], seconds: number): Standing {
  return { ...BEGINNING, epoch: Math.round(metrics.at(-1)?.epoch ?? 0), metrics, seconds };
}

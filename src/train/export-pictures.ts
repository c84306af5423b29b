import { Fault } from '../core/fault.ts';
import { random } from '../core/random.ts';
import type { ImageBatch } from '../data/batch.ts';
import type { Dataset } from '../data/dataset.ts';
import type { ImageWorkers } from '../data/load.ts';
import { imageLoader } from '../data/loader.ts';
import type { EvaluationTransform } from '../data/transform-config.ts';
import { FILES, folderAt, readJson } from './folder.ts';
import { openHeldOut, openPictures } from './pictures.ts';
import type { Platform } from './platform.ts';
import { readRunConfig } from './read-config.ts';

/** Pictures for a model of fewer bits: to set its ranges by, and to judge it on. */
export interface ExportPictures {
  readonly calibration: Dataset;
  readonly judged: Dataset;
}

/** Which pictures, and how many at most. */
export interface ExportPicturesRequest {
  readonly run: string;
  readonly classes: readonly string[];
  /** A folder of classes; the run's own pictures where absent. */
  readonly folder?: string;
  readonly calibration: number;
  readonly judged: number;
}

/**
 * The run's training pictures to calibrate with and its held-out pictures to judge on; of a folder that is given, or of
 * the embedded emoji where no run is at hand, every other picture. Some are drawn, always the same, where there are more.
 */
export async function exportPictures(request: ExportPicturesRequest, platform: Platform): Promise<ExportPictures> {
  const { calibration, judged } = await sources(request, platform);
  if (calibration.samples.length === 0 || judged.samples.length === 0) {
    throw new Fault('data', 'export: expected pictures to calibrate with and others to judge on, got too few.');
  }
  return {
    calibration: drawn(calibration, request.calibration),
    judged: drawn(judged, request.judged),
  };
}

async function sources({ run, classes, folder }: ExportPicturesRequest, platform: Platform): Promise<ExportPictures> {
  const file = folderAt(run).at(FILES.config);
  if (folder === undefined && (await platform.output.exists(file))) {
    const { train, test } = await openPictures(readRunConfig(await readJson(platform.files, file), file), platform);
    return { calibration: train, judged: test };
  }
  const { test } = await openHeldOut(classes, folder ?? null, platform);
  const half = (odd: number): Dataset => ({ ...test, samples: test.samples.filter((_, i) => i % 2 === odd) });
  return { calibration: half(0), judged: half(1) };
}

function drawn(dataset: Dataset, most: number): Dataset {
  if (dataset.samples.length <= most) return dataset;
  return { ...dataset, samples: random(0, 'export').shuffle(dataset.samples).slice(0, most) };
}

/** Pictures of a data set in batches, prepared as for judging, each once. */
export function inBatches(
  workers: ImageWorkers,
  dataset: Dataset,
  { transform, signal }: { readonly transform: EvaluationTransform; readonly signal?: AbortSignal },
): AsyncGenerator<ImageBatch, void, undefined> {
  // Calibration keeps every intermediate of a batch: few large pictures, many small ones.
  const batchSize = Math.min(64, Math.max(1, Math.floor((8 * 224 ** 2) / transform.size ** 2)));
  const loading = { batchSize, transform, sampling: 'in-order', seed: 0, cacheBytes: 0 } as const;
  return imageLoader(workers, dataset, loading).epoch(0, signal ? { signal } : {});
}

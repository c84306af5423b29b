import type { ImageLoader } from '../data/batch.ts';
import type { Dataset } from '../data/dataset.ts';
import type { ImageWorkers } from '../data/load.ts';
import { imageLoader } from '../data/loader.ts';
import { fitLogistic, logisticLogits } from '../result/baseline.ts';
import { classMeter } from '../result/classify.ts';
import type { RunConfig } from './config.ts';
import { evaluationTransform } from './data-config.ts';
import type { RunPictures } from './pictures.ts';

/** Most steps of the fit: the score settles long before the gradient does. */
const ITERATIONS = 60;

/**
 * Balanced accuracy on the held-out pictures of a logistic regression on the pixels of pictures of side `side`, fitted
 * on the training pictures with every class weighing the same.
 */
export async function pixelBaseline(
  workers: ImageWorkers,
  pictures: Pick<RunPictures, 'classes' | 'train' | 'test'>,
  config: Pick<RunConfig, 'data'>,
  side: number,
): Promise<number> {
  const transform = evaluationTransform({ ...config.data, size: side, resize: side });
  const load = (dataset: Dataset): Promise<Pixels> =>
    gather(imageLoader(workers, dataset, { batchSize: 64, transform, sampling: 'in-order', seed: 0, cacheBytes: 0 }));
  const classes = pictures.classes.length;
  const train = await load(pictures.train);
  const model = fitLogistic(train.features, train.labels, { classes, weigh: 'balanced', iterations: ITERATIONS });
  const test = await load(pictures.test);
  const meter = classMeter({ classes, keep: 0 });
  meter.add(logisticLogits(model, test.features), test.labels);
  return meter.result().balancedAccuracy;
}

interface Pixels {
  /** [N, 3 · side²] */
  readonly features: Float32Array;
  readonly labels: Int32Array;
}

async function gather(loader: ImageLoader): Promise<Pixels> {
  const batches: { readonly images: Float32Array; readonly labels: Int32Array }[] = [];
  for await (const batch of loader.epoch(0)) batches.push(batch);
  const features = new Float32Array(batches.reduce((n, b) => n + b.images.length, 0));
  const labels = new Int32Array(batches.reduce((n, b) => n + b.labels.length, 0));
  let at = 0;
  let row = 0;
  for (const { images, labels: own } of batches) {
    features.set(images, at);
    labels.set(own, row);
    at += images.length;
    row += own.length;
  }
  return { features, labels };
}

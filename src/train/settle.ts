import { Fault } from '../core/fault.ts';
import { classCounts } from '../data/dataset.ts';
import type { RunConfig } from './config.ts';
import { usualMetric } from './metric.ts';
import { classifier } from './network.ts';
import type { RunPictures } from './pictures.ts';
import type { Platform } from './platform.ts';
import { stepBytes } from './step.ts';
import { stepOptions, traceRun } from './trace-run.ts';

/** A configuration with nothing left open, and what is worth saying of what was chosen. */
export interface Settled {
  readonly config: RunConfig;
  readonly notes: readonly string[];
}

/** Fills in what depends on the machine and the pictures: threads, loss, metric, batch size, learning rate. */
export function settle(
  config: RunConfig,
  platform: Pick<Platform, 'cores' | 'runtime'>,
  pictures: Pick<RunPictures, 'classes' | 'train'>,
): Settled {
  const multiLabel = pictures.train.multiLabel === true;
  const { data, engine } = config;
  const known: RunConfig = {
    ...config,
    data: { ...data, workers: data.workers ?? Math.min(Math.max(platform.cores - 1, 1), 8) },
    engine: { ...engine, threads: engine.threads ?? platform.cores },
    loss: config.loss ?? usualLoss(multiLabel),
    metric: config.metric ?? usualMetric(multiLabel),
  };
  checkAgainst(known, pictures);
  const batch = withBatch(known, platform, pictures);
  const rate = withRate(batch.config);
  const settled = rate.config;
  const steps = Math.max(1, Math.floor(pictures.train.samples.length / settled.data.batchSize));
  if (settled.accumulate > steps) {
    const wanted = `at most the ${steps} batches of an epoch`;
    throw new Fault('config', `accumulate: expected ${wanted}, got ${settled.accumulate}. Lower it or data.batchSize.`);
  }
  return { config: settled, notes: [...batch.notes, ...rate.notes] };
}

function usualLoss(multiLabel: boolean): NonNullable<RunConfig['loss']> {
  return multiLabel ? { kind: 'binary-cross-entropy', threshold: null, sumClasses: false } : { kind: 'cross-entropy' };
}

/** Refuses what does not go with these pictures. */
function checkAgainst(
  { metric, loss, classWeights, baseline }: RunConfig,
  { classes, train }: Pick<RunPictures, 'classes' | 'train'>,
): void {
  if (metric === 'meanAveragePrecision' && !train.multiLabel) {
    const wanted = 'a metric of pictures with one label each (balancedAccuracy, accuracy or loss)';
    throw new Fault('config', `metric: expected ${wanted}, got "${metric}".`);
  }
  if (loss?.kind === 'cross-entropy' && train.multiLabel) {
    const wanted = '"binary-cross-entropy", since pictures have several labels';
    throw new Fault('config', `loss.kind: expected ${wanted}, got "${loss.kind}". Or leave it out.`);
  }
  if (baseline !== null && train.multiLabel) {
    throw new Fault('config', `baseline: expected null where pictures have several labels, got ${baseline}.`);
  }
  if (Array.isArray(classWeights) && classWeights.length !== classes.length) {
    const wanted = `${classes.length} weights, one a class`;
    throw new Fault('config', `classWeights: expected ${wanted}, got ${classWeights.length}.`);
  }
  if (classCounts(train).every((n) => n === 0)) throw new Fault('data', 'pictures: expected labels, got none at all.');
}

/** The learning rate, and the others of its schedule, scaled to the pictures of a step (timm's --lr-base). */
function withRate(config: RunConfig): Settled {
  const { learningRateFor, learningRate, data, accumulate, optimizer } = config;
  if (learningRateFor === null) return { config, notes: [] };
  const pictures = data.batchSize * accumulate;
  const ratio = pictures / learningRateFor;
  const [factor, rule] =
    optimizer.kind === 'sgd' ? [ratio, 'their ratio'] : [Math.sqrt(ratio), 'the root of their ratio'];
  const scaled = (rate: number): number => Number((rate * factor).toPrecision(6));
  const { schedule } = config;
  const rates = {
    ...('minimum' in schedule && { minimum: scaled(schedule.minimum) }),
    ...(typeof schedule.warmupRate === 'number' && { warmupRate: scaled(schedule.warmupRate) }),
  };
  const settled = { learningRate: scaled(learningRate), learningRateFor: null, schedule: { ...schedule, ...rates } };
  const meant = `${learningRate} is meant for ${learningRateFor} pictures a step`;
  const note = `Learning rate ${settled.learningRate}: ${meant}, scaled by ${rule} to ${pictures}.`;
  return { config: { ...config, ...settled }, notes: [note] };
}

/** The largest batch whose step fits. */
function withBatch(
  config: RunConfig,
  { runtime }: Pick<Platform, 'runtime'>,
  pictures: Pick<RunPictures, 'classes' | 'train'>,
): Settled {
  const { autoBatch } = config;
  if (autoBatch === null) return { config, notes: [] };
  const available = runtime.availableBytes?.();
  if (available === undefined) {
    throw new Fault(
      'config',
      `autoBatch: expected a runtime that knows its memory, got ${runtime.name}. Set data.batchSize.`,
    );
  }
  const sized = (batchSize: number): RunConfig => ({ ...config, autoBatch: null, data: { ...config.data, batchSize } });
  const { network } = classifier(config.model, pictures.classes.length);
  const estimate = (batchSize: number): number => {
    const traced = traceRun(sized(batchSize), network, pictures);
    return stepBytes(traced, stepOptions(config, traced.state), config.engine.provider);
  };
  const most = Math.floor(pictures.train.samples.length / config.accumulate);
  const { batch, bytes } = largestBatch(estimate, available * autoBatch, most);
  const gb = (n: number): string => `${(n / 1e9).toFixed(2)} GB`;
  const note = `Batch size ${batch}: a step needs about ${gb(bytes)} of the ${gb(available * autoBatch)} that it may take (${autoBatch} of what is free).`;
  return { config: sized(batch), notes: [note] };
}

/** Largest of 1, 2, 4 and the multiples of 8 that is at most `most` and whose bytes are at most `limit`. */
export function largestBatch(
  estimate: (batch: number) => number,
  limit: number,
  most: number,
): { readonly batch: number; readonly bytes: number } {
  const sizes = [1, 2, 4].filter((n) => n <= Math.max(1, most));
  for (let n = 8; n <= most; n += 8) sizes.push(n);
  const bytes = new Map<number, number>();
  const fits = (i: number): boolean => {
    const size = sizes[i]!;
    if (!bytes.has(size)) bytes.set(size, estimate(size));
    return bytes.get(size)! <= limit;
  };
  // Bytes grow nearly along a line: the search begins where that says, goes on in ever longer strides, then halves.
  const one = estimate(1);
  const each = (estimate(9) - one) / 8;
  const promised = 1 + (limit - one) / Math.max(each, 1);
  let [low, high, stride] = [-1, sizes.length, 1];
  let probe = sizes.findLastIndex((n) => n <= promised);
  while (high - low > 1) {
    probe = Math.min(Math.max(probe, low + 1), high - 1);
    if (fits(probe)) low = probe;
    else high = probe;
    if (high === sizes.length) probe = low + stride;
    else probe = low < 0 ? high - stride : Math.floor((low + high) / 2);
    stride *= 2;
  }
  const batch = sizes[low];
  if (batch !== undefined) return { batch, bytes: bytes.get(batch)! };
  const gb = (n: number): string => `${(n / 1e9).toFixed(2)} GB`;
  throw new Fault(
    'engine',
    `autoBatch: expected a step of one picture in ${gb(limit)}, it needs about ${gb(one)}. Use smaller pictures or free memory.`,
  );
}

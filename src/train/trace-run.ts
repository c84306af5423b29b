import { classWeights } from '../data/class-weights.ts';
import { classCounts } from '../data/dataset.ts';
import type { Network, StateSpec, Traced } from '../model/scope.ts';
import type { RunConfig } from './config.ts';
import { mixesPictures } from './data-config.ts';
import { frozenNorms, parameterSettings, traceTraining } from './network.ts';
import type { RunPictures } from './pictures.ts';
import type { StepOptions } from './step-graph.ts';

/** A run's network in training, for the run's batches and its loss. */
export function traceRun(
  config: RunConfig,
  network: Network,
  { classes, train }: Pick<RunPictures, 'classes' | 'train'>,
): Traced {
  const { data, labelSmoothing, engine, loss } = config;
  const shares = train.multiLabel === true || mixesPictures(data);
  const weights = classWeights(classCounts(train), config.classWeights);
  const frozenNorm = frozenNorms(config, network);
  return traceTraining(network, {
    ...{ batch: data.batchSize, size: data.size, labelSmoothing, provider: engine.provider },
    ...(shares && { targets: classes.length }),
    ...(loss && { loss }),
    ...(weights && { classWeights: weights }),
    ...(frozenNorm && { frozenNorm }),
  });
}

/** How a run's step is built. */
export function stepOptions(config: RunConfig, state: readonly StateSpec[]): StepOptions {
  const { optimizer, clipNorm, clipValue, accumulate, recompute } = config;
  return {
    ...{ optimizer, settings: parameterSettings(config, state), outputs: true, accumulate: accumulate > 1 },
    recompute: recompute !== 'none',
    ...(clipNorm !== null && { clipNorm }),
    ...(clipValue !== null && { clipValue }),
  };
}

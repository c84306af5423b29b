import { float32, floats, type Tensor, type TensorMap } from '../core/tensor.ts';
import type { ImageLoader } from '../data/batch.ts';
import type { Runtime } from '../engine/runtime.ts';
import { createSession, type Session, type SessionOptions } from '../engine/session.ts';
import type { Traced } from '../model/scope.ts';
import { batchFeeds } from './feeds.ts';

/** Over what statistics are taken. */
export interface PreciseNormOptions {
  /** A network traced in training mode. */
  readonly traced: Traced;
  readonly pictures: ImageLoader;
  /** Most batches of the epoch that are used. */
  readonly batches: number;
  readonly seed: number;
  readonly epoch: number;
  readonly session?: SessionOptions;
}

/**
 * Weights whose batch norms have the statistics of all pictures of some batches, instead of running averages that lag
 * behind the weights: precise batch norm (Wu and Johnson 2021, arXiv:2105.07576, section 3).
 *
 *     μ = mean_i μ_i,    σ² = mean_i (σ²_i + μ_i²) − μ²
 *
 * Source: fvcore's update_bn_stats. Departures: nowhere.
 */
export async function preciseNorm(
  runtime: Runtime,
  weights: TensorMap,
  options: PreciseNormOptions,
): Promise<TensorMap> {
  const { traced, pictures, batches, seed, epoch } = options;
  if (traced.updates.size === 0) return weights;
  const outputs = new Map([...traced.updates].map(([name, v]) => [NEXT + name, v]));
  const session = await createSession(runtime, outputs, options.session);
  const means = new Map<string, Moments>();
  try {
    let batch = 0;
    for await (const images of pictures.epoch(epoch)) {
      const feeds = batchFeeds(images, traced, { seed, epoch, batch });
      await addBatch(session, { ...Object.fromEntries(weights), ...feeds }, means);
      if (++batch === batches) break;
    }
  } finally {
    await session.release();
  }
  return new Map([...weights, ...statistics(means)]);
}

/** What is added up of one norm, each [C]. */
interface Moments {
  /** Σ μ_i */
  readonly mean: Float64Array;
  /** Σ σ²_i + μ_i² */
  readonly square: Float64Array;
  /** Share m of a batch in the running statistics. */
  readonly share: number;
  batches: number;
}

/** The graph gives (1 − m) r + m s of running statistics r and a batch's s: m is found by feeding r = 0 and r = 1. */
async function addBatch(session: Session, feeds: Record<string, Tensor>, sums: Map<string, Moments>): Promise<void> {
  const buffers = session.outputs.map((name) => name.slice(NEXT.length));
  const run = async (running: number): Promise<Record<string, Tensor>> => {
    const filled = buffers.map((name) => {
      const { shape } = feeds[name]!;
      return [name, float32(shape, new Float32Array(feeds[name]!.data.length).fill(running))] as const;
    });
    const all: Record<string, Tensor> = { ...feeds, ...Object.fromEntries(filled) };
    return session.run(Object.fromEntries(session.inputs.map(({ name }) => [name, all[name]!])));
  };
  const zero = await run(0);
  const one = sums.size === 0 ? await run(1) : null;
  for (const name of buffers) {
    if (!name.endsWith(MEAN)) continue;
    const path = name.slice(0, -MEAN.length);
    const mean = floats(zero[NEXT + name]!);
    const variance = floats(zero[NEXT + path + VARIANCE]!);
    const before = sums.get(path);
    const sum = before ?? {
      mean: new Float64Array(mean.length),
      square: new Float64Array(mean.length),
      share: 1 - (floats(one![NEXT + name]!)[0]! - mean[0]!),
      batches: 0,
    };
    sums.set(path, sum);
    sum.batches++;
    mean.forEach((v, c) => {
      const mu = v / sum.share;
      sum.mean[c]! += mu;
      sum.square[c]! += variance[c]! / sum.share + mu * mu;
    });
  }
}

const NEXT = 'next/';
const MEAN = '.running_mean';
const VARIANCE = '.running_var';

function* statistics(sums: ReadonlyMap<string, Moments>): Generator<readonly [string, Tensor]> {
  for (const [path, { mean, square, batches }] of sums) {
    const mu = mean.map((v) => v / batches);
    yield [path + MEAN, float32([mu.length], Float32Array.from(mu))];
    // A constant channel has variance 0, from which rounding may take a little.
    const variance = mu.map((m, c) => Math.max(0, square[c]! / batches - m * m));
    yield [path + VARIANCE, float32([mu.length], Float32Array.from(variance))];
  }
}

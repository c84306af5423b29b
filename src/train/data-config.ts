import * as z from 'zod';
import { type MixConfig, mixes } from '../data/augment/mix.ts';
import type { Sampling } from '../data/order.ts';
import type { SourceOptions } from '../data/source.ts';
import type { EvaluationTransform, TrainingTransform } from '../data/transform-config.ts';
import { AUGMENT, type RunAugmentConfig } from './augment-config.ts';
import { SOURCE } from './source-config.ts';

// Without compiled validators no `eval` is asked for, which a strict content-security policy forbids.
z.config({ jitless: true });

/** Which pictures, and how they are prepared. */
export interface DataConfig extends SourceOptions {
  /**
   * A folder of classes, or of `train` and `val` (or `test`) with classes inside; a CSV table; tar shards, as a folder or
   * as `train-{000..012}.tar`. Null: the embedded emoji.
   */
  readonly folder: string | null;
  /** Share of each class that is held out where the data have no part to judge on; 0.2. */
  readonly holdOut: number;
  /** Side of the square that the network sees, in pixels; 64, or 224 for networks with a 7x7 stem. */
  readonly size: number;
  /** Length of the shorter side before the centre crop in evaluation, in pixels; `size`, or 8/7 of it from 128 on. */
  readonly resize: number;
  /** Filter of the antialiased resize. */
  readonly interpolation: 'bilinear' | 'bicubic';
  /** Subtracted from red, green, blue in 0..1, and what divides the rest; ImageNet's. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Least and greatest share of the area that a training crop takes, and its width over height. */
  readonly scale: readonly number[];
  readonly ratio: readonly number[];
  /** Probability of mirroring a training picture. */
  readonly flip: number;
  /** What else is done to training pictures; nothing. */
  readonly augment: RunAugmentConfig;
  /** Pictures of a training step, and of an evaluation step. */
  readonly batchSize: number;
  readonly evaluationBatchSize: number;
  /** Whether classes come as often as they are in the data, equally often, or drawn by `samplingPower`. */
  readonly sampling: Exclude<Sampling, 'in-order'>;
  /** Of `weighted` sampling: a class of n pictures is drawn in proportion to n to this power; 0.5. */
  readonly samplingPower: number;
  /** Threads that decode and prepare pictures; null: one less than the cores, at most 8. */
  readonly workers: number | null;
  /** Bytes of decoded pictures kept for later epochs; 256 MiB. */
  readonly cacheBytes: number;
  /** Whether a picture, row or shard that cannot be read ends the run; otherwise it is skipped, counted and named. */
  readonly strict: boolean;
}

const count = z.int().min(1);
const share = z.number().min(0).max(1);
const positive = z.number().positive();
const three = z.array(z.number()).length(3);
const rising = z
  .array(positive)
  .length(2)
  .refine(([a, b]) => a! <= b!, { error: 'the lesser number first' });
const side = z.int().min(1).max(8192);

/** What is said of the data before the network is known: its sizes may be missing. */
export type SaidOfData = Omit<DataConfig, 'size' | 'resize'> & Partial<Record<'size' | 'resize', number | undefined>>;

/** What may be said of the data. */
export const DATA: z.ZodType<SaidOfData> & { readonly shape: object } = z.strictObject({
  folder: z.string().min(1).nullable().default(null),
  ...SOURCE,
  holdOut: z.number().gt(0).lt(1).default(0.2),
  size: side.optional(),
  resize: side.optional(),
  interpolation: z.enum(['bilinear', 'bicubic']).default('bilinear'),
  mean: three.default([0.485, 0.456, 0.406]),
  std: z.array(z.number().min(1e-6)).length(3).default([0.229, 0.224, 0.225]),
  scale: rising.default([0.35, 1]),
  ratio: rising.default([3 / 4, 4 / 3]),
  flip: share.default(0.5),
  augment: AUGMENT.prefault({}),
  batchSize: count.max(65536).default(32),
  evaluationBatchSize: count.max(65536).default(64),
  sampling: z.enum(['shuffled', 'balanced', 'weighted']).default('balanced'),
  samplingPower: share.default(0.5),
  workers: count.max(256).nullable().default(null),
  cacheBytes: z
    .number()
    .min(0)
    .default(256 * 1024 ** 2),
  strict: z.boolean().default(false),
});

/** What is done to a training picture. */
export function trainingTransform(data: DataConfig): TrainingTransform {
  const { size, interpolation, mean, std, scale, ratio, flip } = data;
  const { mix: _mix, repeats: _repeats, ...augment } = data.augment;
  return { kind: 'training', size, interpolation, mean, std, scale, ratio, flip, augment };
}

/** How training batches are put together, for the image loader. */
export function batchOptions(data: DataConfig): {
  readonly sampling: Exclude<Sampling, 'in-order'>;
  readonly samplingPower: number;
  readonly repeats: number;
  readonly mix: MixConfig;
} {
  const { sampling, samplingPower, augment } = data;
  return { sampling, samplingPower, repeats: augment.repeats, mix: augment.mix };
}

/** Whether training batches carry targets [N, K] because pictures are mixed. */
export function mixesPictures(data: DataConfig): boolean {
  return mixes(data.augment.mix);
}

/** What is done to a picture that is judged. */
export function evaluationTransform(data: DataConfig): EvaluationTransform {
  const { size, resize, interpolation, mean, std } = data;
  return { kind: 'evaluation', size, interpolation, mean, std, resize, intermediate: 'uint8' };
}

import type { Sampling } from '../data/order.ts';
import type { EvaluationTransform, TrainingTransform } from '../data/transform-config.ts';
import type { Provider } from '../engine/runtime.ts';
import type { EmaConfig } from './ema.ts';
import type { OptimizerConfig } from './optimizers/optimizer.ts';
import type { RunSchedule } from './rate.ts';

/** Which pictures, and how they are prepared. */
export interface DataConfig {
  /** A folder of classes, or of `train` and `val` (or `test`) with classes inside; null: the embedded emoji. */
  readonly folder: string | null;
  /** Share of each class that is held out where the folder has no `val` or `test`; 0.2. */
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
  /** Pictures of a training step, and of an evaluation step. */
  readonly batchSize: number;
  readonly evaluationBatchSize: number;
  /** Whether classes come as often as they are in the data, or equally often. */
  readonly sampling: Exclude<Sampling, 'in-order'>;
  /** Threads that decode and prepare pictures; null: one less than the cores, at most 8. */
  readonly workers: number | null;
  /** Bytes of decoded pictures kept for later epochs; 256 MiB. */
  readonly cacheBytes: number;
  /** Whether a picture that cannot be read ends the run; otherwise it is skipped, counted and named. */
  readonly strict: boolean;
}

/** Which network: a name of the table and what is changed of its configuration. `classes` comes from the data. */
export interface ModelConfig {
  readonly name: string;
  readonly overrides: Readonly<Record<string, unknown>>;
  /** A safetensors file to start from; null: fresh weights from the seed. */
  readonly weights: string | null;
  /** Whether tensors of that file that do not fit are left out, and start fresh, instead of being a fault; false. */
  readonly partial: boolean;
}

/** Special treatment of parameters whose path matches `pattern` (a regular expression); the first match counts. */
export interface ParameterGroup {
  readonly pattern: string;
  /** Factor on the learning rate; 1. */
  readonly rate?: number;
  /** Weight decay instead of the run's. */
  readonly decay?: number;
  /** Leaves them as they are. */
  readonly frozen?: boolean;
}

/** Where and with how many threads the graphs run; bit-identity holds for one choice of both. */
export interface EngineConfig {
  readonly provider: Provider;
  /** Threads for one operator; null: the cores. */
  readonly threads: number | null;
}

/** A whole training run as plain JSON. */
export interface RunConfig {
  readonly data: DataConfig;
  readonly model: ModelConfig;
  readonly epochs: number;
  readonly seed: number;
  readonly optimizer: OptimizerConfig;
  /** Learning rate after the warm-up. */
  readonly learningRate: number;
  /** Decay of weights; norms' scales and all biases (tensors of one axis) are spared. */
  readonly weightDecay: number;
  readonly schedule: RunSchedule;
  /** Share of the target that is spread over all classes; 0.1. */
  readonly labelSmoothing: number;
  /** Most common l2 norm of all gradients; null: no clipping. */
  readonly clipNorm: number | null;
  readonly groups: readonly ParameterGroup[];
  /** Average of the weights, evaluated and exported instead of them; null: none. */
  readonly ema: EmaConfig | null;
  /** Epochs between evaluations; the last epoch is always followed by one. */
  readonly evaluateEvery: number;
  /** Steps between rows of `metrics.jsonl`. */
  readonly logEvery: number;
  /** Which weights are exported: the last, or those of the best balanced accuracy among the evaluations. */
  readonly keep: 'last' | 'best';
  /** Side of the pictures that a logistic regression is fitted on to compare with, in pixels; null: none. */
  readonly baseline: number | null;
  /** Licence of the weights, told in every file of them; null: not said. */
  readonly licence: string | null;
  readonly engine: EngineConfig;
}

type Parts = 'data' | 'model' | 'engine';

/** What may be said of a run; what is left out takes its default. */
export type RunOptions = { readonly [K in Parts]?: Partial<RunConfig[K]> } & Partial<Omit<RunConfig, Parts>>;

/** What is done to a training picture. */
export function trainingTransform(data: DataConfig): TrainingTransform {
  const { size, interpolation, mean, std, scale, ratio, flip } = data;
  return { kind: 'training', size, interpolation, mean, std, scale, ratio, flip };
}

/** What is done to a picture that is judged. */
export function evaluationTransform(data: DataConfig): EvaluationTransform {
  const { size, resize, interpolation, mean, std } = data;
  return { kind: 'evaluation', size, interpolation, mean, std, resize, intermediate: 'uint8' };
}

import type { Provider } from '../engine/runtime.ts';
import type { DataConfig } from './data-config.ts';
import type { EmaConfig } from './ema.ts';
import type { OptimizerConfig } from './optimizers/optimizer.ts';
import type { RunSchedule } from './rate.ts';

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
  /** When checkpoints are written besides at the end of every epoch; null: not by that measure. */
  readonly checkpointEvery: { readonly steps: number | null; readonly seconds: number | null };
  /** How many checkpoints are kept, the last one among them. */
  readonly keepCheckpoints: number;
  /** Least seconds between two versions of the report while the run goes on; null: only one, at the end. */
  readonly liveReport: number | null;
  /** Whether an event file for TensorBoard is written. */
  readonly tensorboard: boolean;
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

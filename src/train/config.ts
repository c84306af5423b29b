import type { RandAugmentConfig } from '../data/augment/rand-augment-config.ts';
import type { ClassWeighting } from '../data/class-weights.ts';
import type { Provider } from '../engine/runtime.ts';
import type { DataConfig } from './data-config.ts';
import type { EmaConfig } from './ema.ts';
import type { OptimizerConfig } from './optimizers/optimizer.ts';
import type { EarlyStopConfig } from './plateau.ts';
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

/** What a network's outputs are compared with its targets by. */
export type LossConfig =
  /** Over all classes together: a picture has one, or shares of several. */
  | { readonly kind: 'cross-entropy' }
  /** Each class by itself. `threshold`: targets above it count as 1, others as 0; null: as they are. */
  | { readonly kind: 'binary-cross-entropy'; readonly threshold: number | null; readonly sumClasses: boolean };

/** What is not trained. */
export interface FreezeConfig {
  /** The stem and so many stages: their parameters stay and their norms use running statistics; null: nothing. */
  readonly stages: number | null;
  /** Whether all batch norms use running statistics and leave them as they are; their scales are still trained. */
  readonly norms: boolean;
}

/** A measure of the held-out pictures. */
export type MetricName = 'balancedAccuracy' | 'accuracy' | 'loss' | 'meanAveragePrecision';

/** A whole training run as plain JSON. */
export interface RunConfig {
  /** The recipe that it was begun with; all of what it says stands in the other options. */
  readonly recipe: string | null;
  readonly data: DataConfig;
  readonly model: ModelConfig;
  readonly epochs: number;
  readonly seed: number;
  readonly optimizer: OptimizerConfig;
  /** Learning rate after the warm-up. */
  readonly learningRate: number;
  /**
   * Pictures of a step that `learningRate` is meant for: it is scaled to those of this run, by their ratio, or its root
   * for Adam and LAMB (timm's rule); null: it is taken as it is. Once scaled it is null.
   */
  readonly learningRateFor: number | null;
  /** Decay of weights; norms' scales and all biases (tensors of one axis) are spared. */
  readonly weightDecay: number;
  /** Whether norms' scales and biases decay too; false. */
  readonly decayAll: boolean;
  readonly schedule: RunSchedule;
  /** Null: cross entropy, or binary cross entropy where a picture may have several labels. */
  readonly loss: LossConfig | null;
  /** Share of the target that is spread over all classes; 0.1. */
  readonly labelSmoothing: number;
  /** How classes are weighed in the loss. */
  readonly classWeights: ClassWeighting;
  /** Batches whose gradients make one step. */
  readonly accumulate: number;
  /** Most common l2 norm of all gradients; null: no clipping. */
  readonly clipNorm: number | null;
  /** Most that one number of the gradients may be, either way; null: no clipping. Comes before `clipNorm`. */
  readonly clipValue: number | null;
  readonly groups: readonly ParameterGroup[];
  /** Factor on the learning rate from each layer to the one below, the head having 1 (see `layerOf`); null: 1. */
  readonly layerDecay: number | null;
  readonly freeze: FreezeConfig;
  /** Average of the weights, evaluated and exported instead of them; null: none. */
  readonly ema: EmaConfig | null;
  /** Training batches over which statistics of batch norms are taken anew before weights are judged; 0: none. */
  readonly preciseNorm: number;
  /** What is computed again in the backward pass instead of being kept: less memory, more time. */
  readonly recompute: 'none' | 'blocks';
  /** Share of the available memory that a step may take, `data.batchSize` being chosen by it; null: that counts. */
  readonly autoBatch: number | null;
  /** What decides what is best, when a plateau is reached and when to stop; null: balanced accuracy, or mean average precision. */
  readonly metric: MetricName | null;
  readonly earlyStop: EarlyStopConfig | null;
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
  /** Which weights are exported: the last, or those of the best `metric` among the evaluations. */
  readonly keep: 'last' | 'best';
  /** Side of the pictures that a logistic regression is fitted on to compare with, in pixels; null: none. */
  readonly baseline: number | null;
  /** Licence of the weights, told in every file of them; null: not said. */
  readonly licence: string | null;
  readonly engine: EngineConfig;
}

type Parts = 'data' | 'model' | 'engine' | 'freeze' | 'checkpointEvery';
/** Of these some options may be left out, and the kind where it is that of the recipe or the default. */
type Kinds = 'optimizer' | 'schedule' | 'loss';
type PartsOf<T> = T extends object ? Partial<T> : T;

type PartsOfEach<T> = { readonly [K in keyof T]?: PartsOf<T[K]> };
/** RandAugment may be said in timm's words too. */
type SaidOfAugment = PartsOfEach<Omit<RunConfig['data']['augment'], 'randAugment'>> & {
  readonly randAugment?: Partial<RandAugmentConfig> | string | null;
};

/** What may be said of a run; what is left out takes the recipe's value, else its default. */
export type RunOptions = {
  readonly [K in Exclude<Parts, 'data'>]?: Partial<RunConfig[K]>;
} & { readonly [K in Kinds]?: PartsOf<RunConfig[K]> } & {
  readonly data?: Partial<Omit<DataConfig, 'batchSize' | 'augment'>> & {
    /** `auto`: as many as fit into a share of the memory; see {@link RunConfig.autoBatch}. */
    readonly batchSize?: number | 'auto';
    readonly augment?: SaidOfAugment;
  };
} & Partial<Omit<RunConfig, Parts | Kinds>>;

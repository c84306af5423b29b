import type { ImageLoader } from '../data/batch.ts';
import type { Fact, MetricsRow } from '../result/report.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { RunConfig } from './config.ts';
import type { Evaluation } from './evaluate.ts';
import type { TrainEvent } from './events.ts';
import { beginFolder, FILES, type Folder, metricsLine } from './folder.ts';
import { figuresOf, writeOutcome } from './outcome.ts';
import type { RunPictures } from './pictures.ts';
import type { Platform } from './platform.ts';
import type { Standing } from './standing.ts';
import type { Stepper } from './step.ts';

/** What a run writes down of itself while it goes on, besides checkpoints. */
export interface Records {
  /** Writes configuration and metrics so far, and begins all that is added to. */
  begin(from: Beginning): Promise<void>;
  /** The same batches; the first ones are drawn as the network sees them. */
  watch(training: ImageLoader, classes: readonly string[]): ImageLoader;
  /** Adds a row of metrics. */
  row(row: MetricsRow): Promise<void>;
  /** Takes note of scores, and of the weights that were scored. */
  evaluated(evaluation: Evaluation, stepper: Stepper): Promise<void>;
  /** Takes note of what a run says. */
  hear(event: TrainEvent): void;
  /** Writes down that the run has ended by itself. */
  end(ending: Ending): Promise<void>;
}

/** What a sitting begins with. */
export interface Beginning {
  readonly pictures: RunPictures;
  readonly from: Checkpoint | null;
}

/** What a run ended with. */
export interface Ending {
  readonly evaluation: Evaluation;
  readonly standing: Standing;
  readonly steps: number;
  readonly baseline: number | null;
  readonly classes: readonly string[];
  readonly next: readonly Fact[];
}

/** Of which run. */
export interface RecordsOptions {
  readonly config: RunConfig;
  readonly platform: Platform;
  readonly folder: Folder;
}

/** The records of a run; nothing is written before they begin. */
export function openRecords({ config, platform, folder }: RecordsOptions): Records {
  const { output } = platform;
  return {
    begin: async ({ from }) => {
      await beginFolder(folder, output, { config, metrics: from?.standing.metrics ?? [] });
    },
    watch: (training) => training,
    row: async (row) => {
      await output.append(folder.at(FILES.metrics), metricsLine(row));
    },
    evaluated: async () => undefined,
    hear: () => undefined,
    end: async ({ evaluation, standing, steps, ...rest }) => {
      const { epoch: epochs, seconds, best } = standing;
      await writeOutcome(folder, platform, {
        ...rest,
        ...{ epochs, steps, seconds, best, heldOut: figuresOf(evaluation) },
      });
    },
  };
}

import type { SkippedFile } from '../data/batch.ts';
import type { ProgressState } from '../result/progress.ts';
import type { MetricsRow } from '../result/report.ts';
import type { HubProgress } from '../weights/hub.ts';
import type { RunConfig } from './config.ts';
import type { Evaluation } from './evaluate.ts';

/** What a run says while it goes on. */
export type TrainEvent =
  /** The run begins, or goes on from a step: its folder and resolved configuration. */
  | { readonly kind: 'start'; readonly folder: string; readonly config: RunConfig; readonly step: number }
  /** What it trains and is judged on, in words. */
  | { readonly kind: 'data'; readonly train: string; readonly test: string }
  /** Something worth a line: which weights were taken, what is written now. */
  | { readonly kind: 'note'; readonly text: string }
  /** Published weights are being downloaded; at every hundredth. */
  | { readonly kind: 'download'; readonly progress: HubProgress }
  /** After every step. */
  | { readonly kind: 'progress'; readonly state: ProgressState }
  /** A row of `metrics.jsonl`. */
  | { readonly kind: 'metrics'; readonly row: MetricsRow }
  /** Scores on the held-out pictures, after so many epochs. */
  | { readonly kind: 'evaluation'; readonly epoch: number; readonly evaluation: Evaluation }
  /** Files that could not be read, at the end; never empty. */
  | { readonly kind: 'skipped'; readonly files: readonly SkippedFile[]; readonly summary: string };

/** Takes events as they come. */
export type OnEvent = (event: TrainEvent) => void;

import type { MetricsRow } from '../result/report.ts';

/** Sums over the steps since the last row of metrics. */
export interface Running {
  /** Losses of the steps added up, and the steps. */
  readonly loss: number;
  readonly steps: number;
  readonly correct: number;
  readonly samples: number;
}

/** Where a run stands between two steps; plain JSON, kept in checkpoints beside the tensors. */
export interface Standing {
  /** Epoch under way, from 0. */
  readonly epoch: number;
  /** Batches of it that are done; all of them until it is evaluated. */
  readonly batch: number;
  readonly running: Running;
  readonly metrics: readonly MetricsRow[];
  /** The best evaluation so far. */
  readonly best: { readonly epoch: number; readonly balancedAccuracy: number } | null;
  /** Time spent so far, in seconds, over all sittings. */
  readonly seconds: number;
}

export const NOTHING_RUN: Running = { loss: 0, steps: 0, correct: 0, samples: 0 };

/** Where a run stands before its first step. */
export const BEGINNING: Standing = { epoch: 0, batch: 0, running: NOTHING_RUN, metrics: [], best: null, seconds: 0 };

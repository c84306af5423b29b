import type { MetricsRow } from '../result/report.ts';
import { NO_PLATEAU, NO_STOP, type PlateauState, type StopState } from './plateau.ts';

/** Sums over the steps since the last row of metrics. */
export interface Running {
  /** Losses of the steps added up, and the steps. */
  readonly loss: number;
  readonly steps: number;
  readonly correct: number;
  readonly samples: number;
  /** Norms of all gradients added up; null where they are not taken. */
  readonly gradientNorm: number | null;
}

/** Where a run stands between two steps; plain JSON, kept in checkpoints beside the tensors. */
export interface Standing {
  /** Epoch under way, from 0. */
  readonly epoch: number;
  /** Batches of it whose steps are done; all of them until it is evaluated. */
  readonly batch: number;
  readonly running: Running;
  readonly metrics: readonly MetricsRow[];
  /** The best evaluation so far: after how many epochs, and the value of the run's metric. */
  readonly best: { readonly epoch: number; readonly value: number } | null;
  /** What a plateau schedule and early stopping remember. */
  readonly plateau: PlateauState;
  readonly stop: StopState;
  /** Time spent so far, in seconds, over all sittings. */
  readonly seconds: number;
}

export const NOTHING_RUN: Running = { loss: 0, steps: 0, correct: 0, samples: 0, gradientNorm: null };

/** The sums with those of another step. */
export function addRunning(a: Running, b: Running): Running {
  return {
    loss: a.loss + b.loss,
    steps: a.steps + b.steps,
    correct: a.correct + b.correct,
    samples: a.samples + b.samples,
    gradientNorm: b.gradientNorm === null ? a.gradientNorm : (a.gradientNorm ?? 0) + b.gradientNorm,
  };
}

/** Where a run stands before its first step. */
export const BEGINNING: Standing = {
  ...{ epoch: 0, batch: 0, running: NOTHING_RUN, metrics: [], best: null, seconds: 0 },
  ...{ plateau: NO_PLATEAU, stop: NO_STOP },
};

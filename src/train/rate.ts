import { learningRateAt } from './schedule.ts';

/** How the learning rate goes over a run; times are in epochs. */
export type RunSchedule =
  /** Linear warm-up, then half a cosine to `minimum` (a rate) at the end of the run. */
  | { readonly kind: 'cosine'; readonly warmup: number; readonly minimum: number }
  /** Linear warm-up; the rate is multiplied by `gamma` at each milestone. */
  | {
      readonly kind: 'multistep';
      readonly warmup: number;
      readonly milestones: readonly number[];
      readonly gamma: number;
    }
  /** Linear warm-up, then the full rate. */
  | { readonly kind: 'constant'; readonly warmup: number };

/** Where a run stands: its step, from 0, and how long the run is. */
export interface RunTime {
  readonly step: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
}

/**
 * Learning rate of a step. The warm-up's steps use 1/w, 2/w, .. of the full rate `base`, w being its steps, so that the
 * first step does something (Goyal et al. 2017, arXiv:1706.02677, section 2.2).
 */
export function runLearningRate(schedule: RunSchedule, base: number, time: RunTime): number {
  const warmup = Math.round(schedule.warmup * time.stepsPerEpoch);
  if (time.step < warmup) return (base * (time.step + 1)) / warmup;
  const t = time.step / time.stepsPerEpoch;
  switch (schedule.kind) {
    case 'constant':
      return base;
    case 'multistep':
      return learningRateAt(schedule, base, t);
    case 'cosine': {
      const total = time.epochs * time.stepsPerEpoch;
      const period = Math.max(1, total - warmup);
      return learningRateAt(
        { kind: 'cosine', period, minimum: schedule.minimum, warmup, warmupPrefix: true },
        base,
        time.step,
      );
    }
    default:
      return schedule satisfies never;
  }
}

import { learningRateAt } from './schedule.ts';

/** What all schedules of a run have; times are in epochs. */
export interface RunWarmup {
  /** Length of the linear warm-up. */
  readonly warmup: number;
  /** Rate of the first update of the warm-up; null, or absent: the steps use 1/w, 2/w, .. of the full rate. */
  readonly warmupRate?: number | null;
  /** Whether the rate changes with every `step` (where absent) or every `epoch`. */
  readonly every?: 'step' | 'epoch';
}

/** A schedule of cycles, which fill the run. */
export interface RunCycles extends RunWarmup {
  /** The rate at the end of a cycle. */
  readonly minimum: number;
  /** Whether the first cycle starts after the warm-up (where absent) or with the run, the warm-up hiding its beginning. */
  readonly warmupPrefix?: boolean;
  /** Epochs at `minimum` at the end of the run; 0 where absent. */
  readonly cooldown?: number;
  /** Number of cycles, 1 where absent; length and full rate of one over those of the one before, 1 where absent. */
  readonly cycles?: number;
  readonly cycleScale?: number;
  readonly cycleDecay?: number;
}

/** How the learning rate goes over a run. Warm-up, then: */
export type RunSchedule =
  /** The full rate. */
  | ({ readonly kind: 'constant' } & RunWarmup)
  /** Half a cosine a cycle. */
  | ({ readonly kind: 'cosine'; readonly kDecay?: number } & RunCycles)
  /** (1 − share of the cycle)^power; 0.5 where absent. */
  | ({ readonly kind: 'poly'; readonly kDecay?: number; readonly power?: number } & RunCycles)
  /** Half of 1 − tanh, from −7 to 3. */
  | ({ readonly kind: 'tanh' } & RunCycles)
  /** Multiplied by `gamma` every `period` epochs from the beginning of the run. */
  | ({ readonly kind: 'step'; readonly period: number; readonly gamma: number } & RunWarmup)
  /** Multiplied by `gamma` at each milestone, in epochs from the beginning of the run. */
  | ({ readonly kind: 'multistep'; readonly milestones: readonly number[]; readonly gamma: number } & RunWarmup)
  /** Multiplied by `gamma` when the run's metric has not improved for more than `patience` evaluations; see plateau.ts. */
  | ({ readonly kind: 'plateau' } & PlateauOptions & RunWarmup);

/** When a plateau lowers the rate (torch's ReduceLROnPlateau, timm's PlateauLRScheduler). */
export interface PlateauOptions {
  /** Evaluations without improvement that are let pass; 10. */
  readonly patience: number;
  /** Factor on the rate; 0.1. */
  readonly gamma: number;
  /** Least share of the best value that counts as an improvement; 1e-4. */
  readonly threshold: number;
  /** Evaluations after a reduction that do not count; 0. */
  readonly cooldown: number;
  /** The rate goes no lower; 0. */
  readonly minimum: number;
}

/** Where a run stands: its step, from 0, and how long the run is. */
export interface RunTime {
  readonly step: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
  /** How often a plateau has lowered the rate; 0 where absent. */
  readonly reductions?: number;
}

/**
 * Learning rate of a step. A warm-up without `warmupRate` uses 1/w, 2/w, .. of the full rate `base`, w being its steps, so
 * that the first step does something (Goyal et al. 2017, arXiv:1706.02677, section 2.2); with it, it is timm's.
 */
export function runLearningRate(schedule: RunSchedule, base: number, time: RunTime): number {
  const { step, stepsPerEpoch } = time;
  const unit = schedule.every === 'epoch' ? stepsPerEpoch : 1;
  const now = Math.floor(step / unit) * unit;
  const warmup = Math.round(schedule.warmup * stepsPerEpoch);
  if (now < warmup) return warmupRate(schedule.warmupRate ?? null, base, { now, unit, warmup });
  const t = now / stepsPerEpoch;
  switch (schedule.kind) {
    case 'constant':
      return base;
    case 'multistep':
    case 'step':
      return learningRateAt(schedule, base, t);
    case 'plateau':
      return Math.max(schedule.minimum, base * schedule.gamma ** (time.reductions ?? 0));
    case 'cosine':
    case 'poly':
    case 'tanh': {
      const { cycles = 1, cycleScale = 1, cooldown = 0, warmupPrefix = true } = schedule;
      const total = (time.epochs - cooldown) * stepsPerEpoch - (warmupPrefix ? warmup : 0);
      const lengths = Array.from({ length: cycles }, (_, i) => cycleScale ** i).reduce((a, b) => a + b, 0);
      const period = Math.max(1, total / lengths);
      const { every: _, warmupRate: __, cooldown: ___, ...rest } = schedule;
      return learningRateAt({ ...rest, period, warmup, warmupPrefix }, base, now);
    }
    default:
      return schedule satisfies never;
  }
}

function warmupRate(
  start: number | null,
  base: number,
  { now, unit, warmup }: { readonly now: number; readonly unit: number; readonly warmup: number },
): number {
  if (start === null) return base * Math.min(1, (now + unit) / warmup);
  return start + ((base - start) * now) / warmup;
}

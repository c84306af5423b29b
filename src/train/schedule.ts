import { Fault } from '../core/fault.ts';

/** Learning rate multiplied by `gamma` at each milestone (torch.optim.lr_scheduler.MultiStepLR). */
export interface MultiStepSchedule {
  readonly kind: 'multistep';
  readonly milestones: readonly number[];
  /** 0.1 where absent. */
  readonly gamma?: number;
}

/** Learning rate multiplied by `gamma` every `period` (torch's StepLR, timm's StepLRScheduler). */
export interface StepSchedule {
  readonly kind: 'step';
  readonly period: number;
  /** 0.1 where absent. */
  readonly gamma?: number;
}

/** Half a cosine from the full rate to `minimum` in `period` (torch's CosineAnnealingLR, closed form). */
export interface CosineAnnealingSchedule {
  readonly kind: 'cosine-annealing';
  readonly period: number;
  readonly minimum?: number;
}

/** What timm's schedules of cycles have in common: linear warm-up from `warmupRate`, then cycles down to `minimum`. */
export interface Cycles {
  /** Length of the first cycle (`t_initial`). */
  readonly period: number;
  readonly minimum?: number;
  /** Length of the warm-up (`warmup_t`), 0 where absent. */
  readonly warmup?: number;
  /** Rate of the first update of the warm-up (`warmup_lr_init`), 0 where absent. */
  readonly warmupRate?: number;
  /** Whether the cycles start where the warm-up ends (`warmup_prefix`); otherwise they count from 0. */
  readonly warmupPrefix?: boolean;
  /** Number of cycles (`cycle_limit`), 1 where absent; after the last the rate is `minimum`. */
  readonly cycles?: number;
  /** Length of a cycle over that of the one before (`cycle_mul`), 1 where absent. */
  readonly cycleScale?: number;
  /** Full rate of a cycle over that of the one before (`cycle_decay`), 1 where absent. */
  readonly cycleDecay?: number;
  /** Exponent k on the share of the cycle that has passed (`k_decay`, arXiv:2004.05909), 1 where absent. */
  readonly kDecay?: number;
}

/** timm's CosineLRScheduler: half a cosine a cycle (SGDR, arXiv:1608.03983). */
export interface CosineSchedule extends Cycles {
  readonly kind: 'cosine';
}

/** timm's PolyLRScheduler: (1 − share)^power. */
export interface PolySchedule extends Cycles {
  readonly kind: 'poly';
  /** 0.5 where absent. */
  readonly power?: number;
}

/** timm's TanhLRScheduler: half of 1 − tanh, from `lower` to `upper` (arXiv:1806.01593). */
export interface TanhSchedule extends Omit<Cycles, 'kDecay'> {
  readonly kind: 'tanh';
  /** −7 and 3 where absent. */
  readonly lower?: number;
  readonly upper?: number;
}

/** The full rate throughout. */
export interface ConstantSchedule {
  readonly kind: 'constant';
}

/** How the learning rate changes, as plain JSON. Times are in the unit that the caller counts: epochs or steps. */
export type Schedule =
  | MultiStepSchedule
  | StepSchedule
  | CosineAnnealingSchedule
  | CosineSchedule
  | PolySchedule
  | TanhSchedule
  | ConstantSchedule;

/** Learning rate at time `t` (from 0; fractions allowed) for the full rate `base`. */
export function learningRateAt(schedule: Schedule, base: number, t: number): number {
  switch (schedule.kind) {
    case 'constant':
      return base;
    case 'multistep': {
      const passed = schedule.milestones.filter((m) => t >= m).length;
      return base * (schedule.gamma ?? 0.1) ** passed;
    }
    case 'step':
      return base * (schedule.gamma ?? 0.1) ** Math.floor(t / schedule.period);
    case 'cosine-annealing':
      return halfCosine(base, schedule.minimum ?? 0, t / schedule.period);
    case 'cosine':
      return inCycles(schedule, base, { t, curve: (share) => (1 + Math.cos(Math.PI * share)) / 2 });
    case 'poly':
      return inCycles(schedule, base, { t, curve: (share) => (1 - share) ** (schedule.power ?? 0.5) });
    case 'tanh': {
      const { lower = -7, upper = 3 } = schedule;
      const curve = (share: number): number => (1 - Math.tanh(lower * (1 - share) + upper * share)) / 2;
      return inCycles(schedule, base, { t, curve });
    }
    default:
      schedule satisfies never;
      throw new Fault('config', `schedule: unknown kind in ${JSON.stringify(schedule)}.`);
  }
}

function halfCosine(base: number, minimum: number, share: number): number {
  return minimum + 0.5 * (base - minimum) * (1 + Math.cos(Math.PI * share));
}

/** `curve` falls from 1 to 0 while the share of a cycle that has passed goes from 0 to 1. */
function inCycles(
  s: Cycles,
  base: number,
  { t, curve }: { readonly t: number; readonly curve: (share: number) => number },
): number {
  const { warmup = 0, warmupRate = 0, minimum = 0, cycles = 1, cycleDecay = 1, kDecay = 1 } = s;
  if (t < warmup) return warmupRate + (t * (base - warmupRate)) / warmup;
  const { cycle, share } = placeInCycles(s, s.warmupPrefix ? t - warmup : t);
  if (cycle >= cycles) return minimum;
  return minimum + (base * cycleDecay ** cycle - minimum) * curve(share ** kDecay);
}

/** Which cycle a time lies in, from 0, and how much of it has passed. */
function placeInCycles({ period, cycleScale: m = 1 }: Cycles, t: number): { cycle: number; share: number } {
  if (m === 1) return { cycle: Math.floor(t / period), share: (t % period) / period };
  // Cycles of length period · mⁱ: i of them take period (1 − mⁱ) / (1 − m). Those of m < 1 come to an end.
  const left = 1 - (t / period) * (1 - m);
  if (left <= 0) return { cycle: Number.POSITIVE_INFINITY, share: 0 };
  const cycle = Math.floor(Math.log(left) / Math.log(m) + 1e-9);
  const begun = (period * (1 - m ** cycle)) / (1 - m);
  return { cycle, share: Math.max(0, (t - begun) / (period * m ** cycle)) };
}

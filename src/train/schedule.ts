import { Fault } from '../core/fault.ts';

/** Learning rate multiplied by `gamma` at each milestone (torch.optim.lr_scheduler.MultiStepLR). */
export interface MultiStepSchedule {
  readonly kind: 'multistep';
  readonly milestones: readonly number[];
  /** 0.1 where absent. */
  readonly gamma?: number;
}

/** Half a cosine from the full rate to `minimum` in `period` (torch's CosineAnnealingLR, closed form). */
export interface CosineAnnealingSchedule {
  readonly kind: 'cosine-annealing';
  readonly period: number;
  readonly minimum?: number;
}

/** timm's CosineLRScheduler of one cycle: linear warm-up from `warmupRate`, then half a cosine to `minimum`. */
export interface CosineSchedule {
  readonly kind: 'cosine';
  /** Length of the cosine (`t_initial`). */
  readonly period: number;
  readonly minimum?: number;
  /** Length of the warm-up (`warmup_t`), 0 where absent. */
  readonly warmup?: number;
  /** Rate of the first update of the warm-up (`warmup_lr_init`), 0 where absent. */
  readonly warmupRate?: number;
  /** Whether the cosine starts where the warm-up ends (`warmup_prefix`); otherwise it counts from 0. */
  readonly warmupPrefix?: boolean;
}

/** The full rate throughout. */
export interface ConstantSchedule {
  readonly kind: 'constant';
}

/** How the learning rate changes, as plain JSON. Times are in the unit that the caller counts: epochs or steps. */
export type Schedule = MultiStepSchedule | CosineAnnealingSchedule | CosineSchedule | ConstantSchedule;

/** Learning rate at time `t` (from 0; fractions allowed) for the full rate `base`. */
export function learningRateAt(schedule: Schedule, base: number, t: number): number {
  switch (schedule.kind) {
    case 'constant':
      return base;
    case 'multistep': {
      const passed = schedule.milestones.filter((m) => t >= m).length;
      return base * (schedule.gamma ?? 0.1) ** passed;
    }
    case 'cosine-annealing':
      return halfCosine(base, schedule.minimum ?? 0, t / schedule.period);
    case 'cosine':
      return warmCosine(schedule, base, t);
    default:
      schedule satisfies never;
      throw new Fault('config', `schedule: unknown kind in ${JSON.stringify(schedule)}.`);
  }
}

function halfCosine(base: number, minimum: number, share: number): number {
  return minimum + 0.5 * (base - minimum) * (1 + Math.cos(Math.PI * share));
}

function warmCosine(s: CosineSchedule, base: number, t: number): number {
  const { warmup = 0, warmupRate = 0, minimum = 0 } = s;
  if (t < warmup) return warmupRate + (t * (base - warmupRate)) / warmup;
  const at = s.warmupPrefix ? t - warmup : t;
  return at >= s.period ? minimum : halfCosine(base, minimum, at / s.period);
}

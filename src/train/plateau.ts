import type { PlateauOptions } from './rate.ts';

/** Whether a metric is better the larger or the smaller it is. */
export type Direction = 'up' | 'down';

/** What a plateau schedule remembers between evaluations; plain JSON. */
export interface PlateauState {
  readonly best: number | null;
  /** Evaluations in a row without improvement. */
  readonly bad: number;
  /** Evaluations left that do not count. */
  readonly cooldown: number;
  /** How often the rate has been lowered. */
  readonly reductions: number;
}

export const NO_PLATEAU: PlateauState = { best: null, bad: 0, cooldown: 0, reductions: 0 };

/**
 * What is remembered after another evaluation.
 * Source: torch.optim.lr_scheduler.ReduceLROnPlateau with a relative threshold. Departures: nowhere.
 */
export function plateauAfter(
  state: PlateauState,
  value: number,
  { patience, threshold, cooldown, direction }: PlateauOptions & { readonly direction: Direction },
): PlateauState {
  const { best, reductions } = state;
  const better =
    best === null || (direction === 'up' ? value > best * (1 + threshold) : value < best * (1 - threshold));
  const cooling = state.cooldown > 0;
  const bad = better || cooling ? 0 : state.bad + 1;
  const next = { best: better ? value : best, cooldown: Math.max(0, state.cooldown - 1) };
  if (bad > patience) return { ...next, bad: 0, cooldown, reductions: reductions + 1 };
  return { ...next, bad, reductions };
}

/** When a run ends before its last epoch. */
export interface EarlyStopConfig {
  /** Evaluations without improvement of the run's metric that are let pass. */
  readonly patience: number;
  /** Least difference that counts as an improvement; 0. */
  readonly minDelta: number;
}

/** What early stopping remembers between evaluations; plain JSON. */
export interface StopState {
  readonly best: number | null;
  /** Evaluations in a row without improvement. */
  readonly bad: number;
}

export const NO_STOP: StopState = { best: null, bad: 0 };

/** What is remembered after another evaluation. */
export function stopAfter(state: StopState, value: number, config: EarlyStopConfig, direction: Direction): StopState {
  const gain = state.best === null ? Number.POSITIVE_INFINITY : (value - state.best) * (direction === 'up' ? 1 : -1);
  return gain > config.minDelta ? { best: value, bad: 0 } : { best: state.best, bad: state.bad + 1 };
}

/** Whether the run has waited long enough. */
export function shouldStop(state: StopState, config: EarlyStopConfig | null): boolean {
  return config !== null && state.bad > config.patience;
}

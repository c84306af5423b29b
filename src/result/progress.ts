import { expect } from '../core/fault.ts';
import { formatDuration, formatNumber } from './format.ts';

/** Where a training run stands. */
export interface ProgressState {
  /** Epoch under way, from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps of this epoch that are done. */
  readonly step: number;
  /** Steps of an epoch. */
  readonly steps: number;
  /** Images a second, lately. */
  readonly imagesPerSecond: number;
  /** Training loss, lately. */
  readonly loss: number;
  readonly learningRate: number;
  /** Time until the run ends; see {@link secondsLeft}. */
  readonly secondsLeft: number;
}

/** How a progress line is drawn. */
export interface ProgressOptions {
  /** Columns of the terminal; the line never takes more. */
  readonly width: number;
  /** Letters of the bar: `unicode` (the default), or `ascii` for terminals without it. */
  readonly letters?: 'unicode' | 'ascii';
}

/** Seconds left at the mean pace so far; infinite before anything is done. */
export function secondsLeft(done: number, total: number, secondsSoFar: number): number {
  return done > 0 ? (secondsSoFar / done) * Math.max(0, total - done) : Number.POSITIVE_INFINITY;
}

/** A bar of `width` columns, filled in proportion. */
export function progressBar(fraction: number, width: number, letters: 'unicode' | 'ascii' = 'unicode'): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * width);
  const [full, empty] = letters === 'unicode' ? ['━', '·'] : ['#', '.'];
  return full.repeat(filled) + empty.repeat(width - filled);
}

const GAP = '  ';
const BAR_LEAST = 8;
const BAR_MOST = 24;

/**
 * One line on a training run, at most `width` columns wide, without colour or line end:
 *
 *     epoch 3/20  ━━━━━━━━━···········  57/190  412 images/s  loss 1.204  lr 0.05  4 min 05 s left
 *
 * In a narrow terminal the least telling parts are left out: the bar, then the learning rate, steps, speed, time.
 */
export function progressLine(state: ProgressState, options: ProgressOptions): string {
  const { width, letters = 'unicode' } = options;
  expect(Number.isInteger(width) && width > 0, 'config', `width: expected a whole number from 1, got ${width}.`);
  const pad = (value: number, like: number): string => String(value).padStart(String(like).length);
  const left = formatDuration(state.secondsLeft);
  const parts = [
    { rank: 0, text: `epoch ${pad(state.epoch, state.epochs)}/${state.epochs}` },
    { rank: 4, text: `${pad(state.step, state.steps)}/${state.steps}` },
    { rank: 3, text: `${formatNumber(state.imagesPerSecond, 3)} images/s` },
    { rank: 1, text: `loss ${formatNumber(state.loss, 4)}` },
    { rank: 5, text: `lr ${formatNumber(state.learningRate, 3)}` },
    ...(left === '-' ? [] : [{ rank: 2, text: `${left} left` }]),
  ];
  const join = (kept: readonly { readonly text: string }[]): string => kept.map((p) => p.text).join(GAP);
  let kept = parts;
  for (let most = 5; join(kept).length > width && most > 0; most--) kept = parts.filter((p) => p.rank < most);
  const room = Math.min(BAR_MOST, width - join(kept).length - GAP.length);
  if (kept.length === parts.length && room >= BAR_LEAST) {
    const bar = { text: progressBar(state.step / state.steps, room, letters) };
    return join([kept[0]!, bar, ...kept.slice(1)]);
  }
  return join(kept).slice(0, width);
}

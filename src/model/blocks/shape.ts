import { Fault } from '../../core/fault.ts';
import type { Value } from '../../graph/value.ts';
import type { Scope } from '../scope.ts';

/** The number of channels of a feature map; a fault if it is not known when tracing. */
export function channelsOf(s: Scope, x: Value): number {
  const c = x.shape[1];
  if (x.shape.length > 2 && typeof c === 'number') return c;
  throw new Fault(
    'shape',
    `${s.path}: expected [N, C, ..] with a known number of channels, got ${x.shape.length} axes.`,
  );
}

/** Channels divided by `divisor`; a fault that names the divisors there are unless it divides. */
export function divide(s: Scope, channels: number, divisor: number, what: string): number {
  if (Number.isInteger(divisor) && divisor > 0 && channels % divisor === 0) return channels / divisor;
  const divisors = Array.from({ length: Math.min(channels, 64) }, (_, i) => i + 1).filter((k) => channels % k === 0);
  const use = divisors.length > 1 ? `${divisors.slice(0, -1).join(', ')} or ${divisors[divisors.length - 1]}` : '1';
  throw new Fault(
    'config',
    `${s.path}: expected a ${what} that divides ${channels} channels, got ${divisor}. Use ${use}.`,
  );
}

/** Channels times a factor such as 1/16, rounded down; a fault if nothing is left. */
export function fraction(s: Scope, channels: number, ratio: number): number {
  const inner = Math.floor(channels * ratio);
  if (ratio > 0 && ratio <= 1 && inner >= 1) return inner;
  const least = `at least 1/${channels} and at most 1 (a factor: 1/16 is 0.0625)`;
  throw new Fault('config', `${s.path}: expected a ratio of ${least} for ${channels} channels, got ${ratio}.`);
}

/** The multiple of `divisor` nearest to `value`, at least `divisor` and at least 0.9 of the value (timm's rule). */
export function makeDivisible(value: number, divisor: number, roundLimit = 0.9): number {
  const near = Math.max(divisor, Math.floor((value + divisor / 2) / divisor) * divisor);
  return near < roundLimit * value ? near + divisor : near;
}

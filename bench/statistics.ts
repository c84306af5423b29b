import { Fault } from '../src/core/fault.ts';

/** The value at a share of the way through the sorted values, between neighbours by linear interpolation. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Fault('data', 'quantile: expected at least one value, got none.');
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (at - below) * (high - low);
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** First and third quartile. */
export function quartiles(values: readonly number[]): readonly [number, number] {
  return [quantile(values, 0.25), quantile(values, 0.75)];
}

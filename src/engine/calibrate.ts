import { Fault } from '../core/fault.ts';
import { floats, type Tensor } from '../core/tensor.ts';
import { reduceMax, reduceMin } from '../graph/ops/reduce.ts';
import { inputName } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import type { Frozen } from './frozen.ts';
import type { Range } from './quantise.ts';
import type { Feeds, Runtime } from './runtime.ts';
import { createSession, type Session } from './session.ts';

/** How a range is taken from the numbers that were seen. */
export type CalibrationMethod =
  /** From the least to the greatest. */
  | { readonly kind: 'min-max' }
  /** What holds this share of all numbers, such as 0.9999: rare large numbers do not widen the steps of all others. */
  | { readonly kind: 'percentile'; readonly share: number };

/** Bins of a histogram between the least and the greatest number. */
const BINS = 4096;

/**
 * The range of each value over batches that are fed. A percentile takes two passes: `batches` is called for each, and
 * must give the same ones.
 */
export async function calibrate(
  runtime: Runtime,
  frozen: Pick<Frozen, 'constants'> & { readonly values: ReadonlySet<Value> },
  batches: () => AsyncIterable<Feeds>,
  method: CalibrationMethod,
): Promise<Map<Value, Range>> {
  const values = [...frozen.values];
  const extremes = await seenExtremes(runtime, frozen.constants, values, batches());
  if (method.kind === 'min-max') return extremes;
  return percentiles(runtime, frozen.constants, { extremes, share: method.share }, batches());
}

async function seenExtremes(
  runtime: Runtime,
  constants: Frozen['constants'],
  values: readonly Value[],
  batches: AsyncIterable<Feeds>,
): Promise<Map<Value, Range>> {
  const least = values.map(() => Number.POSITIVE_INFINITY);
  const greatest = values.map(() => Number.NEGATIVE_INFINITY);
  const outputs = new Map<string, Value>();
  values.forEach((v, i) => {
    outputs.set(`least ${i}`, reduceMin(v, undefined, false));
    outputs.set(`greatest ${i}`, reduceMax(v, undefined, false));
  });
  await eachRun(runtime, { outputs, constants }, batches, (results) => {
    values.forEach((_, i) => {
      least[i] = Math.min(least[i]!, floats(results[`least ${i}`]!)[0]!);
      greatest[i] = Math.max(greatest[i]!, floats(results[`greatest ${i}`]!)[0]!);
    });
  });
  return new Map(values.map((v, i) => [v, { least: least[i]!, greatest: greatest[i]! }]));
}

async function percentiles(
  runtime: Runtime,
  constants: Frozen['constants'],
  { extremes, share }: { readonly extremes: ReadonlyMap<Value, Range>; readonly share: number },
  batches: AsyncIterable<Feeds>,
): Promise<Map<Value, Range>> {
  const values = [...extremes.keys()];
  const counts = values.map(() => new Float64Array(BINS));
  // What is fed is no output of a graph: its range stays as it was seen.
  const outputs = new Map(values.flatMap((v, i) => (inputName(v) === undefined ? [[`value ${i}`, v] as const] : [])));
  await eachRun(runtime, { outputs, constants }, batches, (results) => {
    values.forEach((v, i) => {
      const t = results[`value ${i}`];
      if (t) count(floats(t), extremes.get(v)!, counts[i]!);
    });
  });
  return new Map(values.map((v, i) => [v, cut(counts[i]!, extremes.get(v)!, share)]));
}

async function eachRun(
  runtime: Runtime,
  graph: { readonly outputs: ReadonlyMap<string, Value>; readonly constants: Frozen['constants'] },
  batches: AsyncIterable<Feeds>,
  take: (results: Record<string, Tensor>) => void,
): Promise<void> {
  const session: Session = await createSession(runtime, graph.outputs, { constants: graph.constants });
  let runs = 0;
  try {
    for await (const feeds of batches) {
      take(await session.run(feeds));
      runs++;
    }
  } finally {
    await session.release();
  }
  if (runs === 0) throw new Fault('data', 'calibration: expected at least one batch of pictures, got none.');
}

function count(data: Float32Array, { least, greatest }: Range, into: Float64Array): void {
  const width = (greatest - least) / BINS;
  if (!(width > 0)) return;
  for (const value of data) {
    const bin = Math.min(BINS - 1, Math.max(0, Math.floor((value - least) / width)));
    into[bin]! += 1;
  }
}

/** The range without (1 − share) / 2 of the numbers at each end. */
function cut(counts: Float64Array, range: Range, share: number): Range {
  const total = counts.reduce((a, b) => a + b, 0);
  if (total === 0) return range;
  const spare = (total * (1 - share)) / 2;
  const width = (range.greatest - range.least) / BINS;
  let [low, high] = [0, BINS - 1];
  for (let left = counts[0]!; left <= spare && low < high; left += counts[low]!) low++;
  for (let right = counts[BINS - 1]!; right <= spare && high > low; right += counts[high]!) high--;
  return { least: range.least + low * width, greatest: range.least + (high + 1) * width };
}

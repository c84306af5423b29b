import { Fault } from '../core/fault.ts';
import { sameShape, showShape, sizeOf } from '../core/shape.ts';
import { type Tensor, type TensorMap, toNumbers } from '../core/tensor.ts';
import { type Bound, boundsOf } from './bounds.ts';
import type { ArrayCase, CaseOutput } from './case.ts';
import { samplePositions } from './fill.ts';

/** How one output of ours stands against the reference's. */
export interface Verdict {
  readonly output: string;
  /** In the measure of the bound that came nearest to holding; Infinity where nothing can be compared. */
  readonly error: number;
  readonly bound: number;
  readonly measure: Bound['measure'];
  readonly pass: boolean;
  /** What is wrong; empty if nothing is. */
  readonly why: string;
}

/** How a whole case stands: its worst output. */
export interface CaseVerdict {
  readonly pass: boolean;
  readonly error: number;
  readonly bound: number;
  readonly why: string;
}

/** Judges every output of a case; one that is missing in `ours` fails, more than asked for does no harm. */
export function compareCase(c: ArrayCase, ours: TensorMap): Verdict[] {
  return [...c.outputs.values()].map((o) => compareOutput(c, o, ours.get(o.name)));
}

/** Judges one output of a case by the rules of the corpus ("Agreement", "Bounds"). */
export function compareOutput(c: ArrayCase, output: CaseOutput, ours: Tensor | undefined): Verdict {
  const bounds = boundsOf(c, output);
  const reject = (why: string): Verdict => ({
    output: output.name,
    error: Number.POSITIVE_INFINITY,
    bound: bounds[0]!.most,
    measure: bounds[0]!.measure,
    pass: false,
    why,
  });
  if (!ours) return reject('the output is missing');
  const bothSingle = sizeOf(ours.shape) === 1 && sizeOf(output.shape) === 1;
  if (!sameShape(ours.shape, output.shape) && !bothSingle) {
    return reject(`expected the shape ${showShape(output.shape)}, got ${showShape(ours.shape)}`);
  }
  const all = toNumbers(ours);
  const wrong = all.findIndex(Number.isNaN);
  if (wrong >= 0) return reject(`element ${wrong} is not a number`);
  let pairs = pairUp(output, ours, all);
  if (pairs.theirs.some(Number.isNaN)) return reject('the reference holds a value that is not a number');
  if (output.name === 'grad_l2.step1' && c.rules.zeroGradients.length > 0) {
    const zero = judgeZeroEntries(c, pairs);
    if (!zero.pass) return zero;
    pairs = withoutZeroEntries(c, pairs);
  }
  const measured = measure(pairs);
  const verdicts = bounds.map((b) => judge(output.name, b, measured, all));
  return verdicts.reduce((best, v) => (strain(v) < strain(best) ? v : best));
}

/** The worst output of a case, failures first; a case without outputs does not pass. */
export function summarize(verdicts: readonly Verdict[]): CaseVerdict {
  const failed = verdicts.filter((v) => !v.pass);
  const pool = failed.length > 0 ? failed : verdicts;
  const [first, ...rest] = pool;
  if (!first) return { pass: false, error: Number.POSITIVE_INFINITY, bound: 0, why: 'the case names no outputs' };
  const worst = rest.reduce((a, v) => (strain(v) > strain(a) ? v : a), first);
  const more = failed.length > 1 ? ` (and ${failed.length - 1} of ${verdicts.length} outputs more)` : '';
  const why = worst.pass ? '' : `${worst.output}: ${worst.why}${more}`;
  return { pass: failed.length === 0, error: worst.error, bound: worst.bound, why };
}

/** Elements to compare, as stored; integers beyond 2^53 differ in `bigintsDiffer` where they do not here. */
interface Pairs {
  readonly ours: Float64Array;
  readonly theirs: Float64Array;
  readonly bigintsDiffer: boolean;
}

function pairUp(output: CaseOutput, ours: Tensor, all: Float64Array): Pairs {
  const theirs = toNumbers(output.values);
  if (output.stored === 'sampled') {
    const at = samplePositions(output.name, all.length, theirs.length);
    return { ours: at.map((i) => all[i]!), theirs, bigintsDiffer: false };
  }
  const a = ours.data;
  const b = output.values.data;
  const both = a instanceof BigInt64Array && b instanceof BigInt64Array;
  return { ours: all, theirs, bigintsDiffer: both && a.some((v, i) => v !== b[i]) };
}

interface Measured {
  readonly maxAbs: number;
  readonly meanAbs: number;
  /** max |ours - theirs| / max |theirs|; 0 / 0 counts as 0. */
  readonly relative: number;
  readonly differ: boolean;
  /** Where |ours - theirs| is largest, in words. */
  readonly at: string;
}

function measure({ ours, theirs, bigintsDiffer }: Pairs): Measured {
  let maxAbs = 0;
  let sum = 0;
  let largest = 0;
  let worst = -1;
  for (let i = 0; i < theirs.length; i++) {
    const off = ours[i] === theirs[i] ? 0 : Math.abs(ours[i]! - theirs[i]!); // equal infinities are 0 apart
    sum += off;
    if (off > maxAbs) {
      maxAbs = off;
      worst = i;
    }
    const size = Math.abs(theirs[i]!);
    if (size > largest && size !== Number.POSITIVE_INFINITY) largest = size;
  }
  return {
    maxAbs,
    meanAbs: theirs.length > 0 ? sum / theirs.length : 0,
    relative: maxAbs === 0 ? 0 : maxAbs / largest,
    differ: maxAbs > 0 || bigintsDiffer,
    at: worst < 0 ? '' : ` at stored element ${worst} (ours ${short(ours[worst]!)}, theirs ${short(theirs[worst]!)})`,
  };
}

function judge(output: string, bound: Bound, m: Measured, all: Float64Array): Verdict {
  const verdict = (error: number, most: number, what: string): Verdict => {
    const pass = error <= most;
    const why = pass ? '' : `${what} ${short(error)}${m.at}, allowed ${short(most)}`;
    return { output, error, bound: most, measure: bound.measure, pass, why };
  };
  switch (bound.measure) {
    case 'relative':
      return verdict(m.relative, bound.most, 'relative error');
    case 'absolute':
      return verdict(m.maxAbs, bound.most, 'absolute error');
    case 'exact':
      return verdict(m.differ ? Math.max(m.maxAbs, Number.MIN_VALUE) : 0, 0, 'exact values differ by');
    case 'zero':
      return verdict(largestOf(all), bound.most, 'expected zero in exact arithmetic, got');
    case 'agree': {
      const most = verdict(m.maxAbs, bound.most, 'absolute error');
      if (!most.pass || bound.mean === undefined) return most;
      const mean = verdict(m.meanAbs, bound.mean, 'mean absolute error');
      return mean.pass ? most : mean;
    }
    default:
      return bound.measure satisfies never;
  }
}

/**
 * Entries of `grad_l2.step1` whose gradient is zero in exact arithmetic: each at most max(1e-5 G, 10 times the stored
 * one), G the largest entry. All other entries
 * count in the relative error of the whole vector.
 */
function judgeZeroEntries(c: ArrayCase, pairs: Pairs): Verdict {
  const { paramOrder, zeroGradients } = c.rules;
  if (paramOrder.length !== pairs.theirs.length) {
    throw new Fault(
      'data',
      `${c.name}: expected config.param_order to name the ${pairs.theirs.length} entries of grad_l2.step1, got ${paramOrder.length}.`,
    );
  }
  const largest = largestOf(pairs.theirs);
  let worst: Verdict | undefined;
  for (const name of zeroGradients) {
    const i = paramOrder.indexOf(name);
    if (i < 0) throw new Fault('data', `${c.name}: expected "${name}" of zero_gradients in config.param_order.`);
    const error = Math.abs(pairs.ours[i]!);
    const bound = Math.max(1e-5 * largest, 10 * Math.abs(pairs.theirs[i]!));
    const pass = error <= bound;
    const why = pass ? '' : `${name}: expected zero in exact arithmetic, got ${short(error)}, allowed ${short(bound)}`;
    const v: Verdict = { output: 'grad_l2.step1', error, bound, measure: 'zero', pass, why };
    if (!worst || strain(v) > strain(worst)) worst = v;
  }
  return worst!;
}

/** The vector with the entries that {@link judgeZeroEntries} has judged made equal. */
function withoutZeroEntries(c: ArrayCase, pairs: Pairs): Pairs {
  const judged = new Set(c.rules.zeroGradients);
  return { ...pairs, ours: pairs.ours.map((v, i) => (judged.has(c.rules.paramOrder[i]!) ? pairs.theirs[i]! : v)) };
}

function largestOf(values: Float64Array): number {
  return values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
}

/** Error as a share of what is allowed; above 1 is a failure. */
function strain(v: Verdict): number {
  if (v.error === 0) return 0;
  return v.bound > 0 ? v.error / v.bound : Number.POSITIVE_INFINITY;
}

function short(x: number): string {
  return Number.isInteger(x) ? `${x}` : x.toPrecision(4);
}

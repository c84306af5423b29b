import { float32, type Tensor, tensor, toNumbers } from '../../src/core/tensor.ts';
import { type ArrayCase, loadCase } from '../../src/golden/case.ts';
import { compareCase, type Verdict } from '../../src/golden/compare.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';

/** How a made case differs from a block without configuration. */
export interface Made {
  readonly folder?: string;
  readonly config?: object;
  readonly notes?: string;
  /** Shape of an output that is stored by samples. */
  readonly sampled?: readonly number[];
}

/** A case whose outputs are these tensors. */
export function make(
  outputs: Readonly<Record<string, Tensor>>,
  { folder = 'blocks', config = {}, notes = '', sampled }: Made = {},
): ArrayCase {
  const described = Object.entries(outputs).map(([key, t]) => {
    const absmax = toNumbers(t).reduce((most, v) => (Math.abs(v) < Infinity ? Math.max(most, Math.abs(v)) : most), 0);
    const stored = sampled ? 'sampled' : 'whole';
    return [key, { shape: sampled ?? t.shape, mean: 0, l2: 0, absmax, stored }] as const;
  });
  const json = {
    name: 'made',
    source: 'this test',
    checks: 'judging',
    notes,
    config,
    inputs: {},
    state: [],
    outputs: Object.fromEntries(described),
    parameters: 0,
  };
  const pairs = Object.entries(outputs).map(([k, t]) => [sampled ? `${k}@val` : k, t] as const);
  return loadCase(JSON.stringify(json), { folder, weights: writeSafetensors(pairs) }) as ArrayCase;
}

/** The verdict on a case with one output. */
export function judge(theirs: Tensor, ours: Tensor, made: Made = {}, name = 'y'): Verdict {
  return compareCase(make({ [name]: theirs }, made), new Map([[name, ours]]))[0]!;
}

/** A float32 tensor of one axis. */
export const vector: (...values: number[]) => Tensor = (...values) => float32([values.length], values);
/** What the reference gave. */
export const theirs: Tensor = vector(4, -2, 1);
/** Off by this share of the largest element. */
export const off: (share: number) => Tensor = (share) => tensor('float64', [3], Float64Array.of(4, -2, 1 + 4 * share));

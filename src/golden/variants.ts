import { Fault } from '../core/fault.ts';
import type { Tensor } from '../core/tensor.ts';
import { backward } from '../graph/backward.ts';
import * as op from '../graph/ops/index.ts';
import { input } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { type GoldenEnvironment, runGraph, tensorInput } from './attempt.ts';
import type { ArrayCase } from './case.ts';

/** The variants of an operator that a case checks: what follows the first dot of its outputs, once each. */
export function variantsOf(c: ArrayCase): string[] {
  const names = [...c.outputs.keys()].map((name) => name.slice(name.indexOf('.') + 1));
  return [...new Set(names)];
}

/** A variant's name in words: between underscores. */
export function wordsOf(variant: string): string[] {
  return variant.split('_');
}

/** The numbers of `27x35`. */
export function sizesOf(word: string): number[] {
  return word.split('x').map(Number);
}

/**
 * The key of the input that an operator knows as `name`: that name, or, where the case calls it otherwise, the only key
 * that is neither a cotangent nor among the operator's other `names`.
 */
export function keyOf(c: ArrayCase, name: string, names: readonly string[] = [name]): string {
  if (c.inputs.has(name)) return name;
  const free = [...c.inputs.keys()].filter((key) => !key.startsWith('dy') && !names.includes(key));
  return free.length === 1 ? free[0]! : name;
}

/**
 * Runs all variants of an operator in one graph. `names` are the inputs that it reads; outputs are `y.VARIANT` and
 * `dK.VARIANT` for each input K, the gradient of Σ y dy with `dy.VARIANT`, or `dy` where that is one for all.
 */
export async function runVariants(
  c: ArrayCase,
  env: GoldenEnvironment,
  names: readonly string[],
  variants: ReadonlyMap<string, (values: readonly Value[]) => Value>,
): Promise<Map<string, Tensor>> {
  const feeds: Record<string, Tensor> = {};
  const fed = new Map<string, Value>();
  const feed = (key: string): Value => {
    const t = tensorInput(c, key);
    feeds[key] = t;
    const v = fed.get(key) ?? input(key, t.dtype, t.shape);
    fed.set(key, v);
    return v;
  };
  const values = names.map((name) => feed(keyOf(c, name, names)));
  const outputs = new Map<string, Value>();
  for (const [variant, build] of variants) {
    const y = build(values);
    if (c.outputs.has(`y.${variant}`)) outputs.set(`y.${variant}`, y);
    const wanted = names.flatMap((name, i) => (c.outputs.has(`d${name}.${variant}`) ? [i] : []));
    if (wanted.length === 0) continue;
    const dy = feed(c.inputs.has(`dy.${variant}`) ? `dy.${variant}` : 'dy');
    const gradients = backward(
      op.reduceSum(op.mul(y, dy), undefined, false),
      wanted.map((i) => values[i]!),
    );
    for (const i of wanted) {
      const g = gradients.get(values[i]!);
      if (!g) throw new Fault('graph', `${variant}: expected a gradient of ${names[i]}, got none.`);
      outputs.set(`d${names[i]}.${variant}`, g);
    }
  }
  return runGraph(env, outputs, feeds);
}

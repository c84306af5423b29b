import { backward } from './backward.ts';
import { input, rewrite } from './trace.ts';
import type { Value } from './value.ts';

/**
 * The derivative of an operator that equals a composition of others: differentiates the composition.
 * `compose` is given stand-ins for `inputs`, so that neither what they depend on nor each other takes part. Gives the
 * gradient of each input for `dy`, undefined where none flows.
 */
export function gradientsOf(
  compose: (inputs: readonly Value[]) => Value,
  inputs: readonly Value[],
  dy: Value,
): (Value | undefined)[] {
  const places = [...inputs, dy];
  const standIns = places.map((v, i) => input(`stand-in ${i}`, v.dtype, v.shape));
  const y = compose(standIns.slice(0, -1));
  const gradients = backward(y, standIns.slice(0, -1), standIns[inputs.length]!);
  const named = standIns.flatMap((v, i) => {
    const g = gradients.get(v);
    return g ? [[String(i), g] as const] : [];
  });
  const real = new Map(standIns.map((v, i) => [v.node, places[i]!]));
  const placed = rewrite(new Map(named), (node) => {
    const v = real.get(node);
    return v && [v];
  });
  return inputs.map((_, i) => placed.get(String(i)));
}

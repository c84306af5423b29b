import { type Numbers, numbers, sizeOf } from '../numbers.ts';
import { AGGREGATE } from './aggregate.ts';
import { input, type Kernel } from './kernel.ts';

/** [N, heads, C, L] → [N, heads · C, L] */
function merged(x: Numbers | undefined): Numbers | undefined {
  return x && numbers([x.shape[0]!, x.shape[1]! * x.shape[2]!, x.shape[3]!], x.data);
}

/** `aggregate` of tensors by head: the affinity is the same, and the channels of a head lie side by side. */
const aggregateByRows: Kernel = (call) => {
  const [queries, keys, , scores, prior, mask] = call.inputs;
  const values = input(call, 2);
  const inputs = [merged(queries), merged(keys), merged(values), scores, prior, mask];
  const [y] = AGGREGATE['aggregate']!({ ...call, inputs });
  const [n, heads, v] = values.shape as [number, number, number];
  return [numbers([n, heads, v, sizeOf(y!.shape) / (n * heads * v)], y!.data)];
};

/** The affinity read by blocks of rows. */
export const ATTENTION: Readonly<Record<string, Kernel>> = { aggregateByRows };

import { addDim, mulDim, productDim } from '../../dimension.ts';
import { readPlainly } from '../affinity.ts';
import { plainMacs, type Site } from '../record.ts';
import { BYTES, type Cost, type Lowering, mapBytes, mapCopies } from './lowering.ts';

/** All weights at once, then one product, or a copy of the values for each place of a window: any affinity. */
export const PLAIN: Lowering = {
  general: true,
  refuses: () => undefined,
  cost: (site) => ({ macs: plainMacs(site), bytes: addDim(mapBytes(site, mapCopies(site)), windowBytes(site)) }),
  pace: ({ window }) => (window ? 100 : 1),
  build: readPlainly,
};

/** Bytes of the values (and keys) at every place of every window, copied and multiplied. */
function windowBytes({ window, n, heads, q, l, d, v }: Site): Cost['bytes'] {
  return window ? mulDim(productDim([n, heads, q, l]), 2 * (d + v) * BYTES) : 0;
}

import { readPlainly } from '../affinity.ts';
import { plainMacs } from '../record.ts';
import { type Lowering, mapBytes, mapCopies } from './lowering.ts';

/** All weights at once, then one product, or a copy of the values for each place of a window: any affinity. */
export const PLAIN: Lowering = {
  general: true,
  refuses: () => undefined,
  cost: (site) => ({ macs: plainMacs(site), bytes: mapBytes(site, mapCopies(site)) }),
  pace: 1,
  build: readPlainly,
};

import { affinityOf, mergeHeads, readWith, splitHeads } from '../affinity.ts';
import { plainMacs } from '../record.ts';
import { type Lowering, mapBytes, mapCopies } from './lowering.ts';

/** All weights at once, then one product: any affinity. */
export const PLAIN: Lowering = {
  refuses: () => undefined,
  cost: (site) => ({ macs: plainMacs(site), bytes: mapBytes(site, mapCopies(site)) }),
  pace: 1,
  build: (site) => mergeHeads(readWith(splitHeads(site.values, site.heads), affinityOf(site)), site),
};

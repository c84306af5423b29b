import { mulDim } from '../../dimension.ts';
import { reduceMean, reduceSum } from '../../ops/reduce.ts';
import { mergeHeads, valuesOf } from '../affinity.ts';
import { BYTES, type Lowering } from './lowering.ts';

/** A plain mean (or sum) of the values, where nothing is compared. */
export const MEAN: Lowering = {
  refuses: ({ affinity: { score } }) => (score.kind === 'none' ? undefined : 'positions are weighed'),
  cost: ({ n, heads, v }) => ({ macs: 0, bytes: mulDim(n, heads * v * BYTES) }),
  pace: 1,
  build: (site) => {
    const lines = valuesOf(site);
    const { normalise } = site.affinity;
    return mergeHeads(normalise === 'none' ? reduceSum(lines, [3]) : reduceMean(lines, [3]), site);
  },
};

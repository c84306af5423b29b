import { addDim, mulDim, productDim } from '../../dimension.ts';
import { matMul } from '../../ops/matrix.ts';
import { mergeHeads, overCount, partsOf, valuesOf } from '../affinity.ts';
import { BYTES, type Lowering } from './lowering.ts';

/** (V Kᵀ) Q instead of V (Kᵀ Q): without a softmax the product is associative, and its middle is only V x D. */
export const ASSOCIATIVE: Lowering = {
  refuses: ({ affinity: { score, normalise }, prior }) => {
    if (score.kind !== 'dot-product') return 'the score is no dot product';
    if (normalise === 'softmax') return 'a softmax stands between the products';
    return prior ? 'a prior is added to the scores' : undefined;
  },
  cost: ({ n, heads, q, l, d, v }) => ({
    macs: productDim([n, heads, d, v, addDim(q, l)]),
    bytes: mulDim(productDim([n, heads, d, v]), BYTES),
  }),
  pace: 1,
  build: (site) => {
    const { score, normalise } = site.affinity;
    const scale = score.kind === 'dot-product' ? score.scale : 1;
    const { queries, keys } = partsOf(site);
    const alpha = normalise === 'count' && typeof site.l === 'number' ? scale / site.l : scale;
    const middle = matMul(valuesOf(site), keys!, { transB: true, alpha }); // [N, heads, V, D]
    const open = normalise === 'count' && typeof site.l !== 'number';
    return mergeHeads(matMul(open ? overCount(middle, site.l) : middle, queries!), site);
  },
};

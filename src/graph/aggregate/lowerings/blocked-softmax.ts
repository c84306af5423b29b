import { mulDim, sameDim } from '../../dimension.ts';
import { reshape, transpose } from '../../ops/layout.ts';
import type { Value } from '../../value.ts';
import { multiHeadAttention } from '../attention.ts';
import { plainMacs } from '../record.ts';
import { type Lowering, positionBytes } from './lowering.ts';

/** Softmax attention in blocks that stay in the cache: memory is linear in the positions. */
export const BLOCKED_SOFTMAX: Lowering = {
  refuses: (site, { provider, training }) => {
    const {
      affinity: { score, normalise },
      prior,
      queries,
      n,
    } = site;
    if (score.kind !== 'dot-product' || normalise !== 'softmax') return 'it is no softmax over dot products';
    if (prior) return 'with a prior the runtime makes the whole map';
    if (!sameDim(queries!.shape[0]!, n)) return 'the images share their queries';
    if (site.layout !== 'channels-first' || site.runs !== site.heads) return 'the channels lie otherwise';
    if (provider !== 'cpu') return `provider ${provider} has no blocked form`;
    return training ? 'it has no derivative' : undefined;
  },
  cost: (site) => ({ macs: plainMacs(site), bytes: mulDim(positionBytes(site), 2) }),
  pace: 1.4,
  build: (site) => {
    const { score } = site.affinity;
    const lines = (x: Value): Value => transpose(reshape(x, [x.shape[0]!, x.shape[1]!, -1]), [0, 2, 1]);
    const attributes = { heads: site.heads, scale: score.kind === 'dot-product' ? score.scale : 1 };
    const y = multiHeadAttention(lines(site.queries!), lines(site.keys!), lines(site.values), attributes);
    return reshape(transpose(y, [0, 2, 1]), [site.n, site.heads * site.v, ...site.affinity.querySpace]);
  },
};

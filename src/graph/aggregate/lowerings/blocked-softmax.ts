import { addDim, type Dim, mulDim, sameDim } from '../../dimension.ts';
import { reshape } from '../../ops/layout.ts';
import type { Value } from '../../value.ts';
import { mergeHeads, partsOf, valuesOf } from '../affinity.ts';
import { headsAsLines, linesByHead, multiHeadAttention } from '../attention.ts';
import { aggregateByRows } from '../by-rows.ts';
import { plainMacs, type Site } from '../record.ts';
import { blockBytes, rowReadingOf, unknownSizes } from './blocks-of-rows.ts';
import { type Lowering, positionBytes } from './lowering.ts';

/**
 * Softmax attention in blocks that stay in the cache, by the runtime's own operator; backward in blocks of rows. Memory
 * is linear in the positions.
 */
export const BLOCKED_SOFTMAX: Lowering = {
  refuses: (site, { provider, training }) => {
    const { score, normalise } = site.affinity;
    if (score.kind !== 'dot-product' || normalise !== 'softmax') return 'it is no softmax over dot products';
    if (site.prior) return 'with a prior the runtime makes the whole map';
    if (!sameDim(site.queries!.shape[0]!, site.n)) return 'the images share their queries';
    if (provider !== 'cpu') return `provider ${provider} has no blocked form`;
    return training ? unknownSizes(site) : undefined;
  },
  cost: (site, { training }) => {
    const bytes = mulDim(positionBytes(site), 2);
    return { macs: plainMacs(site), bytes: training ? addDim(bytes, blockBytes(site)) : bytes };
  },
  // 3136 tokens of 16 heads x 8, of 1 x 64; 784 of 1 x 256; 196 of 1 x 512. Other ways must turn channels that lie last.
  pace: ({ d, v, layout }, { training }) =>
    training ? 1 : Math.min(2, 1 + 140 / (d + v)) * (layout === 'channels-last' ? 0.4 : 1),
  build: (site, { training }) => {
    if (training) return mergeHeads(aggregateByRows(rowReadingOf(site), 'fused'), site);
    const { score, querySpace } = site.affinity;
    const scale = score.kind === 'dot-product' ? score.scale : 1;
    const [q, k, v] = linesOf(site);
    const y = multiHeadAttention(q, k, v, { heads: site.heads, scale }); // [N, Q, heads · V]
    if (isLines(site)) return reshape(y, [site.n, ...querySpace, site.heads * site.v]);
    return mergeHeads(linesByHead(y, site.heads), site);
  },
};

/** Whether the channels lie as the runtime's operator wants them. */
function isLines({ layout, runs, heads }: Site): boolean {
  return layout === 'channels-last' && runs === heads;
}

/** Queries, keys and values as [N, L, heads · C]. */
function linesOf(site: Site): readonly [Value, Value, Value] {
  const { queries, keys } = partsOf(site);
  if (!isLines(site)) return [headsAsLines(queries!), headsAsLines(keys!), headsAsLines(valuesOf(site))];
  const lines = (x: Value): Value => reshape(x, [x.shape[0] as Dim, -1, x.shape[x.shape.length - 1] as Dim]);
  return [lines(site.queries!), lines(site.keys!), lines(site.values)];
}

import { addDim, type Dim, mulDim, productDim, sameDim } from '../dimension.ts';
import { concat, reshape, slice, transpose } from '../ops/layout.ts';
import { matMul } from '../ops/matrix.ts';
import { reduceMean, reduceSum } from '../ops/reduce.ts';
import type { Value } from '../value.ts';
import { affinityOf, mergeHeads, overCount, type Parts, partsOf, readWith, splitHeads, weightsOf } from './affinity.ts';
import { multiHeadAttention } from './attention.ts';
import { BEFORE_PROJECTION } from './before-projection.ts';
import { plainMacs, type Site } from './record.ts';

/** What a graph is lowered for. */
export interface Target {
  /** Where it will run: `cpu`, `wasm`, `webgpu`, `cuda`. */
  readonly provider: string;
  /** Whether a derivative will be taken. */
  readonly training: boolean;
}

/** What a lowering costs. */
export interface Cost {
  /** Multiply-adds of its products. */
  readonly macs: Dim;
  /** Bytes of the intermediates that it keeps at once. */
  readonly bytes: Dim;
}

/** One way to compute an `aggregate`. All give the same numbers, up to rounding. */
export interface Lowering {
  /** Undefined where it can be taken, else why not. */
  readonly refuses: (site: Site, target: Target) => string | undefined;
  /** What it costs; asked only where it can be taken. */
  readonly cost: (site: Site) => Cost;
  /** Time of one multiply-add in times of one in a plain matrix product, measured on two AVX-512 cores. */
  readonly pace: number;
  readonly build: (site: Site) => Value;
}

/** The name of a lowering in {@link LOWERINGS}. */
export type LoweringName =
  | 'mean'
  | 'associative'
  | 'plain'
  | 'before-projection'
  | 'blocked-softmax'
  | 'blocks-of-rows';

const BYTES = 4;
/** Queries that are read at once by `blocks-of-rows`. */
const ROWS = 256;

function mapBytes({ n, heads, q, l }: Site, copies: number): Dim {
  return mulDim(productDim([n, heads, q, l]), copies * BYTES);
}

/** Scores and weights live together unless nothing is done to the scores. */
function mapCopies({ affinity: { normalise, score }, prior }: Site): number {
  return normalise === 'none' && !prior && score.kind !== 'concatenation' ? 1 : 2;
}

function positionBytes({ n, heads, q, l, d, v }: Site): Dim {
  return mulDim(productDim([n, heads, addDim(q, l)]), (d + v) * BYTES);
}

/** All weights at once, then one product: any affinity. */
const PLAIN: Lowering = {
  refuses: () => undefined,
  cost: (site) => ({ macs: plainMacs(site), bytes: mapBytes(site, mapCopies(site)) }),
  pace: 1,
  build: (site) => mergeHeads(readWith(splitHeads(site.values, site.heads), affinityOf(site)), site),
};

/** (V Kᵀ) Q instead of V (Kᵀ Q): without a softmax the product is associative, and its middle is only V x D. */
const ASSOCIATIVE: Lowering = {
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
    const middle = matMul(splitHeads(site.values, site.heads), keys!, { transB: true, alpha }); // [N, heads, V, D]
    const open = normalise === 'count' && typeof site.l !== 'number';
    return mergeHeads(matMul(open ? overCount(middle, site.l) : middle, queries!), site);
  },
};

/** A plain mean (or sum) of the values, where nothing is compared. */
const MEAN: Lowering = {
  refuses: ({ affinity: { score } }) => (score.kind === 'none' ? undefined : 'positions are weighed'),
  cost: ({ n, heads, v }) => ({ macs: 0, bytes: mulDim(n, heads * v * BYTES) }),
  pace: 1,
  build: (site) => {
    const lines = splitHeads(site.values, site.heads);
    const { normalise } = site.affinity;
    return mergeHeads(normalise === 'none' ? reduceSum(lines, [3]) : reduceMean(lines, [3]), site);
  },
};

/** The plain way for some hundred queries at a time: memory is linear in the positions. */
const BLOCKS_OF_ROWS: Lowering = {
  refuses: ({ q }, { training }) => {
    if (training) return 'the derivative would keep every block';
    if (typeof q !== 'number') return 'the number of queries is not known';
    return q <= ROWS ? `there are no more than ${ROWS} queries` : undefined;
  },
  cost: (site) => ({
    macs: plainMacs(site),
    bytes: addDim(mapBytes({ ...site, q: ROWS }, mapCopies(site)), positionBytes(site)),
  }),
  pace: 1.5,
  build: (site) => {
    const parts = partsOf(site);
    const values = splitHeads(site.values, site.heads);
    const blocks: Value[] = [];
    for (let start = 0; start < (site.q as number); start += ROWS) {
      const end = Math.min(start + ROWS, site.q as number);
      blocks.push(readWith(values, weightsOf(rowsOf(parts, start, end), site))); // [N, heads, V, rows]
    }
    return mergeHeads(concat(blocks, 3), site);
  },
};

function rowsOf(parts: Parts, start: number, end: number): Parts {
  const cut = (v: Value | undefined, axis: number): Value | undefined =>
    !v || v.shape[axis] === 1 ? v : slice(v, { axes: [axis], starts: [start], ends: [end] });
  return { queries: cut(parts.queries, 3), keys: parts.keys, scores: cut(parts.scores, 2), prior: cut(parts.prior, 2) };
}

/** Softmax attention in blocks that stay in the cache: memory is linear in the positions. */
const BLOCKED_SOFTMAX: Lowering = {
  refuses: ({ affinity: { score, normalise }, prior, queries, n }, { provider, training }) => {
    if (score.kind !== 'dot-product' || normalise !== 'softmax') return 'it is no softmax over dot products';
    if (prior) return 'with a prior the runtime makes the whole map';
    if (!sameDim(queries!.shape[0]!, n)) return 'the images share their queries';
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

/** Every lowering of `aggregate`. Where costs are equal the earlier one is taken. */
export const LOWERINGS: { readonly [K in LoweringName]: Lowering } = {
  mean: MEAN,
  associative: ASSOCIATIVE,
  plain: PLAIN,
  'before-projection': BEFORE_PROJECTION,
  'blocked-softmax': BLOCKED_SOFTMAX,
  'blocks-of-rows': BLOCKS_OF_ROWS,
};

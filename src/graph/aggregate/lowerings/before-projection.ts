import { addDim, type Dim, mulDim, productDim } from '../../dimension.ts';
import { gemm } from '../../ops/gemm.ts';
import { reshape } from '../../ops/layout.ts';
import { matMul } from '../../ops/matrix.ts';
import type { Value } from '../../value.ts';
import { partsOf, readWith, weightsOf } from '../affinity.ts';
import { splitHeads } from '../heads.ts';
import { type Projection, projectionOf } from '../projection.ts';
import type { Site } from '../record.ts';
import type { Lowering } from './lowering.ts';

function why({ affinity: { score, normalise }, heads, q, keys, values, layout }: Site): string | undefined {
  if (score.kind !== 'dot-product' || normalise !== 'softmax') return 'it is no softmax over dot products';
  if (layout !== 'channels-first') return 'the channels lie last';
  if (q !== 1 || heads !== 1) return 'every query has a map of its own';
  if (keys !== values) return 'keys and values differ';
  return projectionOf(values) ? undefined : 'the values are no projection of another map';
}

const ONE_HEAD = { heads: 1, runs: 1, layout: 'channels-first' } as const;

/**
 * Reads what the values were projected from, and projects what was read: with x_j = W h_j + b and weights that sum to
 * one, Σ_j a_j x_j = W Σ_j a_j h_j + b, and qᵀ x_j = (Wᵀ q)ᵀ h_j + qᵀ b, of which a softmax does not feel the last term.
 * Where h is narrower than x this is shorter, and x need not be read at all.
 */
export const BEFORE_PROJECTION: Lowering = {
  refuses: (site, { training }) => (training ? 'the derivative needs the projected map' : why(site)),
  cost: (site) => {
    const { inputs, outputs } = projectionOf(site.values) as Projection;
    const reading = mulDim(site.l, 2 * inputs);
    return { macs: mulDim(site.n, addDim(reading, inputs * outputs)), bytes: productDim([site.n, site.l, 8]) };
  },
  pace: 1,
  build: (site) => {
    const projection = projectionOf(site.values) as Projection;
    const { source, inputs, outputs } = projection;
    const weight = projection.weight(); // [C, K]
    const images = site.queries!.shape[0] as Dim;
    const query = matMul(reshape(site.queries!, [images, outputs]), weight); // [N or 1, K]
    const parts = {
      ...partsOf(site),
      queries: reshape(query, [images, 1, inputs, 1]),
      keys: splitHeads(source, ONE_HEAD),
    };
    const read = readWith(splitHeads(source, ONE_HEAD), weightsOf(parts, site)); // [N, 1, K, 1]
    return reshape(project(reshape(read, [site.n, inputs]), weight, projection.bias()), [
      ...[site.n, outputs],
      ...site.affinity.querySpace,
    ]);
  },
};

function project(x: Value, weight: Value, bias: Value | undefined): Value {
  return bias ? gemm(x, weight, bias) : matMul(x, weight, { transB: true });
}

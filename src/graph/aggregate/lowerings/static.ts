import { mulDim, productDim } from '../../dimension.ts';
import { conv } from '../../ops/conv.ts';
import { expand, reshape, transpose } from '../../ops/layout.ts';
import { matMul } from '../../ops/matrix.ts';
import type { Value } from '../../value.ts';
import { localWeightsOf, weightsOf } from '../affinity.ts';
import type { Site } from '../record.ts';
import { marginsOf } from '../window.ts';
import { BYTES, type Lowering, mapBytes } from './lowering.ts';
import { asLaidOut, channelsFirst } from './windows.ts';

const isShared = (map: Value | undefined): boolean => !map || (map.shape[0] === 1 && map.shape[3] === 1);

/** Why the weights of a window are no kernel that all positions of all images share. */
function noKernel({ window, affinity: { score, normalise }, scores, prior, mask }: Site): string | undefined {
  if (!window) return 'it does not read windows';
  if (score.kind !== 'given' || ![scores, prior, mask].every(isShared)) return 'positions have kernels of their own';
  // Beyond the border values are zero; only what is normalised feels what else is there.
  return normalise === 'none' || window.outside === 'zero' ? undefined : 'at the border less is read';
}

/** The kernel of each channel, [C, 1, ..]. */
function kernelsOf(site: Site): Value {
  const { heads, runs, v, scores, prior, mask } = site;
  const weights = localWeightsOf({ scores, prior, mask }, { ...site, q: 1 }); // [1, heads or 1, K, 1]
  const [inner, k] = [heads / runs, site.l];
  const all = reshape(expand(weights, [1, heads, k, 1]), [runs, 1, inner, k]);
  return reshape(expand(all, [runs, v, inner, k]), [heads * v, 1, ...site.window!.size]);
}

/** A kernel that all positions share, as a convolution of each channel by itself. */
export const DEPTHWISE: Lowering = {
  general: true,
  refuses: noKernel,
  cost: ({ n, heads, v, q, l }) => ({
    macs: productDim([n, heads, v, q, l]),
    bytes: mulDim(productDim([n, heads, q]), v * 2 * BYTES),
  }),
  pace: 8,
  build: (site) => {
    const { stride, dilation } = site.window!;
    const margins = marginsOf(site.window!);
    const x = channelsFirst(site.values, site);
    const a = { strides: stride, dilations: dilation, pads: [...margins, ...margins], group: site.heads * site.v };
    return asLaidOut(conv(x, kernelsOf(site), a), site);
  },
};

/** Why the weights are no matrix that all images share. */
function noMatrix({ affinity: { score }, scores, prior, mask, q }: Site): string | undefined {
  if (score.kind !== 'given') return 'the weights depend on what is read';
  if (![scores, prior, mask].every((m) => !m || m.shape[0] === 1)) return 'images have weights of their own';
  return q === 1 ? 'one row is no matrix' : undefined;
}

/**
 * Weights that all images share, as one product of matrices for all images and channels of a head: with channels first
 * [N · V, L] × [L, Q], with channels last [Q, L] × [L, V] an image.
 */
export const STATIC_PRODUCT: Lowering = {
  refuses: noMatrix,
  cost: (site) => ({
    macs: productDim([site.n, site.heads, site.q, site.l, site.v]),
    bytes: mapBytes({ ...site, n: 1 }, 1),
  }),
  pace: 0.9,
  build: (site) => {
    const { n, heads, v, q, l, scores, prior } = site;
    const weights = expand(weightsOf({ scores, prior }, site), [1, heads, q, l]);
    if (heads === 1 && site.layout === 'channels-last') {
      const tokens = reshape(site.values, [n, l, v]);
      return reshape(matMul(reshape(weights, [q, l]), tokens), [n, ...site.affinity.querySpace, v]);
    }
    return productByHead(site, reshape(weights, [heads, q, l]));
  },
};

/** values by head, the images side by side: [heads, N · V, L] × [heads, Q, L]ᵀ → the result. */
function productByHead(site: Site, weights: Value): Value {
  const { n, heads, runs, v, q, l, affinity } = site;
  const inner = heads / runs;
  const rows = mulDim(n, v);
  const values = reshape(channelsFirst(site.values, site), [n, runs, v, inner, l]);
  const lines = reshape(transpose(values, [1, 3, 0, 2, 4]), [heads, rows, l]);
  const y =
    heads === 1
      ? reshape(matMul(reshape(lines, [rows, l]), reshape(weights, [q, l]), { transB: true }), [1, rows, q])
      : matMul(lines, weights, { transB: true });
  const apart = transpose(reshape(y, [runs, inner, n, v, q]), [2, 0, 3, 1, 4]);
  return asLaidOut(reshape(apart, [n, heads * v, ...affinity.querySpace]), site);
}

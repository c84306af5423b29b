import * as z from 'zod';
import { type Dim, productDim } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { aggregate } from '../aggregate.ts';
import { conv2d } from '../layers/conv.ts';
import { batchNorm } from '../layers/norm.ts';
import { count } from '../read-options.ts';
import type { Scope } from '../scope.ts';
import { type Block, readReference } from './block.ts';
import { channelsOf, divide } from './shape.ts';
import { checkWindow } from './window.ts';

/** Options of {@link localSelfAttention}. */
export interface LocalSelfAttentionConfig {
  readonly kind: 'local-self-attention';
  /** Side k of the window that is read, odd; 3 where absent. */
  readonly kernel?: number;
  /** Side of the key convolution, odd; 1 where absent. */
  readonly keyKernel?: number;
  /** Heads; C / 8 where absent, as in the authors' code. */
  readonly heads?: number;
}

/**
 * Scalable local multi-head self-attention with relative position: what the contextual transformer starts from. Each
 * position compares its query with the keys of its neighbours, one by one.
 *
 *     R̂ = K ⊛ Q + P ⊛ Q                 eq. 1 and 2: content, and the 2-D place in the window
 *     A = softmax over the window R̂
 *     y = ReLU(BN(A ⊛ V))                eq. 3
 *
 * Li et al., "Contextual Transformer Networks for Visual Recognition", TPAMI 2023, arXiv:2107.12292, section 3.1.
 * Departs from the paper as the authors' code does: projections have norms, those of query and key a ReLU; P is the sum
 * of a part for the row and one for the column; channel c of the values reads with head c mod heads; beyond the border
 * lie zeros, which are read like all else.
 *
 * x [N, C, H, W] → y, the same. Taps: `attention` [N, heads, L, L], of which what lies beyond the border is left out;
 * `attention_window` [N, heads, L, K], rows sum to one.
 */
export function localSelfAttention(s: Scope, x: Value, config: LocalSelfAttentionConfig): Value {
  const { kernel = 3, keyKernel = 1 } = config;
  checkWindow(s, x, { window: kernel });
  const channels = channelsOf(s, x);
  const heads = config.heads ?? divide(s, channels, 8, 'width of 8 channels a head');
  const width = divide(s, channels, heads, 'number of heads');
  const [n, , ...space] = x.shape as readonly [Dim, number, ...Dim[]];
  const project = (name: string, side: number): Value => {
    const at = s.at(name);
    return batchNorm(at.at(1), conv2d(at.at(0), x, { channels, kernel: side, padding: 'same' }));
  };
  const rows = s.param('pos_h', [channels, kernel, 1], { kind: 'normal', std: 1 });
  const columns = s.param('pos_w', [channels, 1, kernel], { kind: 'normal', std: 1 });
  const [q, k, values] = [project('conv_q', 1), project('conv_k', keyKernel), project('conv_v', 1)];
  const [queries, keys] = s.within(() => [op.relu(q), op.relu(k)]) as [Value, Value];
  const prior = s.within(() => {
    const places = op.reshape(op.add(rows, columns), [1, heads, width, kernel * kernel]);
    const each = op.reshape(queries, [n, heads, width, productDim(space)]);
    return op.matMul(op.transpose(places, [0, 1, 3, 2]), each); // [N, heads, K, L]
  });
  const y = aggregate(s, {
    values,
    queries,
    keys,
    reads: { kind: 'window', size: [kernel, kernel] },
    score: { kind: 'dot-product', scale: 1 },
    prior,
    normalise: 'softmax',
    heads,
    runs: 1,
    tap: 'attention',
  });
  const normed = batchNorm(s.at('bn'), y);
  return s.within(() => op.relu(normed));
}

/** `SelfAttLayer` of the CoTNet repository. */
const layerCase = z.object({ kernel_size: count, key_ks: count.default(1), heads: count.optional() });

/** The record of {@link localSelfAttention}. */
export const LOCAL_SELF_ATTENTION: Block<LocalSelfAttentionConfig> = {
  kind: 'local-self-attention',
  title: 'local self-attention with relative position',
  options: z.strictObject({
    kind: z.literal('local-self-attention'),
    kernel: count.optional(),
    keyKernel: count.optional(),
    heads: count.optional(),
  }),
  build: localSelfAttention,
  child: { block: 'attention', stage: 'attention' },
  strides: false,
  axes: [2],
  algebra: [
    {
      mechanism: 'local multi-head self-attention with relative position',
      reads: 'window k x k',
      score: 'dot-product QᵀK',
      normalise: 'softmax',
      heads: 'heads',
      sharing: 'c mod heads',
      prior: 'PᵀQ, P of the place in the window',
      mix: 'none',
      transform: 'ReLU BN',
      fusion: 'y',
      macs: '3 N k² C',
      source: 'Li et al. 2023, eq. 1 to 3',
    },
  ],
  sample: { config: { kind: 'local-self-attention', heads: 2 }, shape: [2, 8, 5, 4] },
  references: {
    'cot.SelfAttLayer': (config) => {
      const { kernel_size, key_ks, heads } = readReference(config, layerCase);
      return {
        kind: 'local-self-attention',
        kernel: kernel_size,
        keyKernel: key_ks,
        ...(heads !== undefined && { heads }),
      };
    },
  },
};

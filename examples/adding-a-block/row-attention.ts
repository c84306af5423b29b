/** A mechanism in one file: every position reads from its own row. */
import { aggregate, type Block, channelsOf, conv2d, divide, op, type Scope, type Value } from 'farsight';
import * as z from 'zod';

/** Options of {@link rowAttention}. */
export interface RowAttentionConfig {
  readonly kind: 'row-attention';
  /** Affinities side by side; 1 where absent. */
  readonly heads?: number;
}

/**
 * Row attention: every position reads from the positions of its own row.
 *
 *     y_i = Σ_{j in row(i)} softmax_j(d^-½ q_iᵀ k_j) v_j,    q, k, v = W x      head by head
 *     z_i = x_i + W_z y_i
 *
 * Half of the axial attention of Ho et al. 2019, arXiv:1912.12180. Departs from it: no position embedding.
 *
 * x [N, C, H, W] → z, the same. Tap `attention` [N, heads, H·W, H·W]: rows sum to 1 and are zero beyond the row.
 */
export function rowAttention(s: Scope, x: Value, { heads = 1 }: RowAttentionConfig): Value {
  const c = channelsOf(s, x);
  const d = divide(s, c, heads, 'number of heads'); // a fault unless it divides
  const project = (name: string): Value => conv2d(s.at(name), x, { channels: c, kernel: 1 }); // [N, heads · D, H, W]
  const y = aggregate(s, {
    queries: project('q'),
    keys: project('k'),
    values: project('v'),
    reads: { kind: 'along', axes: [1] }, // of (h, w): along w, so the same row
    score: { kind: 'dot-product', scale: d ** -0.5 },
    normalise: 'softmax',
    heads,
    tap: 'attention',
  });
  const z = conv2d(s.at('z'), y, { channels: c, kernel: 1 });
  return s.within(() => op.add(x, z));
}

/** The record of {@link rowAttention}: all that tools need to know of it. */
export const ROW_ATTENTION: Block<RowAttentionConfig> = {
  kind: 'row-attention',
  title: 'row attention',
  options: z.strictObject({ kind: z.literal('row-attention'), heads: z.int().min(1).max(64).optional() }),
  build: rowAttention,
  child: { block: 'row_attention', stage: 'row_attention' },
  strides: false,
  axes: [2],
  algebra: [
    {
      mechanism: 'row attention',
      reads: 'along the row',
      score: 'dot-product qᵀk / √D',
      normalise: 'softmax',
      heads: 'heads',
      sharing: 'C / heads neighbours share a head',
      prior: 'none',
      mix: 'none',
      transform: 'W_z',
      fusion: 'x + y',
      macs: '2 N W C, W the width of the map',
      source: 'Ho et al. 2019',
    },
  ],
  sample: { config: { kind: 'row-attention', heads: 2 }, shape: [2, 8, 3, 4] },
  references: {
    'axial.RowAttention': (config) => ({ kind: 'row-attention', heads: Number(config.heads ?? 1) }),
  },
  networks: {
    'resnet20-row': {
      base: 'resnet20',
      changes: { context: [{ context: { kind: 'row-attention', heads: 4 }, position: 'after-conv2', stages: [3] }] },
      parameters: 321_626,
    },
  },
};

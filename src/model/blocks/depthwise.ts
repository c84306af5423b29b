import * as z from 'zod';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { aggregate } from '../aggregate.ts';
import type { Init } from '../init.ts';
import { count } from '../read-options.ts';
import type { Scope } from '../scope.ts';
import type { AlgebraRow, Block } from './block.ts';
import { channelsOf, divide } from './shape.ts';
import { checkWindow } from './window.ts';

/** Options of {@link depthwise}. */
export interface DepthwiseConfig {
  readonly kind: 'depthwise';
  /** Side k of the kernel, odd; 3 where absent. */
  readonly window?: number;
  /** Kernels M; C / M neighbouring channels share one. C where absent: each channel has its own. */
  readonly heads?: number;
  /** Whether each channel has a bias; true where absent. */
  readonly bias?: boolean;
  /** 1 where absent. */
  readonly stride?: number;
  /** 1 where absent. */
  readonly dilation?: number;
}

/** PyTorch's first weights of convolutions. */
const TORCH: Init = { kind: 'fan-in-uniform' };

/**
 * Depthwise convolution: an affinity that is learned, is the same for all pictures, and depends on the offset alone.
 *
 *     y_ci = Σ_j A_mij x_cj + b_c,   A_mij = w_m,j−i inside the k x k window of i, 0 elsewhere,   m = ⌊c M / C⌋
 *
 * Chollet, "Xception", CVPR 2017, arXiv:1610.02357; as an affinity with M heads (MH-DW): Gao et al., "Container: Context
 * Aggregation Network", NeurIPS 2021, arXiv:2106.01401, section 3.
 * Departs from the paper: nowhere with M = C. No code of MH-DW was released: neighbouring channels share a kernel there,
 * as they share a head of attention.
 *
 * x [N, C, ..] over one, two or three axes → [N, C, ..'], ⌊(size − 1) / stride⌋ + 1 along each; zeros beyond the border.
 * Tap `attention` [1, M, Q, L] and `attention_window` [1, M, Q, k²]. State, as of a convolution with M groups of one
 * channel: `weight` [M, 1, k, ..], `bias` [C].
 */
export function depthwise(s: Scope, x: Value, config: DepthwiseConfig): Value {
  const c = channelsOf(s, x);
  const { window = 3, heads = c, stride = 1, dilation = 1, bias = true } = config;
  checkWindow(s, x, { window, stride, dilation });
  divide(s, c, heads, 'number of heads');
  const axes = x.shape.slice(2);
  const each = (n: number): number[] => axes.map(() => n);
  const places = window ** axes.length;
  const weight = s.param('weight', [heads, 1, ...each(window)], TORCH);
  const y = aggregate(s, {
    values: x,
    reads: { kind: 'window', size: each(window), stride: each(stride), dilation: each(dilation) },
    score: { kind: 'given', logits: s.within(() => op.reshape(weight, [1, heads, places, 1])) },
    normalise: 'none',
    heads,
    tap: 'attention',
  }); // [N, C, ..']
  if (!bias) return y;
  const b = s.param('bias', [c], { kind: 'fan-in-uniform', fanIn: places });
  return s.within(() => op.add(y, op.reshape(b, [1, c, ...each(1)])));
}

const ROW: AlgebraRow = {
  mechanism: 'depthwise convolution',
  reads: 'window k x k, zeros beyond the border',
  score: 'given, learned, by the offset alone',
  normalise: 'none',
  heads: 'C',
  sharing: 'none',
  prior: 'none',
  mix: 'none',
  transform: 'a bias a channel',
  fusion: 'y',
  macs: 'N k² C',
  source: 'Chollet 2017; Gao et al. 2021, section 3',
};

/** The record of {@link depthwise}. */
export const DEPTHWISE: Block<DepthwiseConfig> = {
  kind: 'depthwise',
  title: 'depthwise convolution',
  options: z.strictObject({
    kind: z.literal('depthwise'),
    window: count.optional(),
    heads: count.optional(),
    bias: z.boolean().optional(),
    stride: count.optional(),
    dilation: count.optional(),
  }),
  build: depthwise,
  child: { block: 'depthwise', stage: 'depthwise' },
  strides: true,
  axes: [1, 2, 3],
  algebra: [
    ROW,
    {
      ...ROW,
      mechanism: 'depthwise convolution with shared kernels (MH-DW)',
      changes: { heads: 2 },
      heads: 'heads',
      sharing: 'neighbouring channels, C / heads of them',
      source: 'Gao et al. 2021, section 3',
    },
  ],
  sample: { config: { kind: 'depthwise', window: 3 }, shape: [2, 6, 4, 3] },
};

import * as z from 'zod';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { aggregate } from '../aggregate.ts';
import { ZEROS } from '../init.ts';
import { overPositions, pointwise } from '../layers/pointwise.ts';
import type { Scope } from '../scope.ts';
import type { Block } from './block.ts';
import { oneQuery } from './one-query.ts';
import { channelsOf } from './shape.ts';

/** Options of {@link simplifiedNonLocal}: none but its kind. */
export interface SimplifiedNonLocalConfig {
  readonly kind: 'simplified-non-local';
}

/**
 * Simplified non-local block: all queries share one attention map, so W_v acts on one vector.
 *
 *     z_i = x_i + W_v Σ_j α_j x_j,    α = softmax_j(W_k x_j)      eq. 3
 *
 * Cao et al., "GCNet: Non-local Networks Meet Squeeze-Excitation Networks and Beyond", ICCVW 2019, arXiv:1904.11492.
 * Departs from the paper: both maps have a bias, W_v starts at zero (its code was not released; the context block of
 * the same authors does both). W_v's name is ours.
 *
 * x [N, C, ..] → z, the same. Tap `attention` [N, 1, 1, L]; it sums to 1. State: `conv_mask`, `conv_value`.
 */
export function simplifiedNonLocal(s: Scope, x: Value, _config: SimplifiedNonLocalConfig): Value {
  const channels = channelsOf(s, x);
  const axes = x.shape.length - 2;
  const context = aggregate(s, {
    ...oneQuery(s.at('conv_mask'), x, ZEROS),
    values: x,
    reads: { kind: 'everywhere' },
    normalise: 'softmax',
    tap: 'attention',
  }); // [N, C, 1, ..]
  const vector = s.within(() => op.reshape(context, [x.shape[0]!, channels]));
  const value = pointwise(s.at('conv_value'), vector, { channels, axes, init: ZEROS, biasInit: ZEROS });
  return s.within(() => op.add(x, overPositions(value, axes)));
}

/** The record of {@link simplifiedNonLocal}. */
export const SIMPLIFIED_NON_LOCAL: Block<SimplifiedNonLocalConfig> = {
  kind: 'simplified-non-local',
  title: 'simplified non-local',
  options: z.strictObject({ kind: z.literal('simplified-non-local') }),
  build: simplifiedNonLocal,
  child: { block: 'simplified_non_local_block', stage: 'snl' }, // ours: none was released
  strides: false,
  axes: [1, 2, 3],
  algebra: [
    {
      mechanism: 'simplified non-local block',
      reads: 'everywhere, one query for all',
      score: 'dot-product w_kᵀ x_j',
      normalise: 'softmax',
      heads: '1',
      sharing: 'all channels',
      prior: 'a bias, without effect',
      mix: 'none',
      transform: 'W_v, on one vector',
      fusion: 'x + y',
      macs: '2 N C',
      source: 'Cao et al. 2019, eq. 3',
    },
  ],
  sample: { config: { kind: 'simplified-non-local' }, shape: [2, 8, 4, 3] },
  references: { simplified_nonlocal: () => ({ kind: 'simplified-non-local' }) },
  recognise: (shape) => (shape('conv_value.weight') ? { kind: 'simplified-non-local' } : null),
};

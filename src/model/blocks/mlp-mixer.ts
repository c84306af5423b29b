import * as z from 'zod';
import { type Dim, productDim } from '../../graph/dimension.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { aggregate } from '../aggregate.ts';
import type { Init } from '../init.ts';
import { count } from '../read-options.ts';
import type { Scope } from '../scope.ts';
import type { Block } from './block.ts';
import { checkPositions, denseAffinity, type Positions } from './dense-affinity.ts';
import { channelsOf, divide } from './shape.ts';

/** Options of {@link mlpMixer}. */
export interface MlpMixerConfig {
  readonly kind: 'mlp-mixer';
  /** The map that it is made for, [14, 14], or its number of positions. */
  readonly positions?: Positions;
  /** Hidden width of a mixing of two layers, as in MLP-Mixer; absent: one affinity, as in CONTAINER's table. */
  readonly hidden?: number;
  /** Affinities M, each for C / M neighbouring channels; 1 where absent. More than 1 only without `hidden`. */
  readonly heads?: number;
  /** Where the channels stand: behind the batch (absent), or last, as of tokens [N, L, C]. */
  readonly layout?: 'channels-first' | 'channels-last';
}

/**
 * Token mixing: an affinity that is learned for every pair of positions and the same for all pictures.
 *
 *     Y = A X                                     CONTAINER: A = (W_mlp)ᵀ, M = 1; MH-MLP: M of them
 *     Y = W₂ GELU(W₁ X + b₁) + b₂                  MLP-Mixer, eq. 1, W over positions: two such affinities
 *
 * Tolstikhin et al., "MLP-Mixer: An all-MLP Architecture for Vision", NeurIPS 2021, arXiv:2105.01601;
 * Gao et al., "Container: Context Aggregation Network", NeurIPS 2021, arXiv:2106.01401, section 3.
 * Departs from the papers: norm, transposes and residual connection are those of the block around it. A alone was never
 * released; it starts as PyTorch's linear layers do.
 *
 * x [N, C, ..] (or [N, .., C]) of the one size that it is made for → the same. State: `static_a` [1, M, L, L]; with
 * `hidden` `fc1` and `fc2` as timm's `mlp_tokens`. Taps `attention` [1, M, L, L]; with `hidden` `attention1` and
 * `attention2`, from positions to hidden units and back.
 */
export function mlpMixer(s: Scope, x: Value, config: MlpMixerConfig): Value {
  const { layout = 'channels-first', heads = 1, hidden } = config;
  const last = layout === 'channels-last';
  const space = last ? x.shape.slice(1, -1) : x.shape.slice(2);
  const c = last ? (x.shape[x.shape.length - 1] as number) : channelsOf(s, x);
  divide(s, c, heads, 'number of heads');
  if (hidden !== undefined) return twoLayers(s, x, { ...config, layout, hidden, space });
  const init: Init = { kind: 'fan-in-uniform', fanIn: productDim(space) as number };
  const logits = denseAffinity(s, space, { positions: config.positions, heads, init });
  return aggregate(s, { ...STATIC, values: x, score: { kind: 'given', logits }, heads, layout, tap: 'attention' });
}

/** Read as they are: nothing is compared or normalised. */
const STATIC = { reads: { kind: 'everywhere' }, normalise: 'none' } as const;

interface TwoLayers extends MlpMixerConfig {
  readonly hidden: number;
  readonly layout: 'channels-first' | 'channels-last';
  readonly space: readonly Dim[];
}

function twoLayers(s: Scope, x: Value, { positions, hidden, layout, heads = 1, space }: TwoLayers): Value {
  if (heads !== 1) divide(s, 1, heads, 'number of heads beside hidden units');
  const l = checkPositions(s, positions, space);
  const layer = (name: string, values: Value, { to, from, querySpace }: Layer): Value => {
    const at = s.at(name);
    const weight = at.param('weight', [to, from], { kind: 'uniform', bound: Math.sqrt(6 / (to + from)) }); // Glorot
    const bias = at.param('bias', [to], { kind: 'normal', std: 1e-6 });
    const y = aggregate(s, {
      ...{ ...STATIC, values, querySpace, layout, tap: `attention${name.slice(2)}` },
      score: { kind: 'given', logits: at.within(() => op.reshape(weight, [1, 1, to, from])) },
    });
    const shape = layout === 'channels-last' ? [...querySpace, 1] : querySpace;
    return at.within(() => op.add(y, op.reshape(bias, shape)));
  };
  const a = layer('fc1', x, { to: hidden, from: l, querySpace: [hidden] });
  return layer(
    'fc2',
    s.within(() => op.gelu(a)),
    { to: l, from: hidden, querySpace: space },
  );
}

interface Layer {
  readonly to: number;
  readonly from: number;
  readonly querySpace: readonly Dim[];
}

/** Schema of {@link Positions}. */
export const POSITIONS: z.ZodType<Positions> = z.union([count, z.array(count).min(1).max(3)]);

/** What is known of {@link mlpMixer}. */
export const MLP_MIXER: Block<MlpMixerConfig> = {
  kind: 'mlp-mixer',
  title: 'token mixing of MLP-Mixer',
  options: z.strictObject({
    kind: z.literal('mlp-mixer'),
    positions: POSITIONS.optional(),
    hidden: count.optional(),
    heads: count.optional(),
    layout: z.enum(['channels-first', 'channels-last']).optional(),
  }),
  build: mlpMixer,
  child: { block: 'mixer', stage: 'mixer' },
  strides: false,
  axes: [1, 2, 3],
  algebra: [
    {
      mechanism: 'MLP-Mixer, as CONTAINER writes it',
      reads: 'everywhere',
      score: 'given, learned for each pair',
      normalise: 'none',
      heads: '1',
      sharing: 'all channels share it',
      prior: 'none',
      mix: 'none',
      transform: 'none',
      fusion: 'residual of the block around it',
      macs: 'N² C',
      source: 'arXiv:2105.01601, arXiv:2106.01401',
    },
    {
      mechanism: 'MH-MLP',
      changes: { heads: 2 },
      reads: 'everywhere',
      score: 'given, learned for each pair',
      normalise: 'none',
      heads: 'heads',
      sharing: 'C / heads neighbours share one',
      prior: 'none',
      mix: 'none',
      transform: 'none',
      fusion: 'residual of the block around it',
      macs: 'N² C',
      source: 'arXiv:2106.01401',
    },
    {
      mechanism: 'MLP-Mixer, as released',
      changes: { hidden: 5 },
      reads: 'everywhere; everywhere',
      score: 'given, learned for each position and unit; given, learned for each unit and position',
      normalise: 'none; none',
      heads: '1',
      sharing: 'all channels share it',
      prior: 'none',
      mix: 'none',
      transform: 'GELU between the two',
      fusion: 'residual of the block around it',
      macs: '2 N hidden C',
      source: 'arXiv:2105.01601, eq. 1',
    },
  ],
  sample: { config: { kind: 'mlp-mixer', positions: [4, 3] }, shape: [2, 8, 4, 3] },
};

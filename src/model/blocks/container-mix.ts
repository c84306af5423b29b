import * as z from 'zod';
import * as op from '../../graph/ops/index.ts';
import { scalar } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import { aggregate, type MixPart } from '../aggregate.ts';
import { type Init, ZEROS } from '../init.ts';
import { convNd } from '../layers/conv.ts';
import { count } from '../read-options.ts';
import type { Scope } from '../scope.ts';
import type { Block } from './block.ts';
import { denseAffinity, LIBRARY_NORMAL, type Positions } from './dense-affinity.ts';
import { depthwise } from './depthwise.ts';
import { POSITIONS } from './mlp-mixer.ts';
import { thirds } from './self-attention.ts';
import { channelsOf, divide } from './shape.ts';
import { checkWindow } from './window.ts';

/** Options of {@link containerMix}. */
export interface ContainerMixConfig {
  readonly kind: 'container-mix';
  /** Which affinities there are: `both` where absent; `dynamic` is attention, `static` a depthwise convolution or a learned matrix. */
  readonly affinity?: 'both' | 'dynamic' | 'static';
  /** Heads M of the dynamic affinity; 16 where absent, as released. */
  readonly heads?: number;
  /** The static affinity: a kernel for each offset (absent), or a number for each pair of positions. */
  readonly static?: 'depthwise' | 'dense';
  /** Side k of the kernel, odd; 5 where absent, as released. */
  readonly window?: number;
  /** Static affinities side by side: C where absent for kernels, `heads` for matrices. */
  readonly staticHeads?: number;
  /** The map that matrices are made for, [14, 14]. */
  readonly positions?: Positions;
  /** Weights of the two: one sigmoid `gate` (released; absent), `free` α and β (the paper), or `sum` without weights. */
  readonly weights?: 'gate' | 'free' | 'sum';
  /** Whether x is added at the end; false where absent, since the block around it does. */
  readonly residual?: boolean;
}

/**
 * CONTAINER's context aggregation: a dynamic and a static affinity, mixed.
 *
 *     Y = concat_m((α A_m(X) + β A_m) V_m) W₁,    V = X W₂
 *     A_m(X) = softmax(Q_m K_mᵀ / √(C/M)),        A_m: w_m,j−i inside a window, or learned for each pair
 *     gate: α = σ(s), β = 1 − σ(s), s a number that starts at 0;   free: α and β are numbers of their own
 *
 * Gao et al., "Container: Context Aggregation Network", NeurIPS 2021, arXiv:2106.01401, section 3.
 * Departs from the paper: by default as released, with one gate instead of α and β, and with a bias of each channel
 * beside the static kernel, which is weighted like it. Free α and β start at ½ each, where the gate starts; the paper's
 * first values are not known. No code of matrices in this place was released: they start as CONTAINER-PAM's.
 *
 * x [N, C, ..] → the same. Tap `attention` [N, heads, L, L], the mixture; of a convolution alone `attn.attention`.
 * State: `conv1` (Q, K, V, or V alone), `sa_weight` [1] or `alpha`, `beta` [1], `conv` (beside attention) or `attn`
 * (alone) [C, 1, k, k], or `static_a` [1, M, L, L], `conv2`.
 */
export function containerMix(s: Scope, x: Value, config: ContainerMixConfig): Value {
  const { affinity = 'both', residual = false } = config;
  const c = channelsOf(s, x);
  const project = (name: string, v: Value, channels: number): Value =>
    convNd(s.at(name), v, { channels, kernel: 1, bias: true, init: TORCH });
  const projected = project('conv1', x, affinity === 'static' ? c : 3 * c);
  const y = affinity === 'static' ? fixed(s, projected, config) : dynamic(s, projected, config);
  const out = project('conv2', y, c);
  return residual ? s.within(() => op.add(out, x)) : out;
}

/** PyTorch's first weights of convolutions, as released. */
const TORCH: Init = { kind: 'fan-in-uniform' };

/** A static affinity alone. */
function fixed(s: Scope, values: Value, config: ContainerMixConfig): Value {
  const { window = 5, staticHeads } = config;
  if (config.static === 'dense') return aggregate(s, { values, tap: 'attention', ...matrices(s, values, config) });
  return depthwise(s.at('attn'), values, { kind: 'depthwise', window, ...(staticHeads && { heads: staticHeads }) });
}

function dynamic(s: Scope, projected: Value, config: ContainerMixConfig): Value {
  const { heads = 16, affinity = 'both' } = config;
  const { queries, keys, values, c } = s.within(() => thirds(s, projected, 'channels-first'));
  const d = divide(s, c, heads, 'number of heads');
  const attention = {
    ...{ queries, keys, heads },
    reads: { kind: 'everywhere' },
    score: { kind: 'dot-product', scale: d ** -0.5 },
    normalise: 'softmax',
  } as const;
  if (affinity === 'dynamic') return aggregate(s, { values, tap: 'attention', ...attention });
  const { alpha, beta } = weights(s, config);
  const dense = config.static === 'dense';
  const { part, bias } = dense ? { part: matrices(s, values, config), bias: undefined } : kernels(s, values, config);
  const y = aggregate(s, {
    values,
    mix: [
      { ...attention, ...(alpha && { weight: alpha }) },
      { ...part, ...(beta && { weight: beta }) },
    ],
    tap: 'attention',
  });
  return bias ? s.within(() => op.add(y, beta ? op.mul(bias, beta) : bias)) : y;
}

interface Weights {
  /** [1]; absent: 1. */
  readonly alpha?: Value;
  readonly beta?: Value;
}

function weights(s: Scope, { weights: kind = 'gate' }: ContainerMixConfig): Weights {
  const half: Init = { kind: 'constant', value: 0.5 };
  switch (kind) {
    case 'gate': {
      const gate = s.param('sa_weight', [1], ZEROS);
      return s.within(() => {
        const alpha = op.sigmoid(gate);
        return { alpha, beta: op.sub(scalar(1), alpha) };
      });
    }
    case 'free':
      return { alpha: s.param('alpha', [1], half), beta: s.param('beta', [1], half) };
    case 'sum':
      return {};
    default:
      return kind satisfies never;
  }
}

/** A kernel for each head, C neighbouring channels over M of them, and a bias for each channel. */
function kernels(
  s: Scope,
  values: Value,
  config: ContainerMixConfig,
): { readonly part: MixPart; readonly bias: Value } {
  const c = channelsOf(s, values);
  const { window = 5, staticHeads: heads = c } = config;
  const place = s.at('conv');
  checkWindow(place, values, { window });
  divide(place, c, heads, 'number of static heads');
  const size = values.shape.slice(2).map(() => window);
  const places = window ** size.length;
  const weight = place.param('weight', [heads, 1, ...size], TORCH);
  const bias = place.param('bias', [c], { kind: 'fan-in-uniform', fanIn: places });
  return place.within(() => ({
    part: {
      reads: { kind: 'window', size },
      score: { kind: 'given', logits: op.reshape(weight, [1, heads, places, 1]) },
      normalise: 'none',
      heads,
    },
    bias: op.reshape(bias, [1, c, ...size.map(() => 1)]),
  }));
}

/** A matrix over all pairs of positions for each head. */
function matrices(s: Scope, values: Value, config: ContainerMixConfig): MixPart & { readonly mix?: never } {
  const heads = config.staticHeads ?? config.heads ?? 16;
  divide(s, channelsOf(s, values), heads, 'number of static heads');
  const space = values.shape.slice(2);
  const logits = denseAffinity(s, space, { positions: config.positions, heads, init: LIBRARY_NORMAL });
  return { reads: { kind: 'everywhere' }, score: { kind: 'given', logits }, normalise: 'none', heads };
}

const ROW = {
  prior: 'none',
  transform: 'W₁ after the heads',
  fusion: 'residual of the block around it',
  source: 'arXiv:2106.01401, section 3',
} as const;
const ATTENTION = 'dot-product qᵀk / √(C/heads)';

/** What is known of {@link containerMix}. */
export const CONTAINER_MIX: Block<ContainerMixConfig> = {
  kind: 'container-mix',
  title: 'context aggregation of CONTAINER',
  options: z.strictObject({
    kind: z.literal('container-mix'),
    affinity: z.enum(['both', 'dynamic', 'static']).optional(),
    heads: count.optional(),
    static: z.enum(['depthwise', 'dense']).optional(),
    window: count.optional(),
    staticHeads: count.optional(),
    positions: POSITIONS.optional(),
    weights: z.enum(['gate', 'free', 'sum']).optional(),
    residual: z.boolean().optional(),
  }),
  build: containerMix,
  child: { block: 'container_mix', stage: 'container_mix' },
  strides: false,
  axes: [1, 2, 3],
  algebra: [
    {
      ...ROW,
      mechanism: 'CONTAINER',
      reads: 'everywhere; window k x k',
      score: `${ATTENTION}; given, learned for each offset`,
      normalise: 'softmax; none',
      heads: 'heads; C',
      sharing: 'C / heads neighbours share one; none',
      mix: 'σ(s) and 1 − σ(s), one s a block',
      macs: '2 N² C + k² N C',
    },
    {
      ...ROW,
      mechanism: 'CONTAINER, free weights',
      changes: { weights: 'free' },
      reads: 'everywhere; window k x k',
      score: `${ATTENTION}; given, learned for each offset`,
      normalise: 'softmax; none',
      heads: 'heads; C',
      sharing: 'C / heads neighbours share one; none',
      mix: 'α and β, learned',
      macs: '2 N² C + k² N C',
    },
    {
      ...ROW,
      mechanism: 'CONTAINER, static (CONTAINER-LIGHT)',
      changes: { affinity: 'static' },
      reads: 'window k x k',
      score: 'given, learned for each offset',
      normalise: 'none',
      heads: 'C',
      sharing: 'none',
      mix: 'none',
      macs: 'k² N C',
    },
    {
      ...ROW,
      mechanism: 'CONTAINER, dynamic (H-DeiT)',
      changes: { affinity: 'dynamic' },
      reads: 'everywhere',
      score: ATTENTION,
      normalise: 'softmax',
      heads: 'heads',
      sharing: 'C / heads neighbours share one',
      mix: 'none',
      macs: '2 N² C',
    },
  ],
  sample: { config: { kind: 'container-mix', heads: 2, window: 3 }, shape: [2, 8, 4, 3] },
};

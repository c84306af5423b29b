import * as z from 'zod';
import { float32 } from '../../core/tensor.ts';
import { windowedSpace } from '../../graph/aggregate/index.ts';
import * as op from '../../graph/ops/index.ts';
import { constant, scalar } from '../../graph/trace.ts';
import type { Value } from '../../graph/value.ts';
import { aggregate, type ComparedConfig } from '../aggregate.ts';
import type { Init } from '../init.ts';
import { convNd } from '../layers/conv.ts';
import { count } from '../read-options.ts';
import type { Scope } from '../scope.ts';
import { type AlgebraRow, type Block, readReference } from './block.ts';
import { channelsOf, divide } from './shape.ts';
import { checkWindow } from './window.ts';

/**
 * How a query and a key are compared: q κ, −|q − κ|, −(q − κ)², or κ alone, which says how much a pixel is worth to
 * whoever reads it.
 */
export type Composition = 'product' | 'absolute-difference' | 'squared-difference' | 'key';

/** Options of {@link localRelation}. */
export interface LocalRelationConfig {
  readonly kind: 'local-relation';
  /** Side K of the window, odd; 7 where absent. */
  readonly window?: number;
  /** Channels m that share one set of weights; 8 where absent. */
  readonly share?: number;
  /** Channels of query and key in each group: 1 where absent, the paper's scalar form; more are its vector form. */
  readonly queryChannels?: number;
  /** `squared-difference` where absent. */
  readonly composition?: Composition;
  /** Factor of the comparison; 1 where absent. */
  readonly scale?: number;
  /** What the comparison gives beyond the border; -100 where absent. */
  readonly outside?: number;
  /** The geometry prior, a small network of the offset, or nothing; `geometry` where absent. */
  readonly prior?: 'geometry' | 'none';
  /** Hidden width of the geometry network; 16 where absent. */
  readonly geometryHidden?: number;
  /** Softmax over the window, or the bare scores; `softmax` where absent. */
  readonly normalise?: 'softmax' | 'none';
  /** Whether a 1 x 1 convolution C → C ends the layer; true where absent. */
  readonly output?: boolean;
  /** 1 where absent. */
  readonly stride?: number;
  /** 1 where absent. */
  readonly dilation?: number;
}

/** PyTorch's first weights of convolutions. */
const TORCH: Init = { kind: 'fan-in-uniform' };

/**
 * Local relation layer: a position reads its window, each pixel by how well it composes with the centre.
 *
 *     q = W_q x at the centres,   κ = W_κ x,   a number for each group and pixel (or d numbers)
 *     ω_gip = softmax_p(Φ(q_gi, κ_gp) + f_g(p − i)),   p over the K x K window of i
 *     y_ci = Σ_p ω_⌊c/m⌋ip x_cp,   z = W_o y
 *     f(p − i) = W_2 ReLU(W_1 (p − i) / ⌊K/2⌋)                the geometry prior
 *
 * Hu et al., "Local Relation Networks for Image Recognition", ICCV 2019, arXiv:1904.11491, section 3.
 * Departs from the paper: no layer was released, only an operator, to which this one is equal: beyond the border the
 * comparison gives −100, f is added and x is 0. That all maps have biases, the units of the offsets, the hidden width
 * and the names are ours.
 *
 * x [N, C, ..] over one, two or three axes → [N, C, ..'], ⌊(size − 1) / stride⌋ + 1 along each. Tap `attention`
 * [N, C/m, Q, L] and `attention_window` [N, C/m, Q, K²], of which the rows sum to 1, the places beyond the border
 * included. State: `query`, `key`, `geometry.0`, `geometry.2`, `out`.
 */
export function localRelation(s: Scope, x: Value, config: LocalRelationConfig): Value {
  const c = channelsOf(s, x);
  const { window = 7, share = 8, stride = 1, dilation = 1, outside = -100, normalise = 'softmax' } = config;
  checkWindow(s, x, { window, stride, dilation, inside: true });
  const heads = divide(s, c, share, 'share');
  const each = (n: number): number[] => x.shape.slice(2).map(() => n);
  const y = aggregate(s, {
    ...compared(s, x, heads, config),
    values: x,
    reads: { kind: 'window', size: each(window), stride: each(stride), dilation: each(dilation), outside },
    ...(config.prior !== 'none' && { prior: geometry(s.at('geometry'), each(window), heads, config) }),
    normalise,
    heads,
    tap: 'attention',
  }); // [N, C, ..']
  if (config.output === false) return y;
  return convNd(s.at('out'), y, { channels: c, kernel: 1, bias: true, init: TORCH });
}

type Comparison = Pick<ComparedConfig, 'queries' | 'keys' | 'score'>;

/** Queries at the centres, keys everywhere, and Φ. */
function compared(s: Scope, x: Value, heads: number, config: LocalRelationConfig): Comparison {
  const { queryChannels = 1, composition = 'squared-difference', scale = 1, stride = 1 } = config;
  const channels = heads * queryChannels;
  const project = (name: string, step: number): Value =>
    convNd(s.at(name), x, { channels, kernel: 1, stride: step, bias: true, init: TORCH });
  switch (composition) {
    case 'product':
      return { queries: project('query', stride), keys: project('key', 1), score: { kind: 'dot-product', scale } };
    case 'absolute-difference':
    case 'squared-difference':
      return { queries: project('query', stride), keys: project('key', 1), score: { kind: composition, scale } };
    case 'key': {
      const space = x.shape.slice(2);
      const centres = windowedSpace(
        space,
        space.map(() => stride),
      );
      const ones = s.within(() => op.expand(scalar(1), [1, channels, ...centres]));
      return { queries: ones, keys: project('key', 1), score: { kind: 'dot-product', scale } };
    }
    default:
      return composition satisfies never;
  }
}

/** f for every place of the window, [1, heads, K², 1]; the offsets' axes are the channels of the first map. */
function geometry(
  s: Scope,
  size: readonly number[],
  heads: number,
  { geometryHidden = 16 }: LocalRelationConfig,
): Value {
  const rank = size.length;
  const places = size.reduce((a, b) => a * b, 1);
  const offsets = Float32Array.from({ length: rank * places }, (_, i) => {
    const [axis, place] = [Math.floor(i / places), i % places];
    const side = size[axis]!;
    const half = (side - 1) / 2;
    const index = Math.floor(place / side ** (rank - 1 - axis)) % side;
    return half === 0 ? 0 : (index - half) / half;
  });
  const map = (name: number, from: Value, channels: number): Value =>
    convNd(s.at(name), from, { channels, kernel: 1, bias: true, init: TORCH });
  const hidden = s.within(() => op.relu(map(0, constant(float32([1, rank, ...size], offsets)), geometryHidden)));
  const prior = map(2, hidden, heads); // [1, heads, K, ..]
  return s.within(() => op.reshape(prior, [1, heads, places, 1]));
}

const COMPOSITIONS = {
  product: 'dot-product q κ',
  'absolute-difference': 'absolute-difference −|q − κ|',
  'squared-difference': 'squared-difference −(q − κ)²',
  key: 'dot-product of κ with 1',
} as const satisfies { readonly [K in Composition]: string };

const ROWS = (Object.keys(COMPOSITIONS) as Composition[]).map(
  (composition): AlgebraRow => ({
    mechanism: `local relation, ${composition.replace('-', ' ')}`,
    changes: { composition },
    reads: 'window k x k, beyond the border −100',
    score: COMPOSITIONS[composition],
    normalise: 'softmax',
    heads: 'C / share',
    sharing: 'neighbouring channels, C / heads of them',
    prior: 'geometry: a network of the offset',
    mix: 'none',
    transform: 'W_o',
    fusion: 'y',
    macs: 'N k² C (1 + d / share)',
    source: composition === 'key' ? 'the official operator' : 'Hu et al. 2019, section 3',
  }),
);

/** The shared cases of the layer, in the words of the official operator. */
const sharedCase = z.object({
  channels: count,
  kernel_size: count,
  stride: count.default(1),
  dilation: count.default(1),
  m: count.optional(),
  groups: count.optional(),
  query_channels_per_group: count.default(1),
  geometry_hidden: count,
  similarity: z.string(),
  similarity_scale: z.number().default(1),
  no_define_value: z.number().default(-100),
});

const SIMILARITIES: Readonly<Record<string, Composition>> = {
  product: 'product',
  absolute_difference: 'absolute-difference',
  squared_difference: 'squared-difference',
};

function readShared(json: Readonly<Record<string, unknown>>): LocalRelationConfig | string {
  const c = readReference(json, sharedCase);
  const composition = SIMILARITIES[c.similarity];
  if (!composition) return `local relation with the similarity "${c.similarity}"`;
  const share = c.groups ? c.channels / c.groups : c.m;
  return {
    kind: 'local-relation',
    window: c.kernel_size,
    ...(share !== undefined && { share }),
    queryChannels: c.query_channels_per_group,
    composition,
    scale: c.similarity_scale,
    outside: c.no_define_value,
    geometryHidden: c.geometry_hidden,
    stride: c.stride,
    dilation: c.dilation,
  };
}

/** The record of {@link localRelation}. */
export const LOCAL_RELATION: Block<LocalRelationConfig> = {
  kind: 'local-relation',
  title: 'local relation',
  options: z.strictObject({
    kind: z.literal('local-relation'),
    window: count.optional(),
    share: count.optional(),
    queryChannels: count.optional(),
    composition: z.enum(['product', 'absolute-difference', 'squared-difference', 'key']).optional(),
    scale: z.number().optional(),
    outside: z.number().optional(),
    prior: z.enum(['geometry', 'none']).optional(),
    geometryHidden: count.optional(),
    normalise: z.enum(['softmax', 'none']).optional(),
    output: z.boolean().optional(),
    stride: count.optional(),
    dilation: count.optional(),
  }),
  build: localRelation,
  child: { block: 'local_relation', stage: 'local_relation' },
  strides: true,
  axes: [1, 2, 3],
  algebra: ROWS,
  sample: { config: { kind: 'local-relation', window: 3, share: 2, geometryHidden: 4 }, shape: [2, 8, 4, 3] },
  references: { local_relation: readShared },
};

import * as z from 'zod';
import { Fault } from '../../core/fault.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { aggregate } from '../aggregate.ts';
import { type Init, ZEROS } from '../init.ts';
import { layerNorm, overPositions, pointwise } from '../layers/pointwise.ts';
import { count, ratio } from '../read-options.ts';
import type { Scope } from '../scope.ts';
import { type AlgebraRow, type Block, readReference, type ShapeOf } from './block.ts';
import { oneQuery } from './one-query.ts';
import { channelsOf, fraction } from './shape.ts';

/** How the context meets the features. */
export type Fusion = 'add' | 'multiply';

/** What stands between the two layers of the transform: the ablation of GCNet's table on the bottleneck. */
export type Between = 'norm-relu' | 'relu' | 'nothing';

/** Options of {@link globalContext}. */
export interface GlobalContextConfig {
  readonly kind: 'global-context';
  /** Hidden width as a factor of C; 1/16 where absent, as in the paper (its best is 1/4). */
  readonly ratio?: number;
  /** The hidden width itself, instead of `ratio`. */
  readonly hiddenChannels?: number;
  /** Context as attention or average pooling; `attention` where absent. */
  readonly pooling?: 'attention' | 'average';
  /** `['add']` where absent. With both, x is multiplied first. */
  readonly fusions?: readonly Fusion[];
  /** Between W_v1 and W_v2; `norm-relu` where absent. */
  readonly between?: Between;
  /** Whose parameter names and first weights; `gcnet` where absent. */
  readonly names?: 'gcnet' | 'timm';
}

interface Style {
  readonly mask: string;
  readonly branch: { readonly [K in Fusion]: string };
  readonly first: string;
  readonly norm: string;
  readonly last: { readonly [K in Between]: string };
  readonly epsilon: number;
  /** Whether the norm's parameters keep the positions' axes: [P, 1, 1] and not [P]. */
  readonly normAxes: boolean;
  /** First weights of each branch's last layer. */
  readonly lastInit: { readonly [K in Fusion]: Init };
  /** First biases of the mask and of the last layers; PyTorch's where absent. */
  readonly biasInit?: Init;
}

const GCNET: Style = {
  mask: 'conv_mask',
  branch: { add: 'channel_add_conv', multiply: 'channel_mul_conv' },
  ...{ first: '0', norm: '1', epsilon: 1e-5, normAxes: true },
  last: { 'norm-relu': '3', relu: '2', nothing: '1' }, // places in a Sequential
  lastInit: { add: ZEROS, multiply: ZEROS },
  biasInit: ZEROS,
};
const TIMM: Style = {
  mask: 'conv_attn',
  branch: { add: 'mlp_add', multiply: 'mlp_scale' },
  ...{ first: 'fc1', norm: 'norm', epsilon: 1e-6, normAxes: false },
  last: { 'norm-relu': 'fc2', relu: 'fc2', nothing: 'fc2' },
  lastInit: { add: ZEROS, multiply: { kind: 'fan-in-uniform' } },
};

/**
 * Global context block: one attention map for all queries, a bottleneck on the context, a fusion.
 *
 *     c = Σ_j α_j x_j,  α = softmax_j(W_k x_j), or 1/L        context modelling, eq. 4
 *     t = W_v2 ReLU(LN(W_v1 c)), W_v2 ReLU(W_v1 c), W_v2 W_v1 c   transform, eq. 5 and its ablation
 *     z_i = x_i ⊙ σ(t) (multiply),  x_i + t (add),  x_i ⊙ σ(t) + t' (both)
 *
 * Cao et al., "GCNet: Non-local Networks Meet Squeeze-Excitation Networks and Beyond", ICCVW 2019, arXiv:1904.11492.
 * Departs from the paper: W_k has a bias, without effect (authors' code). W_v2 starts at zero, so that a block which
 * adds starts as the identity and one which multiplies as x / 2.
 *
 * x [N, C, ..] → z, the same. Taps: `attention` [N, 1, 1, L], it sums to 1; `context` [N, C].
 */
export function globalContext(s: Scope, x: Value, config: GlobalContextConfig): Value {
  const { fusions = ['add'], names = 'gcnet' } = config;
  const known = fusions.every((f) => f === 'add' || f === 'multiply') && new Set(fusions).size === fusions.length;
  if (fusions.length === 0 || !known) {
    const got = JSON.stringify(fusions);
    throw new Fault('config', `${s.path}: expected "add", "multiply" or both as fusions, got ${got}.`);
  }
  const style = names === 'timm' ? TIMM : GCNET;
  const axes = x.shape.length - 2;
  const c = context(s, x, config, style);
  s.tap('context', { axes: 'n c', value: () => c });
  const term = (fusion: Fusion): Value => {
    const t = transform(s.at(style.branch[fusion]), c, { config, style, axes, fusion });
    return s.within(() => overPositions(fusion === 'multiply' ? op.sigmoid(t) : t, axes)); // [N, C, 1, ..]
  };
  const [added, factor] = [fusions.includes('add') && term('add'), fusions.includes('multiply') && term('multiply')];
  return s.within(() => {
    const scaled = factor ? op.mul(x, factor) : x;
    return added ? op.add(scaled, added) : scaled;
  });
}

/** x [N, C, ..] → [N, C] */
function context(s: Scope, x: Value, { pooling = 'attention' }: GlobalContextConfig, style: Style): Value {
  const reads = { kind: 'everywhere' } as const;
  const average = (): Value => aggregate(s, { values: x, reads, score: { kind: 'none' }, normalise: 'count' });
  const attention = (): Value => {
    const query = oneQuery(s.at(style.mask), x, style.biasInit ?? { kind: 'fan-in-uniform', fanIn: channelsOf(s, x) });
    return aggregate(s, { ...query, values: x, reads, normalise: 'softmax', tap: 'attention' });
  };
  const c = pooling === 'attention' ? attention() : average();
  return s.within(() => op.reshape(c, [x.shape[0]!, channelsOf(s, x)]));
}

interface Branch {
  readonly config: GlobalContextConfig;
  readonly style: Style;
  readonly axes: number;
  readonly fusion: Fusion;
}

/** c [N, C] → t [N, C] */
function transform(s: Scope, c: Value, { config, style, axes, fusion }: Branch): Value {
  const channels = c.shape[1] as number;
  const hidden = config.hiddenChannels ?? fraction(s, channels, config.ratio ?? 1 / 16);
  const h = pointwise(s.at(style.first), c, { channels: hidden, axes }); // [N, P]
  const { between = 'norm-relu' } = config;
  const norm = { epsilon: style.epsilon, axes: style.normAxes ? axes : 0 };
  const normed = between === 'norm-relu' ? layerNorm(s.at(style.norm), h, norm) : h;
  const last = { channels, axes, init: style.lastInit[fusion], ...(style.biasInit && { biasInit: style.biasInit }) };
  return s.within(() => pointwise(s.at(style.last[between]), between === 'nothing' ? normed : op.relu(normed), last));
}

const ROW: AlgebraRow = {
  mechanism: 'global context block',
  reads: 'everywhere, one query for all',
  score: 'dot-product w_kᵀ x_j',
  normalise: 'softmax',
  heads: '1',
  sharing: 'all channels',
  prior: 'a bias, without effect',
  mix: 'none',
  transform: 'W_v2 ReLU LN W_v1, on one vector',
  fusion: 'x + y',
  macs: '2 N C',
  source: 'Cao et al. 2019, eq. 4 and 5',
};

/** GCNet's `ContextBlock`; its `planes` follow from the ratio. */
const gcnetCase = z.object({
  ratio: z.number().positive(),
  pooling_type: z.enum(['att', 'avg']).default('att'),
  fusion_types: z
    .array(z.enum(['channel_add', 'channel_mul']))
    .min(1)
    .default(['channel_add']),
});

/** timm's `GlobalContext`. */
const timmCase = z.object({
  rd_channels: count,
  use_attn: z.boolean().default(true),
  fuse_add: z.boolean().default(false),
  fuse_scale: z.boolean().default(true),
});

/** The record of {@link globalContext}. */
export const GLOBAL_CONTEXT: Block<GlobalContextConfig> = {
  kind: 'global-context',
  title: 'global context',
  options: z.strictObject({
    kind: z.literal('global-context'),
    ratio: ratio.optional(),
    hiddenChannels: count.optional(),
    pooling: z.enum(['attention', 'average']).optional(),
    fusions: z
      .array(z.enum(['add', 'multiply']))
      .min(1)
      .optional(),
    between: z.enum(['norm-relu', 'relu', 'nothing']).optional(),
    names: z.enum(['gcnet', 'timm']).optional(),
  }),
  build: globalContext,
  child: { block: 'context_block', stage: 'gc' }, // GCNet
  strides: false,
  axes: [1, 2, 3],
  algebra: [
    ROW,
    {
      ...ROW,
      mechanism: 'global context block, average pooling',
      changes: { pooling: 'average' },
      score: 'none',
      normalise: 'count',
      prior: 'none',
      macs: 'N C',
    },
    {
      ...ROW,
      mechanism: 'global context block, multiplying',
      changes: { fusions: ['multiply'] },
      fusion: 'x ⊙ σ(y)',
    },
  ],
  sample: { config: { kind: 'global-context', ratio: 0.5 }, shape: [2, 8, 4, 3] },
  references: {
    'gcnet.ContextBlock': (config) => {
      const { ratio: factor, pooling_type, fusion_types } = readReference(config, gcnetCase);
      return {
        kind: 'global-context',
        ratio: factor,
        pooling: pooling_type === 'att' ? 'attention' : 'average',
        fusions: fusion_types.map((f) => (f === 'channel_add' ? 'add' : 'multiply')),
        names: 'gcnet',
      };
    },
    'timm.GlobalContext': (config) => {
      const { rd_channels, use_attn, fuse_add, fuse_scale } = readReference(config, timmCase);
      return {
        kind: 'global-context',
        hiddenChannels: rd_channels,
        pooling: use_attn ? 'attention' : 'average',
        fusions: [...(fuse_add ? ['add' as const] : []), ...(fuse_scale ? ['multiply' as const] : [])],
        names: 'timm',
      };
    },
  },
  recognise,
};

function recognise(shape: ShapeOf): GlobalContextConfig | null {
  for (const names of ['gcnet', 'timm'] as const) {
    const style = names === 'timm' ? TIMM : GCNET;
    const { branch, first, mask } = style;
    const added = shape(`${branch.add}.${first}.weight`);
    const scaled = shape(`${branch.multiply}.${first}.weight`);
    const hidden = added ?? scaled;
    if (!hidden) continue;
    const fusions = [...(added ? (['add'] as const) : []), ...(scaled ? (['multiply'] as const) : [])];
    return {
      kind: 'global-context',
      ratio: hidden[0]! / hidden[1]!,
      ...(fusions.join() !== 'add' && { fusions }),
      ...(!shape(`${mask}.weight`) && { pooling: 'average' }),
      ...betweenOf((name) => shape(`${added ? branch.add : branch.multiply}.${name}.weight`), style),
      ...(names === 'timm' && { names }),
    };
  }
  return null;
}

/** What the tensors of one branch tell of {@link Between}; timm's names without a norm are taken to have a ReLU. */
function betweenOf(shape: ShapeOf, { norm, last }: Style): { readonly between?: Between } {
  if (shape(norm) && shape(last['norm-relu'])) return {};
  return { between: shape(last.relu) ? 'relu' : 'nothing' };
}

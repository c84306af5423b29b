import * as z from 'zod';
import { count } from '../read-options.ts';
import { type AlgebraRow, type Block, readReference, type ShapeOf } from './block.ts';
import { type NonLocalConfig, type NonLocalMode, nonLocal } from './non-local.ts';

const ROW: AlgebraRow = {
  mechanism: 'non-local block, embedded Gaussian',
  reads: 'everywhere',
  score: 'dot-product θ(x_i)ᵀ φ(x_j) / √D',
  normalise: 'softmax',
  heads: '1',
  sharing: 'all channels',
  prior: 'none',
  mix: 'none',
  transform: 'W_z',
  fusion: 'x + y',
  macs: 'N² C, D = C / 2',
  source: 'Wang et al. 2018, eq. 3',
};

/** mmcv's non-local block. In block cases `mode` is that of the norms, and the comparison has a key of its own. */
const mmcvCase = z.object({
  in_channels: count,
  nonlocal_mode: z.string(),
  /** The inner width is the channels divided by this, rounded down, at least 1. */
  reduction: z.number().int().positive().default(2),
  use_scale: z.boolean().default(true),
  sub_sample: z.boolean().default(false),
  norm: z
    .union([z.boolean(), z.null(), z.literal('BN')])
    .default(false)
    .transform(Boolean),
});

const MODES: Readonly<Record<string, NonLocalMode>> = {
  gaussian: 'gaussian',
  embedded_gaussian: 'embedded-gaussian',
  dot_product: 'dot-product',
  concatenation: 'concatenation',
};

/** Only the embedded Gaussian heeds `use_scale`. */
function fromMmcv(config: Readonly<Record<string, unknown>>): NonLocalConfig | string {
  const { in_channels, nonlocal_mode, reduction, use_scale, sub_sample, norm } = readReference(config, mmcvCase);
  const mode = Object.hasOwn(MODES, nonlocal_mode) ? MODES[nonlocal_mode] : undefined;
  if (!mode) return `a non-local block of mode "${nonlocal_mode}"`;
  return {
    kind: 'non-local',
    mode,
    innerChannels: Math.max(Math.floor(in_channels / reduction), 1),
    ...(mode === 'embedded-gaussian' && { scale: use_scale ? 'D^-1/2' : 'none' }),
    ...(sub_sample && { subSample: { order: 'after-projection' } }),
    norm: norm ? 'batch' : 'none',
    names: 'mmcv',
  };
}

/** The record of {@link nonLocal}. */
export const NON_LOCAL: Block<NonLocalConfig> = {
  kind: 'non-local',
  title: 'non-local',
  options: z.strictObject({
    kind: z.literal('non-local'),
    mode: z.enum(['embedded-gaussian', 'gaussian', 'dot-product', 'concatenation']).optional(),
    reduction: count.optional(),
    innerChannels: count.optional(),
    scale: z.enum(['none', 'D^-1/2', 'D^1/2', 'C^-1/2']).optional(),
    subSample: z
      .strictObject({ order: z.enum(['after-projection', 'before-projection']), kernel: z.array(count).optional() })
      .optional(),
    norm: z.enum(['batch', 'none']).optional(),
    residual: z.boolean().optional(),
    init: z.enum(['normal', 'he']).optional(),
    names: z.enum(['mmcv', 'timm', 'slowfast']).optional(),
  }),
  build: nonLocal,
  child: { block: 'non_local_block', stage: 'nl' }, // mmaction2
  strides: false,
  axes: [1, 2, 3],
  algebra: [
    ROW,
    {
      ...ROW,
      mechanism: 'non-local block, Gaussian',
      changes: { mode: 'gaussian' },
      score: 'dot-product x_iᵀ x_j',
      macs: '3/2 N² C',
      source: 'Wang et al. 2018, eq. 2',
    },
    {
      ...ROW,
      mechanism: 'non-local block, dot product',
      changes: { mode: 'dot-product' },
      score: 'dot-product θ(x_i)ᵀ φ(x_j)',
      normalise: 'count',
      source: 'Wang et al. 2018, eq. 4',
    },
    {
      ...ROW,
      mechanism: 'non-local block, concatenation',
      changes: { mode: 'concatenation' },
      score: 'concatenation ReLU(w_fᵀ [θ(x_i), φ(x_j)])',
      normalise: 'count',
      macs: 'N² C / 2, D = C / 2',
      source: 'Wang et al. 2018, eq. 5',
    },
  ],
  sample: { config: { kind: 'non-local' }, shape: [2, 8, 4, 3] },
  references: {
    'mmcv.NonLocal1d': fromMmcv,
    'mmcv.NonLocal2d': fromMmcv,
    'mmcv.NonLocal3d': fromMmcv,
    // GCNet's plugin multiplies by the square root of the inner width where mmcv divides.
    'gcnet.NonLocal2D': (config) => {
      const spec = fromMmcv(config);
      return typeof spec === 'string' || spec.scale !== 'D^-1/2' ? spec : { ...spec, scale: 'D^1/2' };
    },
    'timm.NonLocalAttn': (config) => {
      const { rd_channels } = readReference(config, z.object({ rd_channels: count }));
      return { kind: 'non-local', innerChannels: rd_channels, scale: 'C^-1/2', norm: 'batch', names: 'timm' };
    },
  },
  recognise,
};

/** By mmcv's names; where shapes leave a choice, the default. */
function recognise(shape: ShapeOf): NonLocalConfig | null {
  const value = shape('g.conv.weight') ?? shape('g.0.conv.weight');
  if (!value) return null;
  const [inner, channels] = value as [number, number];
  const compared = shape('concat_project.conv.weight') ? ('concatenation' as const) : null;
  const mode = shape('theta.conv.weight') ? compared : ('gaussian' as const);
  return {
    kind: 'non-local',
    ...(mode && { mode }),
    ...(channels / inner !== 2 && { reduction: channels / inner }),
    ...(shape('conv_out.bn.weight') && { norm: 'batch' }),
    ...(shape('g.0.conv.weight') && { subSample: { order: 'after-projection' } }),
  };
}

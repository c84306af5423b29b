import * as z from 'zod';
import { Fault } from '../../core/fault.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { aggregate } from '../aggregate.ts';
import { overPositions, pointwise } from '../layers/pointwise.ts';
import { count, ratio } from '../read-options.ts';
import type { Scope } from '../scope.ts';
import { type Block, readReference } from './block.ts';
import { channelsOf, makeDivisible } from './shape.ts';

/** Options of {@link squeezeExcitation}. */
export interface SqueezeExcitationConfig {
  readonly kind: 'squeeze-excitation';
  /** Hidden width as a factor of C; 1/16 where absent, as in the paper. */
  readonly ratio?: number;
  /** What the hidden width is rounded to a multiple of; 8 where absent (timm). */
  readonly divisor?: number;
  /** The hidden width itself, instead of `ratio`. */
  readonly squeezeChannels?: number;
}

/**
 * Squeeze-and-excitation block: channels are scaled by what the whole picture holds.
 *
 *     c = 1/L Σ_j x_j                          eq. 2
 *     s = σ(W_2 ReLU(W_1 c))                   eq. 3
 *     z_i = s ⊙ x_i                            eq. 4
 *
 * Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018, arXiv:1709.01507.
 * Departs from the paper: W_1 and W_2 have biases (torchvision, timm, the authors' models) and start as PyTorch's
 * convolutions do; the hidden width is rounded to a multiple of 8 (timm).
 *
 * x [N, C, ..] → z, the same. Tap `scale` [N, C]. State: `fc1`, `fc2`, convolutions with a kernel of 1.
 */
export function squeezeExcitation(s: Scope, x: Value, config: SqueezeExcitationConfig): Value {
  const channels = channelsOf(s, x);
  const axes = x.shape.length - 2;
  const squeeze = squeezeWidth(s, channels, config);
  const mean = aggregate(s, { values: x, reads: { kind: 'everywhere' }, score: { kind: 'none' }, normalise: 'count' });
  const vector = s.within(() => op.reshape(mean, [x.shape[0]!, channels]));
  const hidden = s.within(() => op.relu(pointwise(s.at('fc1'), vector, { channels: squeeze, axes })));
  const scale = s.within(() => op.sigmoid(pointwise(s.at('fc2'), hidden, { channels, axes }))); // [N, C]
  s.tap('scale', { axes: 'n c', value: () => scale });
  return s.within(() => op.mul(x, overPositions(scale, axes)));
}

function squeezeWidth(s: Scope, channels: number, config: SqueezeExcitationConfig): number {
  const { ratio = 1 / 16, divisor = 8, squeezeChannels } = config;
  const width = squeezeChannels ?? makeDivisible(channels * ratio, divisor, 0);
  if (Number.isInteger(width) && width > 0) return width;
  throw new Fault('config', `${s.path}: expected a positive hidden width, got ${width}. Set squeezeChannels or ratio.`);
}

/** torchvision's `SqueezeExcitation`, whose activations are options. */
const torchvisionCase = z.object({
  squeeze: count,
  activation: z.string().default('relu'),
  gate: z.string().default('sigmoid'),
});

/** timm's `SEModule`. */
const timmCase = z.object({
  rd_channels: count.optional(),
  rd_ratio: z.number().positive().optional(),
  rd_divisor: count.optional(),
});

/** The record of {@link squeezeExcitation}. */
export const SQUEEZE_EXCITATION: Block<SqueezeExcitationConfig> = {
  kind: 'squeeze-excitation',
  title: 'squeeze-and-excitation',
  options: z.strictObject({
    kind: z.literal('squeeze-excitation'),
    ratio: ratio.optional(),
    divisor: count.optional(),
    squeezeChannels: count.optional(),
  }),
  build: squeezeExcitation,
  child: { block: 'se', stage: 'se' }, // timm
  strides: false,
  axes: [1, 2, 3],
  algebra: [
    {
      mechanism: 'squeeze-and-excitation',
      reads: 'everywhere, one query for all',
      score: 'none',
      normalise: 'count',
      heads: '1',
      sharing: 'all channels',
      prior: 'none',
      mix: 'none',
      transform: 'σ W_2 ReLU W_1, on one vector',
      fusion: 'x ⊙ y',
      macs: 'N C',
      source: 'Hu et al. 2018, eq. 2 to 4',
    },
  ],
  sample: { config: { kind: 'squeeze-excitation', squeezeChannels: 4 }, shape: [2, 8, 4, 3] },
  references: {
    'torchvision.SqueezeExcitation': (config) => {
      const { squeeze, activation, gate } = readReference(config, torchvisionCase);
      if (activation !== 'relu' || gate !== 'sigmoid') return `squeeze-excitation with ${activation} and ${gate}`;
      return { kind: 'squeeze-excitation', squeezeChannels: squeeze };
    },
    'timm.SEModule': (config) => {
      const { rd_channels, rd_ratio, rd_divisor } = readReference(config, timmCase);
      return {
        kind: 'squeeze-excitation',
        ...(rd_channels !== undefined && { squeezeChannels: rd_channels }),
        ...(rd_ratio !== undefined && { ratio: rd_ratio }),
        ...(rd_divisor !== undefined && { divisor: rd_divisor }),
      };
    },
  },
  recognise: (shape) => {
    const squeeze = shape('fc1.weight');
    return squeeze ? { kind: 'squeeze-excitation', ratio: squeeze[0]! / squeeze[1]! } : null;
  },
};

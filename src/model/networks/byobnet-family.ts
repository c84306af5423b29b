import * as z from 'zod';
import { count, share } from '../read-options.ts';
import { byobnet } from './byobnet.ts';
import type { ByobnetConfig } from './byobnet-config.ts';
import { placementOptions, SHARED_OPTIONS } from './common-options.ts';
import type { FamilyKind } from './family.ts';
import { BYOBNET_NAMES } from './names/byobnet.ts';
import { TORCHVISION_INPUT } from './picture-input.ts';

const stageOptions = z.strictObject({
  blocks: count,
  channels: count,
  stride: z.int().min(1).max(4),
  ratio: z.number().gt(0).max(16),
  groupSize: z.int().min(0).max(65536),
});

/** The record of {@link byobnet}. */
export const BYOBNET_FAMILY: FamilyKind<ByobnetConfig> = {
  kind: 'byobnet',
  title: 'residual network of chosen blocks',
  options: z.strictObject({
    kind: z.literal('byobnet'),
    stem: z.array(count).min(1).max(8),
    stemStride: z.enum(['maximum', 'convolution']),
    stages: z.array(stageOptions).min(1).max(8),
    activation: z.enum(['relu', 'silu']),
    finalChannels: z.int().min(0).max(65536),
    shortcut: z.enum(['convolution', 'average']),
    ...SHARED_OPTIONS,
    zeroInitResidual: z.boolean(),
    dropout: share,
    context: z.array(placementOptions),
  }),
  build: byobnet,
  names: BYOBNET_NAMES,
  input: () => TORCHVISION_INPUT,
  stages: ({ stages }) => stages.length,
  place: (name) => {
    const [, stage, block] = /^stages\.(\d+)\.(?:(\d+)\.)?/.exec(name) ?? [];
    return stage === undefined ? null : { stage, ...(block !== undefined && { block }) };
  },
  anySize: () => true,
  features: ({ stages }) => stages.map((_, k) => `c${k + 2}`),
};

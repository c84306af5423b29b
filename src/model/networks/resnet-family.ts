import * as z from 'zod';
import { blockSpec } from '../blocks/table.ts';
import { count, share } from '../read-options.ts';
import { operatorOptions, placementOptions, SHARED_OPTIONS } from './common-options.ts';
import type { FamilyKind } from './family.ts';
import { RESNET_NAMES } from './names/resnet.ts';
import { SMALL_INPUT, TORCHVISION_INPUT } from './picture-input.ts';
import { resnet } from './resnet.ts';
import type { ResnetConfig } from './resnet-config.ts';

/** The record of {@link resnet}. */
export const RESNET_FAMILY: FamilyKind<ResnetConfig> = {
  kind: 'resnet',
  title: 'residual network',
  options: z.strictObject({
    kind: z.literal('resnet'),
    block: z.enum(['basic', 'bottleneck']),
    layers: z.array(count).min(1).max(8),
    width: count,
    groups: count,
    widthPerGroup: count,
    stem: z.enum(['7x7', 'deep', 'deep-tiered', '3x3', 'operator']),
    stemChannels: count.optional(),
    stemOperator: blockSpec.optional(),
    stemPool: z.boolean(),
    firstStride: z.union([z.literal(1), z.literal(2)]),
    strideIn: z.enum(['3x3', '1x1']),
    shortcut: z.enum(['convolution', 'average']),
    ...SHARED_OPTIONS,
    zeroInitResidual: z.boolean(),
    dropout: share,
    context: z.array(placementOptions),
    operators: z.array(operatorOptions),
  }),
  build: resnet,
  names: RESNET_NAMES,
  input: ({ stem }) => (stem === '3x3' ? SMALL_INPUT : TORCHVISION_INPUT), // its stem does not stride
  stages: ({ layers }) => layers.length,
  place: (name) => {
    const [, stage, block] = /^layer(\d+)\.(?:(\d+)\.)?/.exec(name) ?? [];
    return stage === undefined ? null : { stage, ...(block !== undefined && { block }) };
  },
  anySize: () => true,
  features: ({ layers }) => layers.map((_, k) => `c${k + 2}`),
};

import * as z from 'zod';
import { blockSpec } from '../blocks/table.ts';
import { count } from '../read-options.ts';
import { SHARED_OPTIONS } from './common-options.ts';
import type { FamilyKind } from './family.ts';
import { type PictureInput, timmInput } from './picture-input.ts';
import { gridFor, mapName, visionTransformer } from './vision-transformer.ts';
import type { VisionTransformerConfig } from './vision-transformer-config.ts';

const side = z.int().min(1).max(16384);

/** The record of {@link visionTransformer}. */
export const VISION_TRANSFORMER_FAMILY: FamilyKind<VisionTransformerConfig> = {
  kind: 'vision-transformer',
  title: 'vision transformer',
  options: z.strictObject({
    kind: z.literal('vision-transformer'),
    imgSize: z.union([side, z.array(side).length(2)]),
    patch: z.int().min(1).max(256),
    width: count,
    depth: z.int().min(1).max(256),
    mlpRatio: z.number().gt(0).max(64),
    mixer: blockSpec,
    classToken: z.boolean(),
    positions: z.boolean(),
    names: z.enum(['vision-transformer', 'mlp-mixer']),
    ...SHARED_OPTIONS,
  }),
  build: visionTransformer,
  names: [{ source: "the network's own names", rules: [] }],
  input: inputOf,
  stages: ({ depth }) => depth,
  place: (name) => {
    const stage = /^blocks\.(\d+)\./.exec(name)?.[1];
    return stage === undefined ? null : { stage, block: '0' };
  },
  // a table of positions is resampled; what is learned for each pair of positions knows one size
  anySize: ({ mixer }) => !('positions' in mixer),
  features: (config) => [mapName(config)],
};

/** DeiT's pictures, of the size that the table of positions is made for. */
function inputOf(config: VisionTransformerConfig): PictureInput {
  const [h, w] = gridFor(config);
  return timmInput(Math.max(h, w) * config.patch, 0.9, undefined);
}

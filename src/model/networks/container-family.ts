import * as z from 'zod';
import { blockSpec } from '../blocks/table.ts';
import { count } from '../read-options.ts';
import { SHARED_OPTIONS } from './common-options.ts';
import { container } from './container.ts';
import type { ContainerConfig } from './container-config.ts';
import { CONTAINER_INPUT } from './container-table.ts';
import type { FamilyKind } from './family.ts';

const perStage = <T extends z.ZodType>(entry: T): z.ZodArray<T> => z.array(entry).min(1).max(8);

/** The record of {@link container}. */
export const CONTAINER_FAMILY: FamilyKind<ContainerConfig> = {
  kind: 'container',
  title: 'CONTAINER',
  options: z.strictObject({
    kind: z.literal('container'),
    widths: perStage(count),
    blocks: perStage(count),
    mlpRatios: perStage(z.number().gt(0).max(64)),
    patches: perStage(z.int().min(1).max(64)),
    mixers: perStage(blockSpec),
    position: z.enum(['depthwise', 'none']),
    ...SHARED_OPTIONS,
  }),
  build: container,
  names: [{ source: "the network's own names", rules: [] }],
  input: () => CONTAINER_INPUT,
  stages: ({ blocks }) => blocks.length,
  place: (name) => {
    const [, stage, block] = /^blocks(\d+)\.(?:(\d+)\.)?/.exec(name) ?? [];
    if (stage !== undefined) return { stage, ...(block !== undefined && { block }) };
    const embedding = /^patch_embed(\d+)\./.exec(name)?.[1];
    return embedding === undefined || embedding === '1' ? null : { stage: embedding };
  },
  // a learned affinity of all pairs of positions knows one size
  anySize: ({ mixers }) => mixers.every((mixer) => !('positions' in mixer)),
  features: ({ blocks }) => blocks.map((_, k) => `c${k + 2}`),
};

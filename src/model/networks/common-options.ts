import * as z from 'zod';
import { blockSpec } from '../blocks/table.ts';
import { count, share } from '../read-options.ts';

/** Options that every family has. */
export const SHARED_OPTIONS: {
  readonly inChannels: z.ZodInt;
  readonly classes: z.ZodInt;
  readonly dropPath: z.ZodNumber;
} = { inChannels: count, classes: z.int().min(0).max(1e6), dropPath: share };

/** Checks where a block stands in a residual network. */
export const placementOptions: z.ZodObject = z.strictObject({
  context: blockSpec,
  position: z.enum(['after-conv1', 'after-conv2', 'after-conv3', 'after-add', 'after-block', 'after-stage']),
  stages: z.array(count).optional(),
  blocks: z.array(z.int()).optional(),
  name: z.string().regex(/^\w+$/, { error: 'a name of letters, digits and _' }).optional(),
});

/** Checks which operator stands in a block's convolution. */
export const operatorOptions: z.ZodObject = z.strictObject({
  operator: blockSpec,
  stages: z.array(count).optional(),
  blocks: z.array(z.int()).optional(),
  norm: z.boolean().optional(),
  stride: z.enum(['own', 'average-before', 'average-after', 'blur-after']).optional(),
});

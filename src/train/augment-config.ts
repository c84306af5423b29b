import * as z from 'zod';
import { messageOf } from '../core/fault.ts';
import { type AugmentConfig, readAugment } from '../data/augment/config.ts';
import { type MixConfig, readMix } from '../data/augment/mix.ts';
import { type RandAugmentConfig, readRandAugment } from '../data/augment/rand-augment-config.ts';

z.config({ jitless: true }); // asks for no `eval`

/** What is done to training pictures beside crop and mirror, and to batches of them; all off by default. */
export interface RunAugmentConfig extends AugmentConfig {
  /** Pictures mixed in pairs; targets are mixed alike, and the loss smooths them as it smooths labels. */
  readonly mix: MixConfig;
  /** Times that a picture comes one after the other in an epoch, whose length stays; 1. */
  readonly repeats: number;
}

const share = z.number().min(0).max(1);
const strength = z.number().min(0).max(100).default(0);

function range(low: number, high: number, bounds: { readonly min: number; readonly max: number }) {
  return z
    .array(z.number().min(bounds.min).max(bounds.max))
    .length(2)
    .refine(([a, b]) => a! <= b!, { error: 'the lesser number first' })
    .default([low, high]);
}

const RAND_AUGMENT = z
  .unknown()
  .default(null)
  .transform((value, context): RandAugmentConfig | null => {
    if (value === null) return null;
    try {
      return readRandAugment(value);
    } catch (cause) {
      const message = `null, options of RandAugment, or words as "rand-m9-mstd0.5-inc1" (${messageOf(cause)})`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
  });

const { jitter, blur, erase } = readAugment();
const mix = readMix();

/** What may be said of it. */
export const AUGMENT: z.ZodType<RunAugmentConfig> & { readonly shape: object } = z.strictObject({
  flipVertical: share.default(0),
  randAugment: RAND_AUGMENT,
  jitter: z
    .strictObject({
      probability: share.default(jitter.probability),
      brightness: strength,
      contrast: strength,
      saturation: strength,
      hue: z.number().min(0).max(0.5).default(0),
    })
    .prefault({}),
  greyscale: share.default(0),
  blur: z
    .strictObject({
      probability: share.default(0),
      kernel: z
        .int()
        .min(1)
        .max(255)
        .refine((k) => k % 2 === 1, { error: 'an odd number of pixels' })
        .default(blur.kernel),
      sigma: range(blur.sigma[0]!, blur.sigma[1]!, { min: 1e-3, max: 1e3 }),
    })
    .prefault({}),
  erase: z
    .strictObject({
      probability: share.default(0),
      mode: z.enum(['pixel', 'colour', 'constant']).default(erase.mode),
      area: range(erase.area[0]!, erase.area[1]!, { min: 0, max: 1 }),
      aspect: range(erase.aspect[0]!, erase.aspect[1]!, { min: 1e-3, max: 1e3 }),
      count: z.int().min(1).max(100).default(erase.count),
    })
    .prefault({}),
  mix: z
    .strictObject({
      mixup: z.number().min(0).max(1000).default(mix.mixup),
      cutmix: z.number().min(0).max(1000).default(mix.cutmix),
      probability: share.default(mix.probability),
      switchProbability: share.default(mix.switchProbability),
    })
    .prefault({}),
  repeats: z.int().min(1).max(100).default(1),
});

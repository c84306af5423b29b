import type { Random } from '../../core/random.ts';
import type { RgbImage } from '../../core/resize.ts';
import { gaussianBlur } from './blur.ts';
import type { AugmentConfig } from './config.ts';
import { greyscale } from './enhance.ts';
import { jitter } from './jitter.ts';
import { randAugment } from './rand-augment.ts';

/**
 * What is done to the colours and places of a cropped picture, in timm's order: RandAugment, colour jitter, greyscale,
 * blur. `draws(name)` gives each its own random numbers, so that switching one on leaves the others as they were.
 */
export function augmentPixels(
  image: RgbImage,
  config: AugmentConfig,
  { draws, mean }: { readonly draws: (name: string) => Random; readonly mean: readonly number[] },
): RgbImage {
  let out = image;
  if (config.randAugment) {
    const fill = mean.map((m) => Math.max(0, Math.min(255, Math.round(255 * m)))) as [number, number, number];
    out = randAugment(out, config.randAugment, { random: draws('rand-augment'), fill });
  }
  const { brightness, contrast, saturation, hue, probability } = config.jitter;
  if (brightness + contrast + saturation + hue > 0) {
    const random = draws('jitter');
    if (random.uniform() < probability) out = jitter(out, config.jitter, random);
  }
  if (config.greyscale > 0 && draws('greyscale').uniform() < config.greyscale) out = greyscale(out);
  if (config.blur.probability > 0) {
    const random = draws('blur');
    const [low, high] = config.blur.sigma as [number, number];
    if (random.uniform() < config.blur.probability) {
      out = gaussianBlur(out, config.blur.kernel, low + (high - low) * random.uniform());
    }
  }
  return out;
}

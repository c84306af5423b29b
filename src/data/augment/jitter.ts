import type { Random } from '../../core/random.ts';
import type { RgbImage } from '../../core/resize.ts';
import type { JitterConfig } from './config.ts';
import { brightness, contrast, saturation } from './enhance.ts';
import { shiftHue } from './hue.ts';

/** Brightness, contrast, saturation and hue changed by random factors in random order; torchvision's ColorJitter. */
export function jitter(image: RgbImage, config: JitterConfig, random: Random): RgbImage {
  const factor = (strength: number): number => {
    const low = Math.max(0, 1 - strength);
    return low + (1 + strength - low) * random.uniform();
  };
  const { brightness: b, contrast: c, saturation: s, hue: h } = config;
  const order = random.shuffle([0, 1, 2, 3]);
  const steps = [
    { strength: b, by: factor(b), change: brightness },
    { strength: c, by: factor(c), change: contrast },
    { strength: s, by: factor(s), change: saturation },
    { strength: h, by: h * (2 * random.uniform() - 1), change: shiftHue },
  ];
  return order
    .map((i) => steps[i]!)
    .filter(({ strength }) => strength > 0)
    .reduce((picture, { by, change }) => change(picture, by), image);
}

import type { Random } from '../../core/random.ts';
import type { RgbImage } from '../../core/resize.ts';
import { type AffineOptions, rotate, shearX, shearY, translateX, translateY } from './affine.ts';
import { brightness, contrast, saturation, sharpness } from './enhance.ts';
import type { RandAugmentConfig } from './rand-augment-config.ts';
import { autocontrast, equalize, invert, posterize, solarize, solarizeAdd } from './tone.ts';

/** What one operation is given: how strong, a sign of its own, and how to move pixels. */
interface Strength {
  /** Magnitude over 10. */
  readonly level: number;
  readonly increasing: boolean;
  /** 1 or -1. */
  readonly sign: number;
  readonly move: AffineOptions;
}

/** 0.1 to 1.9 with the level; or away from 1 by 0.9 of it, to either side. */
function factor({ level, increasing, sign }: Strength): number {
  return increasing ? Math.max(0.1, 1 + sign * level * 0.9) : level * 1.8 + 0.1;
}

/** Bits that stay: 0 to 4 with the level, or 4 to 0. */
function bits({ level, increasing }: Strength): number {
  const some = Math.min(8, Math.trunc(level * 4));
  return increasing ? Math.max(0, 4 - some) : some;
}

/** The least level that is inverted: 0 to 256 with the level, or 256 to 0. */
function threshold({ level, increasing }: Strength): number {
  const some = Math.min(256, Math.trunc(level * 256));
  return increasing ? 256 - some : some;
}

/** One of the fifteen operations. */
export type OperationName =
  | 'autocontrast'
  | 'equalize'
  | 'invert'
  | 'rotate'
  | 'posterize'
  | 'solarize'
  | 'solarizeAdd'
  | 'colour'
  | 'contrast'
  | 'brightness'
  | 'sharpness'
  | 'shearX'
  | 'shearY'
  | 'translateX'
  | 'translateY';

/** The fifteen operations, in timm's order; ranges as there. */
export const OPERATIONS: { readonly [K in OperationName]: (image: RgbImage, strength: Strength) => RgbImage } = {
  autocontrast: (image) => autocontrast(image),
  equalize: (image) => equalize(image),
  invert: (image) => invert(image),
  rotate: (image, { level, sign, move }) => rotate(image, sign * level * 30, move),
  posterize: (image, s) => posterize(image, bits(s)),
  solarize: (image, s) => solarize(image, threshold(s)),
  solarizeAdd: (image, { level }) => solarizeAdd(image, Math.trunc(level * 110)),
  colour: (image, s) => saturation(image, factor(s)),
  contrast: (image, s) => contrast(image, factor(s)),
  brightness: (image, s) => brightness(image, factor(s)),
  sharpness: (image, s) => sharpness(image, factor(s)),
  shearX: (image, { level, sign, move }) => shearX(image, sign * level * 0.3, move),
  shearY: (image, { level, sign, move }) => shearY(image, sign * level * 0.3, move),
  translateX: (image, { level, sign, move }) => translateX(image, sign * level * 0.45, move),
  translateY: (image, { level, sign, move }) => translateY(image, sign * level * 0.45, move),
};

const ALL = Object.values(OPERATIONS);

/**
 * RandAugment: some operations out of fifteen, one after the other, at a common magnitude.
 *
 * Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced search space", arXiv:1909.13719.
 * Departs from the paper: operations, ranges, probability and variation of the magnitude are timm's.
 *
 * [H, W, 3] → [H, W, 3]; `fill` is the colour beyond the picture.
 */
export function randAugment(
  image: RgbImage,
  config: RandAugmentConfig,
  { random, fill }: { readonly random: Random; readonly fill: readonly [number, number, number] },
): RgbImage {
  const { operations, probability, increasing } = config;
  let out = image;
  for (let i = 0; i < operations; i++) {
    const operation = ALL[random.integer(ALL.length)]!;
    // every draw is made whether it is needed or not, so that one operation's draws do not move another's
    const wanted = random.uniform() < probability;
    const level = magnitude(config, random) / 10;
    const sign = random.uniform() < 0.5 ? 1 : -1;
    const even = random.uniform() < 0.5;
    const interpolation = config.interpolation === 'random' ? (even ? 'bilinear' : 'bicubic') : config.interpolation;
    if (wanted) out = operation(out, { level, increasing, sign, move: { interpolation, fill } });
  }
  return out;
}

function magnitude({ magnitude, magnitudeStd, magnitudeMax }: RandAugmentConfig, random: Random): number {
  const drawn = magnitudeStd === 'uniform' ? magnitude * random.uniform() : magnitude + magnitudeStd * random.normal();
  return Math.max(0, Math.min(drawn, magnitudeMax));
}

import { Fault } from '../../core/fault.ts';
import { readFields } from '../fields.ts';
import { type RandAugmentConfig, readRandAugment } from './rand-augment-config.ts';

/** Random brightness, contrast, saturation and hue; torchvision's ColorJitter. */
export interface JitterConfig {
  /** Probability that a picture is changed at all; 1. */
  readonly probability: number;
  /** Factors are drawn from max(0, 1 - this) to 1 + this; 0. */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** Turns of the colour circle are drawn from -this to this; 0, at most 0.5. */
  readonly hue: number;
}

/** Random Gaussian blur; torchvision's GaussianBlur, with a probability. */
export interface BlurConfig {
  /** Probability that a picture is blurred; 0. */
  readonly probability: number;
  /** Window in pixels, odd; 23. */
  readonly kernel: number;
  /** Least and greatest deviation, in pixels; [0.1, 2]. */
  readonly sigma: readonly number[];
}

/** Rectangles of a prepared picture that are overwritten; timm's RandomErasing. */
export interface EraseConfig {
  /** Probability that a picture loses something; 0 (timm's recipes: 0.25). */
  readonly probability: number;
  /** By what: normal noise for each pixel and channel, one normal colour, or zeros (the mean colour); pixel. */
  readonly mode: 'pixel' | 'colour' | 'constant';
  /** Least and greatest share of the picture, of all rectangles together; [0.02, 1/3]. */
  readonly area: readonly number[];
  /** Least and greatest height over width; [0.3, 10/3]. */
  readonly aspect: readonly number[];
  /** Most rectangles; their number is drawn from 1 to this; 1. */
  readonly count: number;
}

/** What is done to a training picture beside crop and mirror; all off where nothing is said. */
export interface AugmentConfig {
  /** Probability of mirroring top to bottom; 0. */
  readonly flipVertical: number;
  readonly randAugment: RandAugmentConfig | null;
  readonly jitter: JitterConfig;
  /** Probability of taking the colour away; 0. */
  readonly greyscale: number;
  readonly blur: BlurConfig;
  readonly erase: EraseConfig;
}

const KEYS = ['flipVertical', 'randAugment', 'jitter', 'greyscale', 'blur', 'erase'];
const share = { fallback: 0, min: 0, max: 1 };

/** Completes and checks what is done beside crop and mirror; unknown keys and wrong values are `config` faults. */
export function readAugment(json: unknown = {}, where = 'augment'): AugmentConfig {
  const f = readFields(where, json, KEYS);
  const own = json as Readonly<Record<string, unknown>>; // an object: readFields has refused the rest
  return {
    flipVertical: f.number('flipVertical', share),
    randAugment: own.randAugment == null ? null : readRandAugment(own.randAugment, `${where}.randAugment`),
    jitter: readJitter(own.jitter, `${where}.jitter`),
    greyscale: f.number('greyscale', share),
    blur: readBlur(own.blur, `${where}.blur`),
    erase: readErase(own.erase, `${where}.erase`),
  };
}

function readJitter(json: unknown = {}, where: string): JitterConfig {
  const f = readFields(where, json, ['probability', 'brightness', 'contrast', 'saturation', 'hue']);
  const strength = { fallback: 0, min: 0, max: 100 };
  return {
    probability: f.number('probability', { ...share, fallback: 1 }),
    brightness: f.number('brightness', strength),
    contrast: f.number('contrast', strength),
    saturation: f.number('saturation', strength),
    hue: f.number('hue', { ...strength, max: 0.5 }),
  };
}

function readBlur(json: unknown = {}, where: string): BlurConfig {
  const f = readFields(where, json, ['probability', 'kernel', 'sigma']);
  const kernel = f.number('kernel', { fallback: 23, min: 1, max: 255, integer: true });
  if (kernel % 2 === 0) throw new Fault('config', `${where}.kernel: expected an odd number of pixels, got ${kernel}.`);
  return {
    probability: f.number('probability', share),
    kernel,
    sigma: rising(where, 'sigma', f.numbers('sigma', [0.1, 2], { min: 1e-3, max: 1e3 })),
  };
}

function readErase(json: unknown = {}, where: string): EraseConfig {
  const f = readFields(where, json, ['probability', 'mode', 'area', 'aspect', 'count']);
  return {
    probability: f.number('probability', share),
    mode: f.word('mode', ['pixel', 'colour', 'constant']),
    area: rising(where, 'area', f.numbers('area', [0.02, 1 / 3], { min: 0, max: 1 })),
    aspect: rising(where, 'aspect', f.numbers('aspect', [0.3, 1 / 0.3], { min: 1e-3, max: 1e3 })),
    count: f.number('count', { fallback: 1, min: 1, max: 100, integer: true }),
  };
}

/** Refuses a range whose first number is the greater. */
export function rising(where: string, key: string, range: readonly number[]): readonly number[] {
  if (range[0]! <= range[1]!) return range;
  throw new Fault(
    'config',
    `${where}.${key}: expected the lesser number first, got [${range.join(', ')}]. Swap the two.`,
  );
}

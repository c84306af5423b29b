import type { Random } from '../core/random.ts';
import { type Box, type Planes, type RgbImage, resizePlanes, resizeRgb } from '../core/resize.ts';
import { augmentPixels } from './augment/augment.ts';
import { erase } from './augment/erase.ts';
import type { NormaliseOptions } from './jpeg/part.ts';
import type { EvaluationTransform, TrainingTransform, TransformConfig } from './transform-config.ts';

/** Where an evaluation transform takes its pixels from. */
export interface EvaluationGeometry {
  /** Size of the whole picture after the resize, in pixels. */
  readonly resized: { readonly width: number; readonly height: number };
  /** The part of it that is kept; smaller than the crop where the picture is. */
  readonly keep: Box;
  /** Where that part stands in the crop; around it is black. */
  readonly at: { readonly left: number; readonly top: number };
}

/** Rounds to the nearest whole number, halves to even, as Python does. */
export function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/** Sizes and offsets of torchvision's Resize (shorter side, the longer one truncated) and CenterCrop (black around). */
export function evaluationGeometry(
  image: { readonly width: number; readonly height: number },
  config: { readonly resize: number; readonly size: number },
): EvaluationGeometry {
  const short = Math.min(image.width, image.height);
  const long = Math.trunc((config.resize * Math.max(image.width, image.height)) / short);
  const upright = image.width <= image.height;
  const resized = { width: upright ? config.resize : long, height: upright ? long : config.resize };
  const across = centre(resized.width, config.size);
  const down = centre(resized.height, config.size);
  return {
    resized,
    keep: { left: across.from, top: down.from, width: across.length, height: down.length },
    at: { left: across.at, top: down.at },
  };
}

function centre(length: number, size: number): { readonly from: number; readonly at: number; readonly length: number } {
  if (length < size) return { from: 0, at: Math.floor((size - length) / 2), length };
  return { from: roundHalfEven((length - size) / 2), at: 0, length: size };
}

/** The part of a picture that torchvision's RandomResizedCrop cuts out: ten tries, then the centre. */
export function randomCrop(
  image: { readonly width: number; readonly height: number },
  config: { readonly scale: readonly number[]; readonly ratio: readonly number[] },
  random: Random,
): Box {
  const { width, height } = image;
  const between = ([low, high]: readonly number[]): number => low! + (high! - low!) * random.uniform();
  const logRatio = config.ratio.map(Math.log);
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * between(config.scale);
    const ratio = Math.exp(between(logRatio));
    const w = roundHalfEven(Math.sqrt(area * ratio));
    const h = roundHalfEven(Math.sqrt(area / ratio));
    if (w > 0 && h > 0 && w <= width && h <= height) {
      const top = random.integer(height - h + 1);
      return { left: random.integer(width - w + 1), top, width: w, height: h };
    }
  }
  const ratio = Math.min(Math.max(width / height, config.ratio[0]!), config.ratio[1]!);
  const w = width / height > ratio ? Math.max(1, roundHalfEven(height * ratio)) : width;
  const h = width / height < ratio ? Math.max(1, roundHalfEven(width / ratio)) : height;
  return { left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2), width: w, height: h };
}

/** The shorter side below which a decoder must not shrink a picture for training: even the least part then has detail. */
export function enoughPixels(config: TransformConfig): number | undefined {
  return config.kind === 'training' ? Math.ceil(config.size / Math.sqrt(config.scale[0]!)) : undefined;
}

/** Where a prepared picture is written: the [3, size, size] at `offset`. */
export interface Target {
  readonly data: Float32Array;
  readonly offset: number;
}

/** Random numbers of one picture, by what they are for; each name a stream of its own. */
export type Draws = (name: string) => Random;

/**
 * Prepares one picture: [H, W, 3] in 0..255 → [3, size, size], normalised. Training draws; evaluation draws nothing.
 */
export function transformInto(target: Target, image: RgbImage, config: TransformConfig, draws: Draws): void {
  if (config.kind === 'evaluation') evaluate(target, image, config);
  else {
    const plan = planTraining(config, draws);
    const { size: width, interpolation: kind } = config;
    plan.finish(target, resizeRgb(image, { width, height: width, kind, from: plan.choose(image) }));
  }
}

/** Writes [size, size, 3] bytes, normalised and mirrored, into [3, size, size] floats. */
export type Normalise = (image: RgbImage, options: NormaliseOptions) => void;

/** What is done to one training picture, in two steps, between which it is cropped and resized. */
export interface TrainingPlan {
  /** The part that is cut out of a picture of this size; another one each time. */
  choose(image: { readonly width: number; readonly height: number }): Box;
  /** Augments, normalises, mirrors and erases the part resized to [size, size, 3]; `normalise` in place of our own. */
  finish(target: Target, part: RgbImage, normalise?: Normalise | null): void;
}

/** Plans one training picture; where it is cut and whether it is mirrored come from the stream `transform`. */
export function planTraining(config: TrainingTransform, draws: Draws): TrainingPlan {
  const random = draws('transform');
  const { size, augment, mean, std } = config;
  return {
    choose: (image) => randomCrop(image, config, random),
    finish: (target, part, normalise) => {
      const flip = random.uniform() < config.flip;
      const turn = augment.flipVertical > 0 && draws('flip-vertical').uniform() < augment.flipVertical;
      const pixels = augmentPixels(part, augment, { draws, mean });
      // mirrored last: what comes before is as likely as its mirror image
      if (normalise) normalise(pixels, { ...target, mean, std, flip, turn });
      else place(target, pixels, { tables: normalTables(config), size, at: { left: 0, top: 0 }, flip, turn });
      if (augment.erase.probability === 0) return;
      const erasing = draws('erase');
      if (erasing.uniform() < augment.erase.probability) erase({ ...target, size }, augment.erase, erasing);
    },
  };
}

/** {@link transformInto} for one picture to be judged: [H, W, 3] → [3, size, size]. */
export function preprocess(image: RgbImage, config: EvaluationTransform): Float32Array {
  const data = new Float32Array(3 * config.size * config.size);
  evaluate({ data, offset: 0 }, image, config);
  return data;
}

function evaluate(target: Target, image: RgbImage, config: EvaluationTransform): void {
  if (config.intermediate === 'uint8') evaluate8(target, image, config);
  else evaluate32(target, image, config);
}

function evaluate8(target: Target, image: RgbImage, config: EvaluationTransform): void {
  const { resized, keep, at } = evaluationGeometry(image, config);
  const kept = resizeRgb(image, { ...resized, kind: config.interpolation, keep });
  const tables = normalTables(config);
  fillBlack(
    target,
    config.size,
    tables.map((t) => t[0]!),
  );
  place(target, kept, { tables, size: config.size, at, flip: false, turn: false });
}

function evaluate32(target: Target, image: RgbImage, config: EvaluationTransform): void {
  const { resized, keep, at } = evaluationGeometry(image, config);
  const kept = resizePlanes(unitPlanes(image), { ...resized, kind: config.interpolation, keep }); // [3, h, w]
  const { size, mean, std } = config;
  const normal = (value: number, c: number): number =>
    Math.fround(Math.fround(value - Math.fround(mean[c]!)) / Math.fround(std[c]!));
  fillBlack(
    target,
    size,
    [0, 1, 2].map((c) => normal(0, c)),
  );
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < kept.height; y++) {
      const to = target.offset + (c * size + at.top + y) * size + at.left;
      const row = (c * kept.height + y) * kept.width;
      for (let x = 0; x < kept.width; x++) target.data[to + x] = normal(kept.data[row + x]!, c);
    }
  }
}

/** [H, W, 3] in 0..255 → [3, H, W] in 0..1. */
export function unitPlanes(image: RgbImage): Planes {
  const { width, height } = image;
  const size = width * height;
  const data = new Float32Array(3 * size);
  for (let i = 0, j = 0; i < size; i++, j += 3) {
    data[i] = image.data[j]! / 255;
    data[size + i] = image.data[j + 1]! / 255;
    data[2 * size + i] = image.data[j + 2]! / 255;
  }
  return { planes: 3, width, height, data };
}

/** What each of the 256 levels becomes, by channel: (v / 255 - mean) / std, each step in float32 as torchvision does. */
function normalTables(config: TransformConfig): readonly Float32Array[] {
  const known = TABLES.get(config);
  if (known) return known;
  const { mean, std } = config;
  const tables = [0, 1, 2].map((c) =>
    Float32Array.from({ length: 256 }, (_, v) =>
      Math.fround(Math.fround(Math.fround(v / 255) - Math.fround(mean[c]!)) / Math.fround(std[c]!)),
    ),
  );
  TABLES.set(config, tables);
  return tables;
}

/** The tables of configurations in use: a batch asks for the same ones for each picture. */
const TABLES = new WeakMap<TransformConfig, readonly Float32Array[]>();

/** Black everywhere: what stays of it surrounds a picture that is smaller than its crop. */
function fillBlack({ data, offset }: Target, size: number, black: readonly number[]): void {
  for (let c = 0; c < 3; c++) data.fill(black[c]!, offset + c * size * size, offset + (c + 1) * size * size);
}

interface Placement {
  readonly tables: readonly Float32Array[];
  readonly size: number;
  readonly at: { readonly left: number; readonly top: number };
  /** Whether left and right change places, and whether top and bottom do. */
  readonly flip: boolean;
  readonly turn: boolean;
}

/** Writes [h, w, 3] bytes through the tables into [3, size, size] floats, row by row. */
function place({ data, offset }: Target, image: RgbImage, { tables, size, at, flip, turn }: Placement): void {
  const { width, height } = image;
  const levels = tables as Levels;
  for (let y = 0; y < height; y++) {
    const down = at.top + (turn ? height - 1 - y : y);
    const to = { data, at: offset + down * size + at.left, plane: size * size, width };
    if (flip) placeMirrored(to, image.data, 3 * width * y, levels);
    else placeRow(to, image.data, 3 * width * y, levels);
  }
}

type Levels = readonly [Float32Array, Float32Array, Float32Array];

/** A row of the three planes. */
interface Row {
  readonly data: Float32Array;
  readonly at: number;
  readonly plane: number;
  readonly width: number;
}

// Two loops: with the step in a variable one loop takes more than twice as long.
function placeRow({ data, at, plane, width }: Row, pixels: Uint8Array, from: number, [r, g, b]: Levels): void {
  for (let i = from, o = at; o < at + width; i += 3, o++) {
    data[o] = r[pixels[i]!]!;
    data[o + plane] = g[pixels[i + 1]!]!;
    data[o + 2 * plane] = b[pixels[i + 2]!]!;
  }
}

function placeMirrored({ data, at, plane, width }: Row, pixels: Uint8Array, from: number, [r, g, b]: Levels): void {
  for (let i = from, o = at + width - 1; o >= at; i += 3, o--) {
    data[o] = r[pixels[i]!]!;
    data[o + plane] = g[pixels[i + 1]!]!;
    data[o + 2 * plane] = b[pixels[i + 2]!]!;
  }
}

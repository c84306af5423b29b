import * as z from 'zod';
import { type ResizeKind, type RgbImage, resizePlanes, resizeRgb } from '../core/resize.ts';
import { float32, type Tensor, tensor } from '../core/tensor.ts';
import type { DecodedImage } from '../data/image.ts';
import { evaluationGeometry, preprocess, unitPlanes } from '../data/transform.ts';
import type { EvaluationTransform } from '../data/transform-config.ts';
import { type Attempt, computed, type GoldenEnvironment, notSupported } from './attempt.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';

z.config({ jitless: true }); // asks for no `eval`

const size = z.number().int().positive();
const pair = z.tuple([z.number().int(), z.number().int()]);
const triple = z.array(z.number()).length(3);
const kind = z.enum(['bilinear', 'bicubic']);

const schema = z.object({
  file: z.string(),
  size: pair.optional(),
  resize: size,
  crop: size,
  interpolations: z.array(z.string()),
  antialias: z.boolean().default(true),
  intermediate: z.enum(['uint8', 'float32']),
  mean: triple,
  std: triple,
  resized_size: pair.optional(),
  crop_top_left: pair.optional(),
});

type Config = z.infer<typeof schema>;

/**
 * Cases `preprocess_*`: a picture decoded, its shorter side resized, its centre cropped, normalised.
 *
 * Outputs `decoded` [h, w, 3], `decoded16` [h, w]; by filter `KIND.resized` (uint8 [h, w, 3] or float32 [3, h, w]) and
 * `KIND.y` [3, crop, crop].
 */
export async function runPreprocess(c: ArrayCase, env: GoldenEnvironment): Promise<Attempt> {
  const config = readConfig(c, schema);
  if (!env.decoder) return notSupported('pictures, where no decoder was handed in');
  if (!config.antialias) return notSupported('resizing pictures without antialiasing');
  const kinds = config.interpolations.map((name) => kind.safeParse(name));
  if (!kinds.every((k) => k.success)) return notSupported(`the filters ${config.interpolations.join(', ')}`);
  const image = await env.decoder.decode(await c.readFile(config.file), config.file);
  const out = new Map<string, Tensor>([
    ['decoded', tensor('uint8', [image.height, image.width, 3], image.data)],
    ...(image.grey16 ? [['decoded16', deep(image.grey16, image)] as const] : []),
  ]);
  const differences: string[] = [];
  differ(differences, 'size', config.size, [image.height, image.width]);
  for (const { data } of kinds) prepare(config, data, image, { out, differences });
  return computed(out, differences);
}

interface Found {
  readonly out: Map<string, Tensor>;
  readonly differences: string[];
}

function prepare(config: Config, interpolation: ResizeKind, image: RgbImage, { out, differences }: Found): void {
  const { crop, resize, mean, std, intermediate } = config;
  const transform: EvaluationTransform = {
    kind: 'evaluation',
    size: crop,
    resize,
    interpolation,
    mean,
    std,
    intermediate,
  };
  const { resized, keep, at } = evaluationGeometry(image, transform);
  differ(differences, 'resized_size', config.resized_size, [resized.height, resized.width]);
  const padded = at.top > 0 || at.left > 0; // then a crop has no place in the picture
  if (!padded) differ(differences, 'crop_top_left', config.crop_top_left, [keep.top, keep.left]);
  out.set(`${interpolation}.resized`, resizedWhole(image, intermediate, { ...resized, kind: interpolation }));
  out.set(`${interpolation}.y`, float32([3, crop, crop], preprocess(image, transform)));
}

type ResizeTo = { readonly width: number; readonly height: number; readonly kind: ResizeKind };

function resizedWhole(image: RgbImage, intermediate: Config['intermediate'], to: ResizeTo): Tensor {
  if (intermediate === 'uint8') return tensor('uint8', [to.height, to.width, 3], resizeRgb(image, to).data);
  return float32([3, to.height, to.width], resizePlanes(unitPlanes(image), to).data);
}

/** 16-bit levels as int32, which holds them all. */
function deep(values: Uint16Array, { width, height }: DecodedImage): Tensor {
  return tensor('int32', [height, width], Int32Array.from(values));
}

function differ(found: string[], key: string, wanted: readonly number[] | undefined, got: readonly number[]): void {
  if (wanted === undefined || wanted.every((v, i) => v === got[i])) return;
  const difference = `${key}: expected [${wanted.join(', ')}], got [${got.join(', ')}]`;
  if (!found.includes(difference)) found.push(difference); // filters share sizes
}

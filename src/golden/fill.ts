import { Fault } from '../core/fault.ts';
import { fnv1a } from '../core/random.ts';
import { showShape, sizeOf } from '../core/shape.ts';

/** Most elements that one filled tensor may have: 2 GiB of float32. */
const MOST_ELEMENTS = 2 ** 29;

/**
 * The values of a golden case's tensor, told by its name and shape alone, so that no weights need be stored.
 *
 *     h = FNV-1a(name);  x_i = mix(h + 0x9E3779B9 i);  u_i = x_i / 2^31 - 1, in [-1, 1)
 *
 * and, by the last dotted part of the name: `num_batches_tracked` 0; `running_var` 1 + u/2; `running_mean`, `bias`,
 * `in_proj_bias` u/10; else rank 0 or 1: 1 + u/5; else a name that ends in `weight`: u sqrt(3 / fan-in); else u/10.
 * Computed in double, rounded to float32.
 */
export function fill(name: string, shape: readonly number[]): Float32Array {
  const { base, scale } = affine(name, shape);
  return affineNoise(name, checkedSize(name, shape), base, scale);
}

/** The values of an input marked `unit`: u of the name `input.key`, rounded to float32. */
export function fillInput(key: string, shape: readonly number[]): Float32Array {
  const name = `input.${key}`;
  return affineNoise(name, checkedSize(name, shape), 0, 1);
}

/** Positions, in the flattened tensor of `size` elements, of an output stored as `count` samples. */
export function samplePositions(key: string, size: number, count = 4096): Float64Array {
  const out = new Float64Array(count);
  const h = fnv1a(`sample.${key}`);
  for (let i = 0; i < count; i++) {
    const x = mix((h + Math.imul(i, 0x9e3779b9)) | 0) >>> 0;
    out[i] = Math.min(Math.floor((x / 4294967296) * size), size - 1); // (u + 1) / 2 = x / 2^32
  }
  return out;
}

/** The same array times a factor, product by product in float32. */
export function scaleFloat32(values: Float32Array, factor: number): Float32Array {
  const f = Math.fround(factor);
  return values.map((v) => v * f);
}

function affine(name: string, shape: readonly number[]): { readonly base: number; readonly scale: number } {
  switch (name.slice(name.lastIndexOf('.') + 1)) {
    case 'num_batches_tracked':
      return { base: 0, scale: 0 };
    case 'running_var':
      return { base: 1, scale: 0.5 };
    case 'running_mean':
    case 'bias':
    case 'in_proj_bias':
      return { base: 0, scale: 0.1 };
    default:
      if (shape.length <= 1) return { base: 1, scale: 0.2 };
      return { base: 0, scale: name.endsWith('weight') ? Math.sqrt(3 / sizeOf(shape.slice(1))) : 0.1 };
  }
}

function checkedSize(name: string, shape: readonly number[]): number {
  const size = sizeOf(shape);
  if (shape.every((d) => Number.isInteger(d) && d >= 0) && size <= MOST_ELEMENTS) return size;
  throw new Fault(
    'data',
    `${name}: expected a shape of at most ${MOST_ELEMENTS} elements, got ${showShape(shape.slice(0, 8))}.`,
  );
}

/**
 * base + scale u_i for i below size. With the top bit of x flipped, u = signed(x) / 2^31; scaling by 2^-31 is exact
 * in double, so it moves into the factor and changes no bit of the result.
 */
function affineNoise(name: string, size: number, base: number, scale: number): Float32Array {
  const out = new Float32Array(size);
  if (base === 0 && scale === 0) return out;
  const factor = scale * 2 ** -31;
  let x = fnv1a(name) | 0;
  for (let i = 0; i < size; i++) {
    out[i] = base + factor * (mix(x) ^ 0x80000000);
    x = (x + 0x9e3779b9) | 0;
  }
  return out;
}

/** Scrambles 32 bits (two rounds of xor-shift and multiply); signed. */
function mix(seed: number): number {
  let x = Math.imul(seed ^ (seed >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

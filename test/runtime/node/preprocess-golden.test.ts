import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fnv1a } from '../../../src/core/random.ts';
import { type ResizeKind, resizePlanes, resizeRgb } from '../../../src/core/resize.ts';
import { evaluationGeometry, preprocess, unitPlanes } from '../../../src/data/transform.ts';
import { readTransform } from '../../../src/data/transform-config.ts';
import { sharpDecoder } from '../../../src/runtime/node/decode.ts';

const folder = fileURLToPath(new URL('../../../../shared/golden/ops/', import.meta.url));

interface Case {
  readonly config: {
    readonly file: string;
    readonly resize: number;
    readonly crop: number;
    readonly interpolations: readonly ResizeKind[];
    readonly intermediate: 'uint8' | 'float32';
    readonly mean: readonly number[];
    readonly std: readonly number[];
    readonly resized_size: readonly number[];
    readonly crop_top_left: readonly number[];
  };
  readonly outputs: Readonly<Record<string, { readonly stored: string }>>;
}

/** The arrays of a safetensors file. */
function readTensors(path: string): Map<string, ArrayLike<number>> {
  const bytes = readFileSync(path);
  const size = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + size)) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  const kinds = { U8: Uint8Array, U16: Uint16Array, I32: Int32Array, I64: BigInt64Array, F32: Float32Array };
  const out = new Map<string, ArrayLike<number>>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [from, to] = entry.data_offsets;
    const raw = new Uint8Array(bytes.subarray(8 + size + from, 8 + size + to));
    const values = new kinds[entry.dtype as keyof typeof kinds](raw.buffer);
    out.set(name, Array.from(values as ArrayLike<number | bigint>, Number));
  }
  return out;
}

/** Positions of a sampled output: the README of the golden cases. */
function positions(key: string, size: number): number[] {
  const h = fnv1a(`sample.${key}`);
  return Array.from({ length: 4096 }, (_, i) => {
    let x = (h + Math.imul(i, 0x9e3779b9)) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d) >>> 0;
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b) >>> 0;
    x = (x ^ (x >>> 16)) >>> 0;
    const u = x / 2 ** 31 - 1;
    return Math.min(Math.floor(((u + 1) / 2) * size), size - 1);
  });
}

const names = existsSync(folder) ? readdirSync(folder).filter((f) => /^preprocess_.*\.json$/.test(f)) : [];

describe.skipIf(names.length === 0)(
  'preprocessing against torchvision (skipped where ../shared/golden is absent)',
  () => {
    for (const file of names) {
      const golden = JSON.parse(readFileSync(folder + file, 'utf8')) as Case;
      const { config } = golden;
      const whole = config.intermediate === 'uint8';

      /** Largest and mean absolute difference, and the largest absolute value expected. */
      const compare = (ours: ArrayLike<number>, key: string): { max: number; mean: number; scale: number } => {
        const tensors = readTensors(folder + file.replace('.json', '.safetensors'));
        const sampled = golden.outputs[key]!.stored === 'sampled';
        const theirs = tensors.get(sampled ? `${key}@val` : key)!;
        const at = sampled ? positions(key, ours.length) : Array.from({ length: ours.length }, (_, i) => i);
        const errors = at.map((p, i) => Math.abs(ours[p]! - theirs[i]!));
        const scale = Math.max(...Array.from(theirs, Math.abs));
        return { max: Math.max(...errors), mean: errors.reduce((a, b) => a + b, 0) / errors.length, scale };
      };

      it(`${file}: equals the reference to the last bit where it is 8-bit, to 1e-5 where it is float`, async () => {
        const image = await sharpDecoder.decode(readFileSync(folder + config.file), config.file);
        if ('decoded' in golden.outputs) expect(compare(image.data, 'decoded').max).toBe(0);
        if ('decoded16' in golden.outputs) expect(compare(image.grey16!, 'decoded16').max).toBe(0);
        for (const kind of config.interpolations) {
          const { resize, crop: size, mean, std, intermediate } = config;
          const transform = readTransform({
            kind: 'evaluation',
            size,
            resize,
            interpolation: kind,
            mean,
            std,
            intermediate,
          });
          if (transform.kind !== 'evaluation') throw new Error('readTransform changed the kind');
          const { resized, keep } = evaluationGeometry(image, transform);
          expect([resized.height, resized.width]).toEqual(config.resized_size);
          expect([keep.top, keep.left]).toEqual(config.crop_top_left);
          const all = whole
            ? resizeRgb(image, { ...resized, kind }).data
            : resizePlanes(unitPlanes(image), { ...resized, kind }).data;
          const r = compare(all, `${kind}.resized`);
          const y = compare(preprocess(image, transform), `${kind}.y`);
          expect(r.max / r.scale).toBeLessThanOrEqual(whole ? 0 : 1e-5);
          expect(y.max / y.scale).toBeLessThanOrEqual(whole ? 1e-7 : 1e-5);
        }
      });
    }
  },
);

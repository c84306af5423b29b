import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type ResizeKind, resizePlanes, resizeRgb } from '../../../src/core/resize.ts';
import { evaluationGeometry, preprocess, unitPlanes } from '../../../src/data/transform.ts';
import { readTransform } from '../../../src/data/transform-config.ts';
import { sharpDecoder } from '../../../src/runtime/node/decode.ts';
import { GOLDEN, readArrays, samplePositions } from '../../support/golden-files.ts';

const folder = `${GOLDEN}ops/`;

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
        const tensors = readArrays(folder + file.replace('.json', '.safetensors'));
        const sampled = golden.outputs[key]!.stored === 'sampled';
        const theirs = tensors.get(sampled ? `${key}@val` : key)!;
        const at = sampled ? samplePositions(key, ours.length) : Array.from({ length: ours.length }, (_, i) => i);
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

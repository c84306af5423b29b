import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { type Random, random } from '../../src/core/random.ts';
import type { Dataset } from '../../src/data/dataset.ts';
import { readImageFolder } from '../../src/data/image-folder.ts';
import { imageLoader } from '../../src/data/loader.ts';
import { readTransform } from '../../src/data/transform-config.ts';
import { nodeFiles } from '../../src/runtime/node/files.ts';
import { startImageWorkers } from '../../src/runtime/node/loader.ts';
import type { PipelineSubject, Runnable } from '../subject.ts';

/** Pictures that {@link writePictures} makes. */
const COUNT = 200;

/**
 * Writes {@link COUNT} JPEG pictures of two classes, about 500 x 375 as ImageNet's are on average, about 65 kB each:
 * waves of all lengths and noise, quality 87, by a seeded formula.
 */
export async function writePictures(folder: string): Promise<void> {
  for (let i = 0; i < COUNT; i++) {
    const draws = random(1, 'picture', i);
    const [width, height] = [460 + draws.integer(81), 335 + draws.integer(81)];
    const data = wavesAndNoise(width, height, draws);
    const place = join(folder, i % 2 ? 'odd' : 'even');
    mkdirSync(place, { recursive: true });
    const raw = { width, height, channels: 3 } as const;
    await sharp(data, { raw })
      .jpeg({ quality: 87 })
      .toFile(join(place, `${String(i).padStart(3, '0')}.jpg`));
  }
}

/** [height, width, 3]: six waves of lengths from ten pixels to hundreds, each in a colour of its own, and noise. */
function wavesAndNoise(width: number, height: number, draws: Random): Uint8ClampedArray {
  const sums = new Float32Array(width * height * 3).fill(128);
  for (let wave = 0; wave < 6; wave++) {
    const length = 0.6 ** draws.integer(6);
    const [fx, fy] = [draws.uniform() - 0.5, draws.uniform() - 0.5].map((f) => f * length) as [number, number];
    const phase = 6.28 * draws.uniform();
    const colour = Float64Array.of(draws.uniform(), draws.uniform(), draws.uniform()).map((v) => 28 * v);
    const columns = Float64Array.from({ length: 2 * width }, (_, i) => (i % 2 ? Math.cos : Math.sin)(fx * (i >> 1)));
    for (let y = 0, i = 0; y < height; y++) {
      const cos = Math.cos(fy * y + phase);
      const sin = Math.sin(fy * y + phase);
      for (let x = 0; x < width; x++) {
        const v = columns[2 * x]! * cos + columns[2 * x + 1]! * sin; // sin(fx x + fy y + phase)
        for (let c = 0; c < 3; c++) sums[i++]! += v * colour[c]!;
      }
    }
  }
  const data = new Uint8ClampedArray(sums.length);
  for (let i = 0; i < sums.length; i += 3) {
    const noise = 30 * (draws.uniform() - 0.5);
    for (let c = 0; c < 3; c++) data[i + c] = sums[i + c]! + noise;
  }
  return data;
}

/** Our side of a pipeline: one run takes all batches of an epoch; nothing is kept from one epoch to the next. */
export async function pipeline({ folder, size, batch, passes, workers }: PipelineSubject): Promise<Runnable> {
  const once = await readImageFolder(nodeFiles, folder);
  const dataset: Dataset = { ...once, samples: Array.from({ length: passes }, () => once.samples).flat() };
  const threads = await startImageWorkers(workers === undefined ? {} : { threads: workers });
  const transform = readTransform({ kind: 'training', size });
  const options = { batchSize: batch, transform, sampling: 'shuffled', seed: 1, strict: true, cacheBytes: 0 } as const;
  const loader = imageLoader(threads, dataset, options);
  let next = 0;
  const epoch = async (): Promise<{ readonly counts: Float32Array; readonly shape: number }> => {
    const counts = new Float32Array(once.classes.length);
    let shape = 0;
    for await (const batch of loader.epoch(next++)) {
      for (const label of batch.labels) counts[label]!++;
      shape = batch.images.length / batch.labels.length;
      loader.release?.(batch);
    }
    return { counts, shape };
  };
  return {
    run: async () => {
      await epoch();
    },
    output: async () => {
      const { counts, shape } = await epoch();
      return [
        { name: 'pictures by class', values: counts },
        { name: 'numbers of a picture', values: Float32Array.of(shape) },
      ];
    },
  };
}

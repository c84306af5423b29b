import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageBatch } from '../../../src/data/batch.ts';
import type { Dataset } from '../../../src/data/dataset.ts';
import { readImageFolder } from '../../../src/data/image-folder.ts';
import { type ImageWorkers, inlineWorkers } from '../../../src/data/load.ts';
import { type ImageLoaderOptions, imageLoader } from '../../../src/data/loader.ts';
import { readTransform } from '../../../src/data/transform-config.ts';
import { sharpDecoder } from '../../../src/runtime/node/decode.ts';
import { nodeFiles } from '../../../src/runtime/node/files.ts';
import { startImageWorkers } from '../../../src/runtime/node/loader.ts';

let folder = '';
let dataset: Dataset;
let threads: ImageWorkers;

const options: ImageLoaderOptions = {
  batchSize: 4,
  transform: readTransform({ kind: 'training', size: 16 }),
  sampling: 'shuffled',
  seed: 7,
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'farsight-'));
  for (const [label, name] of ['cats', 'dogs'].entries()) {
    await mkdir(join(folder, name));
    for (let i = 0; i < 5; i++) {
      const data = Uint8Array.from({ length: 30 * 20 * 3 }, (_, p) => Math.imul(p + 1, (i + 2) * 7919 + label) >>> 3);
      const picture = sharp(data, { raw: { width: 30, height: 20, channels: 3 } });
      await picture.toFormat(i % 2 ? 'jpeg' : 'png').toFile(join(folder, name, `${i}.${i % 2 ? 'jpg' : 'png'}`));
    }
  }
  await writeFile(join(folder, 'dogs', 'zero.png'), '');
  dataset = await readImageFolder(nodeFiles, folder);
  threads = await startImageWorkers({ threads: 2 });
});

afterAll(async () => {
  await threads.close();
  await rm(folder, { recursive: true, force: true });
});

async function twoEpochs(workers: ImageWorkers, loaderOptions: ImageLoaderOptions): Promise<ImageBatch[]> {
  const loader = imageLoader(workers, dataset, loaderOptions);
  const batches: ImageBatch[] = [];
  for (const epoch of [0, 1]) for await (const batch of loader.epoch(epoch)) batches.push(batch);
  expect(loader.skipped()).toEqual([
    { path: `${folder}/dogs/zero.png`, reason: expect.stringContaining('zero.png: expected a JPEG') },
  ]);
  return batches;
}

describe('image workers in threads', () => {
  it.each([
    ['training', options],
    [
      'evaluation',
      {
        ...options,
        sampling: 'in-order' as const,
        transform: readTransform({ kind: 'evaluation', size: 16, resize: 20 }),
      },
    ],
  ])('give in %s what the main thread gives, bit by bit', async (_, loaderOptions) => {
    const inline = inlineWorkers({ files: nodeFiles, decoder: sharpDecoder });
    const batches = await twoEpochs(threads, loaderOptions);
    // pictures that were kept are the same again
    expect(batches).toEqual(await twoEpochs(inline, { ...loaderOptions, prefetch: 1 }));
    expect(batches.flatMap((b) => [...b.images]).every(Number.isFinite)).toBe(true);
    expect(new Set(batches.flatMap((b) => [...b.labels]))).toEqual(new Set([0, 1]));
  });

  it('give the same bytes with every augmentation on, whatever their number, whole pictures or parts', async () => {
    const augment = {
      flipVertical: 0.5,
      randAugment: 'rand-m9-mstd0.5-inc1',
      jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
      greyscale: 0.3,
      blur: { probability: 0.3, kernel: 5 },
      erase: { probability: 0.5, count: 2 },
    };
    const mix = { mixup: 0.8, cutmix: 1, probability: 0.9, switchProbability: 0.5 };
    const everything: ImageLoaderOptions = {
      ...{ ...options, batchSize: 3, sampling: 'weighted', repeats: 2, mix },
      transform: readTransform({ kind: 'training', size: 24, augment }),
    };
    const inline = inlineWorkers({ files: nodeFiles, decoder: sharpDecoder });
    const one = await startImageWorkers({ threads: 1 });
    const three = await startImageWorkers({ threads: 3 });
    for (const cacheBytes of [0, 1e9]) {
      const epochs = async (workers: ImageWorkers): Promise<ImageBatch[]> => {
        const loader = imageLoader(workers, dataset, { ...everything, cacheBytes });
        const batches: ImageBatch[] = [];
        for (const epoch of [0, 1]) for await (const batch of loader.epoch(epoch)) batches.push(batch);
        return batches;
      };
      const expected = await epochs(inline);
      expect(expected.length).toBe(6);
      expect(expected.every((b) => b.targets?.length === 6 && b.images.every(Number.isFinite))).toBe(true);
      for (const workers of [one, threads, three]) expect(await epochs(workers)).toEqual(expected);
    }
    await Promise.all([one.close(), three.close()]);
  });

  it('can be left in the middle of an epoch and asked again', async () => {
    const loader = imageLoader(threads, dataset, options);
    for await (const batch of loader.epoch(0)) {
      expect(batch.labels.length).toBe(4);
      break;
    }
    const again = [];
    for await (const batch of loader.epoch(0)) again.push(batch);
    expect(again).toEqual((await twoEpochs(threads, options)).slice(0, 2));
  });

  it('are refused in numbers below one', async () => {
    await expect(startImageWorkers({ threads: 0 })).rejects.toThrow(expect.objectContaining({ code: 'config' }));
  });

  it('wait for running tasks when closed, and then load no more', async () => {
    const workers = await startImageWorkers({ threads: 1 });
    const item = { path: dataset.samples[0]!.path, index: 0, position: 0 };
    const task = { items: [item], transform: options.transform, seed: 1, epoch: 0, keep: false };
    const running = workers.load(task);
    await workers.close();
    expect((await running).failures).toEqual([]);
    await expect(workers.load(task)).rejects.toThrow(expect.objectContaining({ code: 'engine' }));
  });
});

describe('node files', () => {
  it('name what is missing or too large', async () => {
    const fault = expect.objectContaining({ code: 'data' });
    await expect(nodeFiles.list(`${folder}/birds`)).rejects.toThrow(fault);
    await expect(nodeFiles.list(`${folder}/birds`)).rejects.toThrow(/birds: expected a folder, got nothing/);
    await expect(nodeFiles.read(`${folder}/cats`, 10)).rejects.toThrow(/cats: expected a file/);
    await expect(nodeFiles.read(`${folder}/cats/0.png`, 10)).rejects.toThrow(/expected at most 10 bytes, got \d+/);
    await expect(nodeFiles.read(`${folder}/no.png`, 10)).rejects.toThrow(fault);
  });
});

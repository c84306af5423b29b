import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/fault.ts';
import { random } from '../../src/core/random.ts';
import { drawMixing } from '../../src/data/augment/mix.ts';
import { describeSkipped, type ImageBatch, type ImageLoader } from '../../src/data/batch.ts';
import type { Dataset } from '../../src/data/dataset.ts';
import type { ImageDecoder } from '../../src/data/image.ts';
import { type ImageWorkers, inlineWorkers } from '../../src/data/load.ts';
import { type ImageLoaderOptions, imageLoader } from '../../src/data/loader.ts';
import { readTransform } from '../../src/data/transform-config.ts';
import { memoryFiles } from '../support/memory-files.ts';

const training = readTransform({ kind: 'training', size: 2, mean: [0, 0, 0], std: [1, 1, 1] });
const judging = readTransform({ kind: 'evaluation', size: 1, resize: 1, mean: [0, 0, 0], std: [1, 1, 1] });

/** Picture i is a 4 x 4 noise of seed i; those of `bad` do not decode. */
function world(count: number, bad: readonly number[] = []) {
  const names = Array.from({ length: count }, (_, i) => `${i}.png`);
  const dataset: Dataset = {
    classes: ['even', 'odd'],
    samples: names.map((path, i) => ({ path, label: i % 2 })),
  };
  const decoded: string[] = [];
  const decoder: ImageDecoder = {
    decode: async (_, name) => {
      decoded.push(name);
      const index = Number.parseInt(name, 10);
      if (bad.includes(index)) throw new Fault('data', `${name}: expected a picture, got noise.`);
      const draws = random(index);
      return { width: 4, height: 4, data: Uint8Array.from({ length: 48 }, () => draws.integer(256)) };
    },
  };
  const files = memoryFiles(Object.fromEntries(names.map((n) => [n, new Uint8Array(1)])));
  return { dataset, decoded, workers: inlineWorkers({ files, decoder }) };
}

/** Workers that claim some threads and finish in an order of their own. */
function shuffledWorkers(inner: ImageWorkers, threads: number, seed: number): ImageWorkers {
  const draws = random(seed);
  return {
    threads,
    close: inner.close,
    load: async (task) => {
      await new Promise((done) => setTimeout(done, draws.integer(4)));
      return inner.load(task);
    },
  };
}

async function all(loader: ImageLoader, epoch: number, from = 0): Promise<ImageBatch[]> {
  const batches: ImageBatch[] = [];
  for await (const batch of loader.epoch(epoch, { from })) batches.push(batch);
  return batches;
}

const options: ImageLoaderOptions = { batchSize: 4, transform: training, sampling: 'shuffled', seed: 1 };
const evaluate: ImageLoaderOptions = { ...options, transform: judging, sampling: 'in-order' };

describe('image loader', () => {
  it('yields the same batches whatever the workers, their order, the prefetch and the cache', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.uniqueArray(fc.integer({ min: 0, max: 19 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom('shuffled', 'balanced', 'in-order'),
        async (count, bad, threads, sampling) => {
          fc.pre(Array.from({ length: count }, (_, i) => i).some((i) => !bad.includes(i)));
          const batches = async (workers: number, cacheBytes: number): Promise<ImageBatch[]> => {
            const { dataset, workers: inner } = world(count, bad);
            const slow = shuffledWorkers(inner, workers, workers);
            const loader = imageLoader(slow, dataset, { ...options, sampling, cacheBytes, prefetch: workers });
            return [...(await all(loader, 0)), ...(await all(loader, 1))];
          };
          expect(await batches(threads, 200)).toEqual(await batches(1, 0));
        },
      ),
      { seed: 6, numRuns: 40 },
    );
  });

  it('puts each picture beside its own label and index', async () => {
    const { dataset, workers } = world(10);
    const [first, , last] = await all(imageLoader(workers, dataset, evaluate), 0);
    expect([...first!.indices]).toEqual([0, 1, 2, 3]);
    expect([...first!.labels]).toEqual([0, 1, 0, 1]);
    expect([...last!.indices]).toEqual([8, 9]);
    const single = imageLoader(workers, { ...dataset, samples: [dataset.samples[9]!] }, evaluate);
    const [alone] = await all(single, 0);
    expect(last!.images.subarray(3)).toEqual(alone!.images);
  });

  it('draws new parts of a picture in every epoch and the same when asked again', async () => {
    const { dataset, workers } = world(4);
    const loader = imageLoader(workers, dataset, options);
    const images = async (epoch: number): Promise<number[]> => [...(await all(loader, epoch))[0]!.images];
    expect(await images(3)).toEqual(await images(3));
    expect(await images(3)).not.toEqual(await images(4));
  });

  it('fills training batches up with other pictures in place of bad ones, and names those', async () => {
    const { dataset, workers } = world(9, [0, 3, 4]);
    const loader = imageLoader(workers, dataset, options);
    const batches = await all(loader, 0);
    expect(batches.map((b) => b.labels.length)).toEqual([4, 4]);
    const indices = batches.flatMap((b) => [...b.indices]);
    expect(indices.some((i) => [0, 3, 4].includes(i))).toBe(false);
    expect(batches.flatMap((b) => [...b.labels])).toEqual(indices.map((i) => i % 2));
    await all(loader, 1);
    expect(loader.skipped().map((s) => s.path)).toEqual(['0.png', '3.png', '4.png']);
    const sentence = describeSkipped(loader.skipped(), 9);
    expect(sentence).toMatch(
      /^Skipped 3 of 9 pictures that could not be read\. 0\.png: expected a picture, got noise\./,
    );
  });

  it('makes a full training batch of fewer pictures than it holds', async () => {
    const { dataset, workers } = world(3);
    const [batch, ...rest] = await all(imageLoader(workers, dataset, options), 0);
    expect([batch!.indices.length, rest.length, new Set(batch!.indices).size]).toEqual([4, 0, 3]);
  });

  it('shrinks evaluation batches by the bad pictures and leaves out a batch of none', async () => {
    const { dataset, workers } = world(9, [1, 8]);
    const loader = imageLoader(workers, dataset, evaluate);
    for (const epoch of [0, 1]) {
      const batches = await all(loader, epoch);
      expect(batches.map((b) => [...b.indices])).toEqual([
        [0, 2, 3],
        [4, 5, 6, 7],
      ]);
      expect(batches.map((b) => b.images.length)).toEqual([9, 12]);
    }
  });

  it('does not read a bad file twice', async () => {
    const { dataset, workers, decoded } = world(8, [5]);
    const loader = imageLoader(workers, dataset, { ...evaluate, cacheBytes: 0 });
    for (const epoch of [0, 1, 2]) await all(loader, epoch);
    expect(decoded.filter((n) => n === '5.png').length).toBe(1);
    expect(decoded.length).toBe(1 + 3 * 7);
  });

  it('decodes a small set once, and of a large one what is judged as often as it does not fit', async () => {
    const small = world(8);
    const loader = imageLoader(small.workers, small.dataset, options);
    for (const epoch of [0, 1, 2]) await all(loader, epoch);
    expect(small.decoded.length).toBe(8);
    const large = world(8);
    const tight = imageLoader(large.workers, large.dataset, { ...evaluate, cacheBytes: 5 * 48 });
    for (const epoch of [0, 1]) await all(tight, epoch);
    expect(large.decoded.length).toBe(8 + 3);
    large.decoded.length = 0;
    const learnt = imageLoader(large.workers, large.dataset, { ...options, cacheBytes: 5 * 48 });
    for (const epoch of [0, 1]) await all(learnt, epoch);
    expect(large.decoded.length).toBe(16); // none is kept, parts are decoded where the decoder can
  });

  it('stops at the first bad file when strict, naming it', async () => {
    const { dataset, workers } = world(9, [2]);
    const reading = all(imageLoader(workers, dataset, { ...evaluate, strict: true }), 0);
    await expect(reading).rejects.toThrow(expect.objectContaining({ code: 'data' }));
    await expect(reading).rejects.toThrow(/^2\.png/);
  });

  it('is a data fault when no picture can be read in training, and no batch in evaluation', async () => {
    const { dataset, workers } = world(2, [0, 1]);
    await expect(all(imageLoader(workers, dataset, options), 0)).rejects.toThrow(/none among 2.*\.png/);
    expect(await all(imageLoader(workers, dataset, evaluate), 0)).toEqual([]);
  });

  it('begins at any batch without reading those before', async () => {
    const { dataset, workers, decoded } = world(12);
    const loader = imageLoader(workers, dataset, { ...options, cacheBytes: 0 });
    const whole = await all(loader, 5);
    decoded.length = 0;
    expect(await all(loader, 5, 2)).toEqual(whole.slice(2));
    expect(decoded.length).toBe(4);
  });

  it('works ahead by as many batches as asked, and no more', async () => {
    const { dataset, workers } = world(40);
    let asked = 0;
    const counting: ImageWorkers = {
      ...workers,
      load: (task) => {
        asked++;
        return workers.load(task);
      },
    };
    const loader = imageLoader(counting, dataset, { ...options, prefetch: 3 });
    const batches = loader.epoch(0);
    for (let taken = 1; taken <= 4; taken++) {
      await batches.next();
      await new Promise((done) => setTimeout(done, 5));
      expect(asked).toBe(taken + 3);
    }
    await batches.return();
  });

  it('uses memory that was given back again, at most once, and yields the same batches', async () => {
    const { dataset, workers } = world(40, [3]);
    const expected = await all(imageLoader(workers, dataset, options), 2);
    const memory: (ArrayBuffer | undefined)[] = [];
    const counting: ImageWorkers = {
      ...workers,
      load: (task) => {
        if (task.items.length === 4) memory.push(task.into);
        return workers.load(task);
      },
    };
    const loader = imageLoader(counting, dataset, { ...options, prefetch: 2 });
    let number = 0;
    for await (const batch of loader.epoch(2)) {
      expect(batch).toEqual(expected[number++]);
      batch.images.fill(Number.NaN);
      loader.release!(batch);
      loader.release!(batch);
    }
    expect(number).toBe(10);
    const again = memory.filter((m) => m !== undefined);
    expect(again.length).toBe(10 - 3); // the first is given back when three are under way
    expect(new Set(again).size).toBe(3);
  });

  it('throws the reason of a signal at once, and tells the workers to give up', async () => {
    const { dataset, workers } = world(40);
    const flags: Int32Array[] = [];
    const stuck: ImageWorkers = {
      ...workers,
      load: (task) => {
        if (task.cancelled) flags.push(task.cancelled);
        return new Promise(() => undefined);
      },
    };
    const stop = new AbortController();
    const batches = imageLoader(stuck, dataset, options).epoch(0, { signal: stop.signal });
    const first = batches.next();
    stop.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    expect(flags.map((f) => f[0])).toEqual([1, 1]);
    await expect(imageLoader(workers, dataset, options).epoch(0, { signal: stop.signal }).next()).rejects.toThrow(
      'enough',
    );
  });

  it('reads pictures out of shards by their ranges, and names a bad one by shard and name', async () => {
    const shard = Uint8Array.of(9, 9, 30, 9, 60, 60);
    const files = memoryFiles({ 'a.tar': shard });
    const decoder: ImageDecoder = {
      decode: async (bytes, name) => {
        if (bytes.length > 1) throw new Fault('data', `${name}: expected one byte, got ${bytes.length}.`);
        return { width: 1, height: 1, data: Uint8Array.of(bytes[0]!, 0, 0) };
      },
    };
    const at = (offset: number, length: number) => ({ path: 'a.tar', label: 0, bytes: { offset, length } });
    const samples = [at(2, 1), { ...at(4, 2), name: 'two.jpg' }, at(4, 1), { ...at(5, 2), name: 'past.jpg' }];
    const loader = imageLoader(inlineWorkers({ files, decoder }), { classes: ['a'], samples }, evaluate);
    const [batch] = await all(loader, 0);
    expect([...batch!.images].map((v) => Math.round(v * 255))).toEqual([30, 0, 0, 60, 0, 0]);
    expect([...batch!.indices]).toEqual([0, 2]);
    expect(loader.skipped().map((s) => s.path)).toEqual(['a.tar (past.jpg)', 'a.tar (two.jpg)']);
    expect(loader.skipped()[1]!.reason).toMatch(/^a\.tar \(two\.jpg\): expected one byte/);
  });

  it('gives every class its own target where a picture may have several labels', async () => {
    const { dataset, workers } = world(3);
    const samples = [
      { ...dataset.samples[0]!, label: 1, labels: [1, 2] },
      { ...dataset.samples[1]!, label: -1, labels: [] },
      dataset.samples[2]!,
    ];
    const many: Dataset = { classes: ['x', 'y', 'z'], samples, multiLabel: true };
    const [batch] = await all(imageLoader(workers, many, evaluate), 0);
    expect([...batch!.targets!]).toEqual([0, 1, 1, 0, 0, 0, 1, 0, 0]);
    expect([...batch!.labels]).toEqual([1, -1, 0]);
    const [single] = await all(imageLoader(workers, dataset, evaluate), 0);
    expect(single!.targets).toBeUndefined();
  });

  it('mixes batches and their targets alike, also where a bad picture had to be replaced', async () => {
    const whole = readTransform({
      ...{ kind: 'training', size: 4, scale: [1, 1], ratio: [1, 1], flip: 0 },
      ...{ mean: [0, 0, 0], std: [1, 1, 1] },
    });
    const mixing = { ...options, transform: whole, mix: { mixup: 1, cutmix: 0, probability: 1, switchProbability: 0 } };
    for (const bad of [[], [0, 1, 2]]) {
      const { dataset, workers } = world(8, bad);
      const [plain] = await all(imageLoader(workers, dataset, { ...options, transform: whole }), 0);
      const [mixed] = await all(imageLoader(workers, dataset, mixing), 0);
      expect([...mixed!.indices]).toEqual([...plain!.indices]);
      const { share } = drawMixing(mixing.mix, 4, { seed: 1, epoch: 0, number: 0 })!;
      const expected = plain!.images.map((v, i) => {
        const partner = (3 - Math.floor(i / 48)) * 48 + (i % 48);
        return share * v + (1 - share) * plain!.images[partner]!;
      });
      expect(mixed!.images.every((v, i) => Math.abs(v - expected[i]!) < 1e-4)).toBe(true);
      for (let row = 0; row < 4; row++) {
        const target = [0, 0];
        target[plain!.labels[row]!]! += share;
        target[plain!.labels[3 - row]!]! += 1 - share;
        expect([...mixed!.targets!.subarray(2 * row, 2 * row + 2)]).toEqual(target.map((t) => expect.closeTo(t, 4)));
      }
    }
    const { dataset, workers } = world(4);
    const [judged] = await all(imageLoader(workers, dataset, { ...evaluate, mix: mixing.mix }), 0);
    expect(judged!.targets).toBeUndefined();
  });

  it('refuses an empty data set and a batch of none', () => {
    const { dataset, workers } = world(2);
    const nothing = { ...dataset, samples: [] };
    expect(() => imageLoader(workers, nothing, options)).toThrow(expect.objectContaining({ code: 'data' }));
    const none = { ...options, batchSize: 0 };
    expect(() => imageLoader(workers, dataset, none)).toThrow(expect.objectContaining({ code: 'config' }));
  });
});

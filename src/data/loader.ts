import { Fault } from '../core/fault.ts';
import { random } from '../core/random.ts';
import { unlessAborted } from './abort.ts';
import { drawMixing, type MixConfig, type Mixing, mixes, mixImages, mixTargets } from './augment/mix.ts';
import type { EpochOptions, ImageBatch, ImageLoader, SkippedFile } from './batch.ts';
import type { Dataset, Sample } from './dataset.ts';
import type { ImageWorkers, LoadItem } from './load.ts';
import { epochOrder, type Sampling } from './order.ts';
import { enoughPixels } from './transform.ts';
import type { TransformConfig } from './transform-config.ts';

/** How a data set is cut into batches. */
export interface ImageLoaderOptions {
  readonly batchSize: number;
  readonly transform: TransformConfig;
  /**
   * `in-order` (evaluation) yields every picture once, the last batch being what is left and bad pictures missing;
   * the others (training) yield full batches only, bad pictures being replaced.
   */
  readonly sampling: Sampling;
  /** Seed of the order, of the transforms and of the mixing. */
  readonly seed: number;
  /** Of `weighted` sampling: see {@link epochOrder}. */
  readonly samplingPower?: number;
  readonly weights?: ArrayLike<number>;
  /** Times that a picture comes one after the other; 1. */
  readonly repeats?: number;
  /** How the pictures of training batches are mixed; not at all where absent. */
  readonly mix?: MixConfig;
  /** Bad files are a fault instead of being skipped; false. */
  readonly strict?: boolean;
  /** Batches made ahead of the one in use; one more than the workers' threads. */
  readonly prefetch?: number;
  /**
   * Bytes of decoded pictures that are kept for later epochs; 256 MiB. Where training pictures cannot all be kept none
   * are, and of each only the part that is trained on is decoded.
   */
  readonly cacheBytes?: number;
}

/** A data set in batches: order, replacement of bad files, prefetch and cache; the workers do the rest. */
export function imageLoader(workers: ImageWorkers, dataset: Dataset, options: ImageLoaderOptions): ImageLoader {
  const state = check(workers, dataset, options);
  return {
    batches: state.batches,
    epoch: (epoch, epochOptions = {}) => run(state, epoch, epochOptions),
    release: ({ images: { buffer, byteLength } }) => {
      const room = state.spare.length < state.options.prefetch + 1;
      if (room && buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && !state.spare.includes(buffer)) {
        state.spare.push(buffer);
      }
    },
    skipped: () =>
      [...state.bad]
        .map(([index, reason]) => ({ path: placeOf(dataset.samples[index]!), reason }))
        .sort((a: SkippedFile, b: SkippedFile) => (a.path < b.path ? -1 : 1)),
  };
}

/** A sample's path; of one inside a shard with its name there. */
function placeOf({ path, name }: Sample): string {
  return name === undefined ? path : `${path} (${name})`;
}

type OptionalKeys = 'samplingPower' | 'weights' | 'repeats' | 'mix';

interface State {
  readonly workers: ImageWorkers;
  readonly dataset: Dataset;
  readonly options: Required<Omit<ImageLoaderOptions, OptionalKeys>> & Pick<ImageLoaderOptions, OptionalKeys>;
  readonly batches: number;
  /** Why a sample cannot be read, by index. */
  readonly bad: Map<number, string>;
  /** Whether only parts of pictures are decoded; a function of data set and options, so that runs are alike. */
  readonly parts: boolean;
  /** By sample, whether it was loaded, so that its file is whole; only kept where parts are decoded. */
  readonly whole: Uint8Array;
  /** Memory that was given back. */
  readonly spare: ArrayBuffer[];
  readonly cache: Cache;
}

interface Cache {
  readonly images: Map<number, NonNullable<LoadItem['image']>>;
  bytes: number;
  /** Nothing more is kept: the last picture went over the limit, or nothing was to be kept at all. */
  full: boolean;
}

function check(workers: ImageWorkers, dataset: Dataset, given: ImageLoaderOptions): State {
  const options = {
    ...{ strict: false, prefetch: workers.threads + 1, cacheBytes: 256 * 1024 ** 2 },
    ...given,
  };
  const total = dataset.samples.length;
  if (total === 0) throw new Fault('data', 'loader: expected at least one picture, got an empty data set.');
  const whole: readonly (keyof ImageLoaderOptions & ('batchSize' | 'prefetch'))[] = ['batchSize', 'prefetch'];
  for (const key of whole) {
    if (!Number.isInteger(options[key]) || options[key] < 1) {
      throw new Fault('config', `loader.${key}: expected a whole number of at least 1, got ${options[key]}.`);
    }
  }
  const share = total / options.batchSize;
  const batches = options.sampling === 'in-order' ? Math.ceil(share) : Math.max(1, Math.floor(share));
  // a decoder shrinks pictures while they have enough pixels: so large they are where they were larger
  const side = enoughPixels(options.transform);
  const parts = side !== undefined && total * 3 * side ** 2 > options.cacheBytes;
  return {
    ...{
      workers,
      dataset,
      options,
      batches,
      parts,
      bad: new Map(),
      spare: [],
      whole: new Uint8Array(parts ? total : 0),
    },
    cache: { images: new Map(), bytes: 0, full: parts || options.cacheBytes <= 0 },
  };
}

/** What one epoch needs beside the loader's state. */
interface Epoch {
  readonly epoch: number;
  readonly order: Int32Array;
  readonly cancelled: Int32Array;
}

async function* run(
  state: State,
  epoch: number,
  { signal, from = 0 }: EpochOptions,
): AsyncGenerator<ImageBatch, void, undefined> {
  signal?.throwIfAborted();
  const { prefetch } = state.options;
  const labels = state.dataset.samples.map((s) => s.label);
  const buffer = 'SharedArrayBuffer' in globalThis ? new SharedArrayBuffer(4) : new ArrayBuffer(4);
  const current: Epoch = {
    epoch,
    order: epochOrder(labels, { ...state.options, epoch }),
    cancelled: new Int32Array(buffer),
  };
  const pending: Promise<ImageBatch>[] = [];
  let next = from;
  const workAhead = (): void => {
    while (next < state.batches && pending.length < prefetch) {
      const batch = makeBatch(state, current, next++);
      batch.catch(() => undefined); // it is awaited below, in its turn, or nobody wants it any more
      pending.push(batch);
    }
  };
  try {
    workAhead();
    while (pending.length > 0) {
      const batch = await unlessAborted(pending.shift()!, signal);
      workAhead();
      if (batch.labels.length > 0) yield batch;
      signal?.throwIfAborted();
    }
  } finally {
    Atomics.store(current.cancelled, 0, 1);
  }
}

/** One place in an epoch and the sample that stands there. */
interface Place {
  readonly position: number;
  readonly index: number;
}

async function makeBatch(state: State, epoch: Epoch, number: number): Promise<ImageBatch> {
  const { batchSize, sampling } = state.options;
  const total = epoch.order.length;
  const start = number * batchSize;
  const place = (_: unknown, i: number): Place => ({ position: start + i, index: epoch.order[(start + i) % total]! });
  if (sampling !== 'in-order') {
    return fullBatch(state, { ...epoch, number }, Array.from({ length: batchSize }, place));
  }
  const places = Array.from({ length: Math.min(batchSize, total - start) }, place);
  return whatIsGood(state, epoch, places);
}

/** Training: bad pictures are replaced until all are good; then the batch is mixed. */
async function fullBatch(
  state: State,
  epoch: Epoch & { readonly number: number },
  places: Place[],
): Promise<ImageBatch> {
  const { bad, options } = state;
  const { mix, transform, seed } = options;
  const keys = { seed, epoch: epoch.epoch, number: epoch.number };
  const mixing = mix === undefined ? null : drawMixing(mix, transform.size, keys);
  const replaceBad = (slots: Iterable<number>): number[] => {
    const replaced = [...slots].filter((slot) => bad.has(places[slot]!.index));
    for (const slot of replaced) places[slot] = replacement(state, epoch, places[slot]!);
    return replaced;
  };
  replaceBad(places.keys());
  // who loads the pictures mixes them, off the main thread, unless one failed
  const { images, mixed } = await load(state, epoch, { places, mixing });
  const size = images.length / places.length;
  for (let slots = replaceBad(places.keys()); slots.length > 0; slots = replaceBad(slots)) {
    const again = await load(state, epoch, { places: slots.map((slot) => places[slot]!), mixing: null });
    slots.forEach((slot, i) => {
      images.set(again.images.subarray(i * size, (i + 1) * size), slot * size);
    });
  }
  if (mixing && !mixed) mixImages(images, places.length, mixing);
  const named = names(state, places);
  if (named.targets && mixing) mixTargets(named.targets, places.length, mixing);
  return { images, ...named };
}

/** Evaluation: bad pictures are left out. */
async function whatIsGood(state: State, epoch: Epoch, places: readonly Place[]): Promise<ImageBatch> {
  const isGood = ({ index }: Place): boolean => !state.bad.has(index);
  const wanted = places.filter(isGood);
  const { images } = await load(state, epoch, { places: wanted, mixing: null });
  const good = wanted.filter(isGood);
  if (good.length === wanted.length) return { images, ...names(state, good) };
  const size = images.length / wanted.length;
  const left = new Float32Array(good.length * size);
  good.forEach((place, i) => {
    const slot = wanted.indexOf(place);
    left.set(images.subarray(slot * size, (slot + 1) * size), i * size);
  });
  return { images: left, ...names(state, good) };
}

/** What the pictures are: labels, and where they may have several or are mixed, all of them in `targets`. */
function names({ dataset, options }: State, places: readonly Place[]): Omit<ImageBatch, 'images'> {
  const { samples, classes, multiLabel = false } = dataset;
  const labels = Int32Array.from(places, ({ index }) => samples[index]!.label);
  const indices = Int32Array.from(places, ({ index }) => index);
  const mixed = options.mix !== undefined && options.sampling !== 'in-order' && mixes(options.mix);
  if (!multiLabel && !mixed) return { labels, indices };
  const targets = new Float32Array(places.length * classes.length); // [N, K]
  places.forEach(({ index }, row) => {
    const { label, labels: several = label < 0 ? [] : [label] } = samples[index]!;
    for (const one of several) targets[row * classes.length + one] = 1;
  });
  return { labels, indices, targets };
}

/** Loads pictures, [places, 3, size, size], and remembers which are bad and which may be kept. */
async function load(
  state: State,
  { epoch, cancelled }: Epoch,
  { places, mixing }: { readonly places: readonly Place[]; readonly mixing: Mixing | null },
): Promise<{ readonly images: Float32Array; readonly mixed: boolean }> {
  const { options, dataset, cache, bad, parts, whole } = state;
  const { transform, seed } = options;
  const items = places.map((place): LoadItem => {
    const { path, bytes, name } = dataset.samples[place.index]!;
    const item = { ...place, path, ...(bytes && { bytes }), ...(name !== undefined && { name }) };
    if (whole[place.index]) return { ...item, whole: true };
    const image = cache.images.get(place.index);
    return image === undefined ? item : { ...item, image };
  });
  const task = { items, transform, seed, epoch, keep: !cache.full, parts, cancelled, ...(mixing && { mixing }) };
  const into = places.length === options.batchSize ? state.spare.pop() : undefined;
  const result = await state.workers.load(into ? { ...task, into } : task);
  const failed = new Set(result.failures.map(({ slot }) => slot));
  if (parts && cancelled[0] === 0) for (const [i, { index }] of places.entries()) if (!failed.has(i)) whole[index] = 1;
  for (const { slot, reason } of result.failures) bad.set(places[slot]!.index, reason);
  if (options.strict && result.failures.length > 0) throw new Fault('data', result.failures[0]!.reason);
  for (const { slot, image } of result.kept) {
    const { index } = places[slot]!;
    if (cache.full || cache.images.has(index)) continue;
    cache.bytes += image.data.length;
    cache.images.set(index, image);
    cache.full = cache.bytes >= options.cacheBytes;
  }
  return result;
}

/** What stands in for a bad sample: the first not known to be bad from a random start, whoever finds out first. */
function replacement({ bad, options }: State, { epoch, order }: Epoch, { position, index }: Place): Place {
  const total = order.length;
  const first = random(options.seed, epoch, position, 'replace').integer(total);
  for (let step = 0; step < total; step++) {
    const candidate = (first + step) % total;
    if (!bad.has(candidate)) return { position, index: candidate };
  }
  throw new Fault(
    'data',
    `loader: expected readable pictures, got none among ${total}. ${bad.get(index) ?? ''}`.trimEnd(),
  );
}

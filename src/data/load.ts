import { Fault, messageOf } from '../core/fault.ts';
import { type Random, random } from '../core/random.ts';
import { type Mixing, mixImages } from './augment/mix.ts';
import type { Files } from './files.ts';
import { type ImageDecoder, MAX_FILE_BYTES, type RgbImage } from './image.ts';
import { enoughPixels, planTraining, type Target, transformInto } from './transform.ts';
import type { TransformConfig } from './transform-config.ts';

/** One picture to load. */
export interface LoadItem {
  readonly path: string;
  /** Where it is inside the file at `path`, a shard; the whole file where absent. */
  readonly bytes?: { readonly offset: number; readonly length: number };
  /** What it is called inside the shard. */
  readonly name?: string;
  /** Which sample it is. */
  readonly index: number;
  /** Where in the epoch it comes: its random numbers are those of (seed, epoch, position, index). */
  readonly position: number;
  /** The decoded picture, where it was kept from an earlier epoch. */
  readonly image?: RgbImage;
  /** Whether the file is known to be whole, having been loaded before. */
  readonly whole?: boolean;
}

/** Pictures to load at one go; plain data, so that it can be sent to a thread. */
export interface LoadTask {
  readonly items: readonly LoadItem[];
  readonly transform: TransformConfig;
  readonly seed: number;
  readonly epoch: number;
  /** Whether decoded pictures are wanted back. */
  readonly keep: boolean;
  /** Whether only the part that is trained on is decoded, where the decoder can: faster, a little different. */
  readonly parts?: boolean;
  /** How the pictures are mixed once all of them are there; if one fails none are. */
  readonly mixing?: Mixing;
  /** Memory of pictures that nobody needs any more, for the result; handed over where threads are used. */
  readonly into?: ArrayBuffer;
  /** Shared with whoever asked: not zero once nobody waits for the result. */
  readonly cancelled?: Int32Array;
}

/** What came of a {@link LoadTask}. */
export interface LoadResult {
  /** [items, 3, size, size]; zero where the picture failed. */
  readonly images: Float32Array;
  /** Whether they are mixed as asked. */
  readonly mixed: boolean;
  readonly failures: readonly { readonly slot: number; readonly reason: string }[];
  readonly kept: readonly { readonly slot: number; readonly image: RgbImage }[];
}

/** Who loads pictures: threads of a runtime, or {@link inlineWorkers}. */
export interface ImageWorkers {
  /** How many tasks run at a time. */
  readonly threads: number;
  load(task: LoadTask): Promise<LoadResult>;
  close(): Promise<void>;
}

/** What {@link loadImages} reads and decodes with. */
export interface LoadTools {
  readonly files: Files;
  readonly decoder: ImageDecoder;
}

/** Pictures of one task that are read or decoded while another one is transformed. */
const LANES = 4;

/** Reads, decodes and prepares the pictures of a task; a bad one is reported, the others are unharmed. */
export async function loadImages(task: LoadTask, tools: LoadTools): Promise<LoadResult> {
  const { size } = task.transform;
  const each = 3 * size * size;
  const again = task.into?.byteLength === task.items.length * each * 4;
  const images = again ? new Float32Array(task.into) : new Float32Array(task.items.length * each);
  const failures: { slot: number; reason: string }[] = [];
  const kept: { slot: number; image: RgbImage }[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < task.items.length && !isCancelled(task)) {
      const slot = next++;
      const item = task.items[slot]!;
      try {
        const target = { data: images, offset: slot * each };
        const image = await prepare({ item, target }, task, tools);
        if (task.keep && item.image === undefined && image) kept.push({ slot, image: shared(image) });
      } catch (error) {
        failures.push({ slot, reason: messageOf(error) });
        images.fill(0, slot * each, (slot + 1) * each);
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  failures.sort((a, b) => a.slot - b.slot);
  const mixed = task.mixing !== undefined && failures.length === 0 && !isCancelled(task);
  if (mixed) mixImages(images, task.items.length, task.mixing);
  return { images, mixed, failures, kept };
}

function isCancelled({ cancelled }: LoadTask): boolean {
  return cancelled !== undefined && Atomics.load(cancelled, 0) !== 0;
}

/** Loads one picture into its place; gives the decoded picture unless only a part was decoded. */
async function prepare(
  { item, target }: { readonly item: LoadItem; readonly target: Target },
  task: LoadTask,
  { files, decoder }: LoadTools,
): Promise<RgbImage | null> {
  const { seed, epoch, transform } = task;
  const draws = (name: string): Random => random(seed, epoch, item.position, item.index, name);
  if (item.image) {
    transformInto(target, item.image, transform, draws);
    return item.image;
  }
  const name = nameOf(item);
  const bytes = await readItem(item, name, files);
  const parts = task.parts && decoder.parts ? await decoder.parts() : null;
  if (parts && transform.kind === 'training') {
    const plan = planTraining(transform, draws);
    const { size, interpolation: kind } = transform;
    // nothing is awaited while the part is good
    const part = parts.decode(bytes, { choose: plan.choose, size, kind, whole: item.whole ?? false });
    if (part) {
      plan.finish(target, part, parts.normaliser(size));
      return null;
    }
  }
  const shorterAtLeast = enoughPixels(transform);
  const image = await decoder.decode(bytes, name, shorterAtLeast === undefined ? {} : { shorterAtLeast });
  transformInto(target, image, transform, draws);
  return image;
}

/** What messages call a picture: its path, with its name inside the shard. */
function nameOf({ path, name }: LoadItem): string {
  return name === undefined ? path : `${path} (${name})`;
}

/** The bytes of a picture: a whole file, or a piece of a shard. */
export async function readItem(
  { path, bytes }: Pick<LoadItem, 'path' | 'bytes'>,
  name: string,
  files: Files,
): Promise<Uint8Array> {
  if (bytes === undefined) return files.read(path, MAX_FILE_BYTES);
  if (bytes.length > MAX_FILE_BYTES) {
    throw new Fault('data', `${name}: expected at most ${MAX_FILE_BYTES} bytes, got ${bytes.length}. Is it a picture?`);
  }
  const shard = await files.open(path);
  try {
    return await shard.read(bytes.offset, bytes.length);
  } finally {
    await shard.close();
  }
}

/** A copy in memory that threads share where the runtime allows it, so that it is never copied again. */
function shared({ width, height, data }: RgbImage): RgbImage {
  const buffer = 'SharedArrayBuffer' in globalThis ? new SharedArrayBuffer(data.length) : new ArrayBuffer(data.length);
  const copy = new Uint8Array(buffer);
  copy.set(data);
  return { width, height, data: copy };
}

/** Workers without threads: everything happens where it is asked for. */
export function inlineWorkers(tools: LoadTools): ImageWorkers {
  return {
    threads: 1,
    load: (task) => loadImages(task, tools),
    close: () => Promise.resolve(),
  };
}

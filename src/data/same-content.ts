import type { Sample } from './dataset.ts';
import { type Files, joinPath } from './files.ts';
import { MAX_FILE_BYTES } from './image.ts';

/** Files that are open or read at a time. */
const LANES = 8;

/**
 * Which samples hold the very bytes of an earlier one: each with that earlier one. Only samples of equal size are read.
 * Files that cannot be read are equal to none; whoever loads them names them.
 */
export async function sameContent(files: Files, samples: readonly Sample[]): Promise<ReadonlyMap<Sample, Sample>> {
  const sizes = new Map<number, Sample[]>();
  await inLanes(samples, async (sample) => {
    const size = sample.bytes?.length ?? (await sizeOf(files, sample.path));
    if (size === null || size > MAX_FILE_BYTES) return;
    const own = sizes.get(size);
    if (own) own.push(sample);
    else sizes.set(size, [sample]);
  });
  const digests = new Map<Sample, string>();
  const candidates = [...sizes.values()].filter((own) => own.length > 1).flat();
  await inLanes(candidates, async (sample) => {
    const digest = await digestOf(files, sample);
    if (digest !== null) digests.set(sample, digest);
  });
  const first = new Map<string, Sample>();
  const same = new Map<Sample, Sample>();
  for (const sample of samples) {
    const digest = digests.get(sample);
    if (digest === undefined) continue;
    const earlier = first.get(digest);
    if (earlier) same.set(sample, earlier);
    else first.set(digest, sample);
  }
  return same;
}

async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function sizeOf(files: Files, path: string): Promise<number | null> {
  try {
    const file = await files.open(path);
    await file.close();
    return file.size;
  } catch {
    return null;
  }
}

async function digestOf(files: Files, { path, bytes }: Sample): Promise<string | null> {
  try {
    const content = bytes ? await piece(files, path, bytes) : await files.read(path, MAX_FILE_BYTES);
    const digest = await crypto.subtle.digest('SHA-256', content as Uint8Array<ArrayBuffer>);
    return String.fromCharCode(...new Uint8Array(digest));
  } catch {
    return null;
  }
}

async function piece(
  files: Files,
  path: string,
  { offset, length }: { readonly offset: number; readonly length: number },
): Promise<Uint8Array> {
  const file = await files.open(path);
  try {
    return await file.read(offset, length);
  } finally {
    await file.close();
  }
}

/** What a sample is called: its file, and its name where that is a shard. */
export function nameOf({ path, name }: Sample): string {
  return name === undefined ? path : joinPath(path, name);
}

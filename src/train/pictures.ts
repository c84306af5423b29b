import { Fault } from '../core/fault.ts';
import { fnv1a } from '../core/random.ts';
import type { Dataset } from '../data/dataset.ts';
import { bySeen, readEmojiIndex } from '../data/emoji.ts';
import { joinPath } from '../data/files.ts';
import { readImageFolder, readSplits } from '../data/image-folder.ts';
import type { RunConfig } from './config.ts';
import type { Part } from './evaluate.ts';
import type { Platform } from './platform.ts';

/** The pictures of a run. */
export interface RunPictures {
  readonly classes: readonly string[];
  readonly train: Dataset;
  readonly test: Dataset;
  /** Parts of the test pictures that are scored by themselves. */
  readonly parts: readonly Part[];
  /** What they are, in a few words. */
  readonly source: string;
  /** A hash of the training pictures' names and labels. */
  readonly fingerprint: number;
}

/** Reads which pictures a run is trained and judged on; none is decoded. */
export async function openPictures(
  config: Pick<RunConfig, 'data' | 'seed'>,
  { files, embedded }: Pick<Platform, 'files' | 'embedded'>,
): Promise<RunPictures> {
  const { folder, holdOut } = config.data;
  const place = folder ?? embedded;
  if (place === null) {
    throw new Fault('data', 'data.folder: expected a folder of pictures, got none, and this build embeds none.');
  }
  const { train, test, testFolder } = await readSplits(files, place, { holdOut, seed: config.seed });
  const parts = folder === null ? await emojiParts(place, test, files) : [];
  const held =
    testFolder === null ? `${Math.round(holdOut * 100)} % of each class held out` : `judged on ${testFolder}`;
  const source = folder === null ? 'emoji: trained on Noto, judged on Twemoji' : `${folder}, ${held}`;
  return { classes: train.classes, train, test, parts, source, fingerprint: fingerprint(train, place) };
}

/** Reads other pictures for a network that already knows its classes. */
export async function openHeldOut(
  classes: readonly string[],
  folder: string | null,
  { files, embedded }: Pick<Platform, 'files' | 'embedded'>,
): Promise<{ readonly test: Dataset; readonly parts: readonly Part[] }> {
  if (folder !== null) return { test: await readImageFolder(files, folder, { classes }), parts: [] };
  if (embedded === null) {
    throw new Fault('data', 'data.folder: expected a folder of pictures, got none, and this build embeds none.');
  }
  const test = await readImageFolder(files, joinPath(embedded, 'test'), { classes });
  return { test, parts: await emojiParts(embedded, test, files) };
}

async function emojiParts(folder: string, test: Dataset, files: Platform['files']): Promise<readonly Part[]> {
  const { seen, unseen } = bySeen(test, await readEmojiIndex(files, folder));
  return [
    { name: 'seen in training, in another hand', indices: new Set(seen) },
    { name: 'never seen in training', indices: new Set(unseen) },
  ];
}

function fingerprint({ classes, samples }: Dataset, folder: string): number {
  let hash = fnv1a(classes.join('\n'));
  for (const { path, label } of samples) {
    const inside = path.startsWith(folder) ? path.slice(folder.length) : path;
    hash = fnv1a(`${hash} ${label} ${inside.replaceAll('\\', '/')}`);
  }
  return hash;
}

import { Fault } from '../core/fault.ts';
import { fnv1a } from '../core/random.ts';
import type { Dataset, Sample } from '../data/dataset.ts';
import { bySeen, readEmojiIndex } from '../data/emoji.ts';
import { joinPath } from '../data/files.ts';
import { readImageFolder } from '../data/image-folder.ts';
import { openDataset, openLabelled } from '../data/open.ts';
import { describeProblems } from '../data/problems.ts';
import type { SourceOptions } from '../data/source.ts';
import type { RunConfig } from './config.ts';
import type { Part } from './evaluate.ts';
import type { Platform } from './platform.ts';
import { sourceOptions } from './source-config.ts';

/** The pictures of a run. */
export interface RunPictures {
  readonly classes: readonly string[];
  /** Whether a picture may have several labels, or none. */
  readonly multiLabel: boolean;
  readonly train: Dataset;
  readonly test: Dataset;
  /** Parts of the test pictures that are scored by themselves. */
  readonly parts: readonly Part[];
  /** What they are, in a few words. */
  readonly source: string;
  /** One sentence on what was left out of the data, and why; empty where nothing was. */
  readonly leftOut: string;
  /** A hash of all pictures' names, places and labels. */
  readonly fingerprint: number;
}

/** Reads which pictures a run is trained and judged on; none is decoded. */
export async function openPictures(
  config: Pick<RunConfig, 'data' | 'seed'>,
  { files, embedded }: Pick<Platform, 'files' | 'embedded'>,
): Promise<RunPictures> {
  const { data, seed } = config;
  const { folder, holdOut } = data;
  const place = folder ?? neverNull(embedded);
  const opened = await openDataset(files, place, { ...sourceOptions(data), holdOut, seed });
  const { train, test, heldOutFrom } = opened;
  const parts = folder === null ? await emojiParts(place, test, files) : [];
  const share = `${Math.round(holdOut * 100)} % of each class held out`;
  const held = heldOutFrom === null ? share : `judged on ${heldOutFrom}`;
  return {
    classes: train.classes,
    multiLabel: train.multiLabel ?? false,
    train,
    test,
    parts,
    source: folder === null ? 'emoji: trained on Noto, judged on Twemoji' : `${folder}, ${held}`,
    leftOut: describeProblems(opened.problems),
    fingerprint: fingerprint([train, test]),
  };
}

/** What {@link openHeldOut} reads with. */
export interface HeldOutTools extends Pick<Platform, 'files' | 'embedded'> {
  /** How the pictures are kept, and whether they have one label or several; found by looking where absent. */
  readonly source?: Partial<SourceOptions>;
}

/** Reads other pictures for a network that already knows its classes. */
export async function openHeldOut(
  classes: readonly string[],
  folder: string | null,
  { files, embedded, source }: HeldOutTools,
): Promise<{ readonly test: Dataset; readonly parts: readonly Part[]; readonly leftOut: string }> {
  if (folder !== null) {
    const { dataset, problems } = await openLabelled(files, folder, { ...source, classes });
    return { test: dataset, parts: [], leftOut: describeProblems(problems) };
  }
  const place = neverNull(embedded);
  const test = await readImageFolder(files, joinPath(place, 'test'), { classes });
  return { test, parts: await emojiParts(place, test, files), leftOut: '' };
}

function neverNull(embedded: string | null): string {
  if (embedded !== null) return embedded;
  throw new Fault('data', 'data.folder: expected a folder of pictures, got none, and this build embeds none.');
}

async function emojiParts(folder: string, test: Dataset, files: Platform['files']): Promise<readonly Part[]> {
  const { seen, unseen } = bySeen(test, await readEmojiIndex(files, folder));
  return [
    { name: 'seen in training, in another hand', indices: new Set(seen) },
    { name: 'never seen in training', indices: new Set(unseen) },
  ];
}

/** Names are taken below the folder that holds all pictures, so that data may move. */
function fingerprint(parts: readonly Dataset[]): number {
  const top = commonFolder(parts.flatMap((p) => p.samples)).length;
  let hash = fnv1a((parts[0]?.classes ?? []).join('\n'));
  for (const { samples } of parts) {
    hash = fnv1a(`${hash} ${samples.length}`);
    for (const { path, label, labels, bytes } of samples) {
      const place = bytes ? ` ${bytes.offset} ${bytes.length}` : '';
      hash = fnv1a(`${hash} ${(labels ?? [label]).join()} ${path.slice(top).replaceAll('\\', '/')}${place}`);
    }
  }
  return hash;
}

/** The longest beginning, up to a slash, that all paths share. */
function commonFolder(samples: readonly Sample[]): string {
  let common = samples[0]?.path ?? '';
  for (const { path } of samples) {
    let length = 0;
    while (length < common.length && common[length] === path[length]) length++;
    common = common.slice(0, length);
  }
  return common.slice(0, Math.max(common.lastIndexOf('/'), common.lastIndexOf('\\')) + 1);
}

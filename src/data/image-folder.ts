import { Fault } from '../core/fault.ts';
import { didYouMean } from '../core/suggest.ts';
import { type Dataset, HELD_OUT_NAMES, type Sample, type SplitOptions, splitDataset } from './dataset.ts';
import { type Files, joinPath } from './files.ts';
import { IMAGE_EXTENSIONS, looksLikePicture } from './image.ts';

/** How to read a folder of classes. */
export interface ImageFolderOptions {
  /** The classes that a network already knows; the folder may lack some, may not have others, and may have one only. */
  readonly classes?: readonly string[];
}

/** Folders inside a class may be nested this deep; a link that leads back up would otherwise never end. */
const MAX_DEPTH = 16;

/**
 * Reads a folder whose sub-folders are classes, as torchvision's ImageFolder: classes by name, pictures of a class from
 * all folders below it. Names that begin with a dot are passed over.
 */
export async function readImageFolder(
  files: Files,
  folder: string,
  options: ImageFolderOptions = {},
): Promise<Dataset> {
  const found = (await files.list(folder)).filter((e) => !e.name.startsWith('.'));
  const names = found
    .filter((e) => e.kind === 'folder')
    .map((e) => e.name)
    .sort(byName);
  const loose = found.filter((e) => e.kind === 'file' && looksLikePicture(e.name)).length;
  checkClasses(folder, names, { loose, known: options.classes });
  const classes = options.classes ?? names;
  const samples: Sample[] = [];
  for (const name of names) {
    const label = classes.indexOf(name);
    const paths = await pictures(files, joinPath(folder, name), 0);
    if (paths.length === 0 && options.classes === undefined) {
      const wanted = IMAGE_EXTENSIONS.join(', ');
      throw new Fault(
        'data',
        `${joinPath(folder, name)}: expected pictures (${wanted}) of class "${name}", got none. Add some or remove the folder.`,
      );
    }
    for (const path of paths) samples.push({ path, label });
  }
  if (samples.length === 0) throw new Fault('data', `${folder}: expected pictures in its sub-folders, got none.`);
  return { classes, samples };
}

function checkClasses(
  folder: string,
  names: readonly string[],
  { loose, known }: { readonly loose: number; readonly known: readonly string[] | undefined },
): void {
  const advice = 'Make one sub-folder a class, with its pictures inside.';
  if (names.length === 0) {
    const got = loose > 0 ? `${loose} pictures and no sub-folder` : 'no sub-folder';
    throw new Fault('data', `${folder}: expected sub-folders, one a class, got ${got}. ${advice}`);
  }
  if (known === undefined) {
    if (names.length > 1) return;
    throw new Fault('data', `${folder}: expected at least two classes, got only "${names[0]}". ${advice}`);
  }
  const stranger = names.find((n) => !known.includes(n));
  if (stranger === undefined) return;
  throw new Fault(
    'data',
    `${joinPath(folder, stranger)}: expected one of the ${known.length} known classes, got "${stranger}". ${didYouMean(stranger, known)}`,
  );
}

function byName(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Pictures of a folder and of those below it: a folder's own first, by name. */
async function pictures(files: Files, folder: string, depth: number): Promise<readonly string[]> {
  if (depth > MAX_DEPTH) {
    throw new Fault(
      'data',
      `${folder}: expected at most ${MAX_DEPTH} folders inside each other, got more. Does a link lead back up?`,
    );
  }
  const entries = (await files.list(folder))
    .filter((e) => !e.name.startsWith('.'))
    .sort((a, b) => byName(a.name, b.name));
  const paths = entries
    .filter((e) => e.kind === 'file' && looksLikePicture(e.name))
    .map((e) => joinPath(folder, e.name));
  for (const entry of entries) {
    if (entry.kind !== 'folder') continue;
    for (const path of await pictures(files, joinPath(folder, entry.name), depth + 1)) paths.push(path);
  }
  return paths;
}

/** What to train on and what to judge by, with the same classes. */
export interface Splits {
  readonly train: Dataset;
  readonly test: Dataset;
  /** The sub-folder that `test` was read from; null where it was split off `train`. */
  readonly testFolder: string | null;
}

/**
 * Reads `train` and the first of `val`, `valid`, `validation`, `test` where a folder has them; otherwise the folder
 * itself, a share of each class held out.
 */
export async function readSplits(
  files: Files,
  folder: string,
  options: SplitOptions & ImageFolderOptions = {},
): Promise<Splits> {
  const inside = (await files.list(folder)).filter((e) => e.kind === 'folder').map((e) => e.name);
  if (!inside.includes('train')) {
    const whole = await readImageFolder(files, folder, options);
    return { ...splitDataset(whole, options), testFolder: null };
  }
  const testFolder = HELD_OUT_NAMES.find((name) => inside.includes(name)) ?? null;
  const train = await readImageFolder(files, joinPath(folder, 'train'), options);
  if (testFolder === null) return { ...splitDataset(train, options), testFolder };
  const test = await readImageFolder(files, joinPath(folder, testFolder), { classes: train.classes });
  return { train, test, testFolder };
}

import { Fault } from '../core/fault.ts';
import { random } from '../core/random.ts';
import { didYouMean } from '../core/suggest.ts';
import { type Files, joinPath } from './files.ts';
import { IMAGE_EXTENSIONS } from './image.ts';

/** One labelled picture; `label` counts in `classes`. */
export interface Sample {
  readonly path: string;
  readonly label: number;
  /** All its labels in a data set where a picture may have several; `label` is then the first, or -1 for none. */
  readonly labels?: readonly number[];
  /** Where its bytes are inside the file at `path`, a shard; the whole file where absent. */
  readonly bytes?: { readonly offset: number; readonly length: number };
  /** What it is called inside a shard. */
  readonly name?: string;
}

/** Labelled pictures. */
export interface Dataset {
  /** Names of the classes, in the order of their labels. */
  readonly classes: readonly string[];
  readonly samples: readonly Sample[];
  /** Whether a picture may have several labels, or none. */
  readonly multiLabel?: boolean;
}

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
  const loose = found.filter((e) => e.kind === 'file' && isPicture(e.name)).length;
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

function isPicture(name: string): boolean {
  return IMAGE_EXTENSIONS.some((e) => name.toLowerCase().endsWith(`.${e}`));
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
  const paths = entries.filter((e) => e.kind === 'file' && isPicture(e.name)).map((e) => joinPath(folder, e.name));
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

/** How to split a folder that has no test sub-folder. */
export interface SplitOptions {
  /** Share of each class that is held out; 0.2. */
  readonly holdOut?: number;
  readonly seed?: number;
}

const TEST_FOLDERS: readonly string[] = ['val', 'valid', 'validation', 'test'];

/**
 * Reads `train` and the first of `val`, `valid`, `validation`, `test` where a folder has them; otherwise the folder
 * itself, a share of each class held out.
 */
export async function readSplits(files: Files, folder: string, options: SplitOptions = {}): Promise<Splits> {
  const inside = (await files.list(folder)).filter((e) => e.kind === 'folder').map((e) => e.name);
  if (!inside.includes('train')) {
    const whole = await readImageFolder(files, folder);
    return { ...splitDataset(whole, options), testFolder: null };
  }
  const testFolder = TEST_FOLDERS.find((name) => inside.includes(name)) ?? null;
  const train = await readImageFolder(files, joinPath(folder, 'train'));
  if (testFolder === null) return { ...splitDataset(train, options), testFolder };
  const test = await readImageFolder(files, joinPath(folder, testFolder), { classes: train.classes });
  return { train, test, testFolder };
}

/** Holds out a share of each class, the same pictures for the same seed; every class stays in both parts. */
export function splitDataset(
  dataset: Dataset,
  { holdOut = 0.2, seed = 0 }: SplitOptions = {},
): { readonly train: Dataset; readonly test: Dataset } {
  if (!(holdOut > 0 && holdOut < 1)) {
    throw new Fault('config', `split: expected a share to hold out between 0 and 1, got ${holdOut}.`);
  }
  const byClass: Sample[][] = dataset.classes.map(() => []);
  for (const sample of dataset.samples) byClass[sample.label]!.push(sample);
  const held = new Set<Sample>();
  dataset.classes.forEach((name, label) => {
    const own = byClass[label]!;
    if (own.length < 2) {
      throw new Fault(
        'data',
        `split: expected at least two pictures of class "${name}", got ${own.length}. Add pictures, or a val folder.`,
      );
    }
    const count = Math.min(own.length - 1, Math.max(1, Math.round(own.length * holdOut)));
    for (const sample of random(seed, 'split', name).shuffle(own).slice(0, count)) held.add(sample);
  });
  const part = (inTest: boolean): Dataset => ({
    classes: dataset.classes,
    samples: dataset.samples.filter((s) => held.has(s) === inTest),
  });
  return { train: part(false), test: part(true) };
}

/** How many pictures each class has, by label. */
export function classCounts(dataset: Dataset): readonly number[] {
  const counts = new Array<number>(dataset.classes.length).fill(0);
  for (const { label } of dataset.samples) counts[label]!++;
  return counts;
}

/** `9 classes, 1547 pictures: activities 69, animals-nature 125, …`. */
export function describeDataset(dataset: Dataset): string {
  const counts = classCounts(dataset);
  const shown = dataset.classes.slice(0, 20).map((name, i) => `${name} ${counts[i]}`);
  const more = dataset.classes.length > 20 ? `, and ${dataset.classes.length - 20} more` : '';
  return `${dataset.classes.length} classes, ${dataset.samples.length} pictures: ${shown.join(', ')}${more}`;
}

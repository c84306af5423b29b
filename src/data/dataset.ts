import { Fault } from '../core/fault.ts';
import { random } from '../core/random.ts';

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

/** What the part of a data set that is judged on is called, the first that exists being taken. */
export const HELD_OUT_NAMES: readonly string[] = ['val', 'valid', 'validation', 'test'];

/** How to split a folder that has no test sub-folder. */
export interface SplitOptions {
  /** Share of each class that is held out; 0.2. */
  readonly holdOut?: number;
  readonly seed?: number;
}

/**
 * Holds out a share of each class, the same pictures for the same seed; every class stays in both parts. Of pictures
 * with several labels the rarest class chooses first, so that each class is held out by about its share.
 */
export function splitDataset(
  dataset: Dataset,
  { holdOut = 0.2, seed = 0 }: SplitOptions = {},
): { readonly train: Dataset; readonly test: Dataset } {
  if (!(holdOut > 0 && holdOut < 1)) {
    throw new Fault('config', `split: expected a share to hold out between 0 and 1, got ${holdOut}.`);
  }
  const held = dataset.multiLabel ? heldOfMany(dataset, holdOut, seed) : heldOfOne(dataset, holdOut, seed);
  const part = (inTest: boolean): Dataset => ({
    ...dataset,
    samples: dataset.samples.filter((s) => held.has(s) === inTest),
  });
  return { train: part(false), test: part(true) };
}

function heldOfOne(dataset: Dataset, holdOut: number, seed: number): ReadonlySet<Sample> {
  const byClass: Sample[][] = dataset.classes.map(() => []);
  for (const sample of dataset.samples) byClass[sample.label]!.push(sample);
  const held = new Set<Sample>();
  dataset.classes.forEach((name, label) => {
    const own = byClass[label]!;
    if (own.length === 0) return;
    if (own.length < 2) {
      throw new Fault(
        'data',
        `split: expected at least two pictures of class "${name}", got ${own.length}. Add pictures, or a val folder.`,
      );
    }
    const count = Math.min(own.length - 1, Math.max(1, Math.round(own.length * holdOut)));
    for (const sample of random(seed, 'split', name).shuffle(own).slice(0, count)) held.add(sample);
  });
  return held;
}

/**
 * The greedy half of iterative stratification: Sechidis et al., "On the Stratification of Multi-Label Data",
 * ECML PKDD 2011, section 3.2; the order of classes is that of their counts in the whole set.
 */
function heldOfMany(dataset: Dataset, holdOut: number, seed: number): ReadonlySet<Sample> {
  const counts = classCounts(dataset);
  const byClass: Sample[][] = dataset.classes.map(() => []);
  const bare: Sample[] = [];
  for (const sample of dataset.samples) {
    const labels = sample.labels ?? [];
    for (const label of labels) byClass[label]!.push(sample);
    if (labels.length === 0) bare.push(sample);
  }
  const held = new Set<Sample>();
  const settled = new Set<Sample>();
  const choose = (own: readonly Sample[], wanted: number, key: string): void => {
    const free = random(seed, 'split', key).shuffle(own.filter((s) => !settled.has(s)));
    const have = own.filter((s) => held.has(s)).length;
    free.forEach((sample, i) => {
      settled.add(sample);
      if (have + i < wanted) held.add(sample);
    });
  };
  const rarestFirst = dataset.classes.map((_, label) => label).sort((a, b) => counts[a]! - counts[b]! || a - b);
  for (const label of rarestFirst) {
    const own = byClass[label]!;
    const wanted = own.length < 2 ? 0 : Math.max(1, Math.round(own.length * holdOut));
    choose(own, wanted, dataset.classes[label]!);
  }
  choose(bare, Math.round(bare.length * holdOut), '');
  return held;
}

/** How many pictures each class has, by label; a picture with several labels counts for each. */
export function classCounts(dataset: Dataset): readonly number[] {
  const counts = new Array<number>(dataset.classes.length).fill(0);
  for (const { label, labels } of dataset.samples) for (const k of labels ?? [label]) counts[k]!++;
  return counts;
}

/** `9 classes, 1547 pictures: activities 69, animals-nature 125, …`. */
export function describeDataset(dataset: Dataset): string {
  const counts = classCounts(dataset);
  const shown = dataset.classes.slice(0, 20).map((name, i) => `${name} ${counts[i]}`);
  const more = dataset.classes.length > 20 ? `, and ${dataset.classes.length - 20} more` : '';
  const several = dataset.multiLabel ? ' with any number of labels' : '';
  const { length } = dataset.samples;
  return `${dataset.classes.length} classes, ${length} pictures${several}: ${shown.join(', ')}${more}`;
}

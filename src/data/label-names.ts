import { Fault } from '../core/fault.ts';
import { didYouMean } from '../core/suggest.ts';
import type { Dataset, Sample } from './dataset.ts';
import type { ProblemLog } from './problems.ts';
import { checkClassCount, type RawSample, type SourceOptions, whereIs } from './source.ts';

/** What labels mean: the classes, and whether a picture may have several. */
export interface Meaning {
  readonly classes: readonly string[];
  /** Whether the list of classes was given; labels may then be places in it. */
  readonly given: boolean;
  readonly several: boolean;
}

/** The separate labels of a sample: cells taken apart where several may stand in one. */
export function labelTexts(
  { labels, apart }: RawSample,
  several: boolean,
  separator: string | null,
): readonly string[] {
  const texts = several && !apart ? labels.flatMap((l) => l.split(separator ?? /[|;]/)) : labels;
  return [...new Set(texts.map(tidy).filter((l) => l !== ''))];
}

/** A label as it is compared: no blanks around it, and `3` where a table of numbers says `3.0`. */
function tidy(text: string): string {
  return text.trim().replace(/^(\d+)\.0+$/, '$1');
}

/**
 * The classes that occur in samples, in order: whole numbers by size, other names as their characters are numbered. Each
 * number that occurs is a class, so that 0 to K − 1 keep their meaning.
 */
export function occurringClasses(where: string, samples: Iterable<RawSample>, meaning: Split): readonly string[] {
  const found = new Set<string>();
  for (const sample of samples) {
    for (const label of labelTexts(sample, meaning.several, meaning.separator)) found.add(label);
  }
  checkClassCount(where, found.size);
  const names = [...found];
  if (names.every((n) => /^\d{1,15}$/.test(n))) return names.sort((a, b) => Number(a) - Number(b) || byCode(a, b));
  return names.sort(byCode);
}

/** How cells are taken apart. */
export interface Split extends Pick<Meaning, 'several'> {
  readonly separator: SourceOptions['labelSeparator'];
}

function byCode(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Labels of samples as numbers; a sample with a label that is none of the classes is left out and told to the log. */
export function labelled(
  source: string,
  samples: Iterable<RawSample>,
  { classes, given, several, separator, log }: Meaning & Split & { readonly log: ProblemLog },
): Dataset {
  const placeOf = placesOf(classes, given);
  const out: Sample[] = [];
  for (const raw of samples) {
    const texts = labelTexts(raw, several, separator);
    const where = (): string => whereIs(source, raw);
    if (!several && texts.length !== 1) {
      const got = texts.length === 0 ? 'none' : `${texts.length}`;
      log.add(
        'bad label',
        () => `${where()}: expected one label, got ${got}. Say labels: "multi" where several may be.`,
      );
      continue;
    }
    const labels = texts.map(placeOf);
    const stranger = labels.indexOf(undefined);
    if (stranger >= 0) {
      log.add('bad label', () => `${where()}: ${strangeLabel(texts[stranger]!, classes)}`);
      continue;
    }
    const known = (labels as readonly number[]).toSorted((a, b) => a - b);
    const { path, bytes, name } = raw;
    const own = { path, label: known[0] ?? -1, ...(bytes && { bytes }), ...(name !== undefined && { name }) };
    out.push(several ? { ...own, labels: known } : own);
  }
  return { classes, samples: out, ...(several && { multiLabel: true }) };
}

/** Where a label stands among the classes: by name, or by number where the list was given and its names are no numbers. */
function placesOf(classes: readonly string[], given: boolean): (text: string) => number | undefined {
  const places = new Map(classes.map((name, i) => [name, i]));
  const byNumber = given && classes.some((name) => !/^\d+$/.test(name));
  return (text) => {
    const named = places.get(text);
    if (named !== undefined || !byNumber || !/^\d{1,6}$/.test(text) || Number(text) >= classes.length) return named;
    return Number(text);
  };
}

function strangeLabel(text: string, classes: readonly string[]): string {
  const shown = text.slice(0, 80);
  const near = classes.slice(0, 500).map((c) => c.slice(0, 80)); // bounded: comparing names takes the product of their lengths
  const wanted = `one of the ${classes.length} classes`;
  return `expected ${wanted}, got "${shown}". ${didYouMean(shown, near)}`;
}

/** Refuses a class list with fewer than two names, an empty one, or one twice. */
export function checkClassNames(where: string, names: readonly string[], several: boolean): void {
  checkUnique(where, names);
  const least = several ? 1 : 2;
  if (names.length >= least) return;
  throw new Fault('data', `${where}: expected at least ${least} classes, got ${names.length}.`);
}

/** Refuses a name twice, and an empty one. */
export function checkUnique(where: string, names: readonly string[]): void {
  const seen = new Set<string>(['']);
  for (const name of names) {
    if (!seen.has(name)) seen.add(name);
    else throw new Fault('data', `${where}: expected another name for each class, got "${name}" twice or none.`);
  }
}

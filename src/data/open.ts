import { Fault } from '../core/fault.ts';
import { readCsvSource } from './csv-source.ts';
import { type Dataset, HELD_OUT_NAMES, type Sample, type SplitOptions, splitDataset } from './dataset.ts';
import type { Files } from './files.ts';
import { readImageFolder, readSplits } from './image-folder.ts';
import { checkClassNames, labelled, type Meaning, occurringClasses } from './label-names.ts';
import { locate, type Place } from './locate.ts';
import { type DataProblems, describeProblems, type ProblemLog, problemLog } from './problems.ts';
import { nameOf, sameContent } from './same-content.ts';
import { type DataFormat, type RawData, type RawSample, SOURCE_DEFAULTS, type SourceOptions } from './source.ts';
import { readShards } from './webdataset.ts';

/** How to open a data set; what is left out is found by looking. */
export type OpenOptions = Partial<SourceOptions> & SplitOptions;

/** What to train on and what to judge by, with the same classes. */
export interface OpenedData {
  readonly format: DataFormat;
  readonly train: Dataset;
  readonly test: Dataset;
  /** Where the pictures that are judged on come from; null where a share was held out. */
  readonly heldOutFrom: string | null;
  /** What was left out. */
  readonly problems: DataProblems;
}

/**
 * Opens labelled pictures: a folder of classes (torchvision's ImageFolder), a CSV table that names files, or shards of
 * WebDataset. No picture is read, unless equal content is looked for.
 */
export async function openDataset(files: Files, path: string, options: OpenOptions = {}): Promise<OpenedData> {
  const opening = await prepare(files, options);
  const place = await locate(files, path, opening.source);
  const parts = place.format === 'folder' ? await folderParts(path, opening) : await rawParts(path, place, opening);
  const { format } = place;
  const { train, test } = await withoutTwins(parts, opening);
  for (const [part, name] of [
    [train, 'training'],
    [test, 'validation'],
  ] as const) {
    if (part.samples.length === 0) throw nothing(`${path}: expected pictures for ${name}`, opening.log);
  }
  return { format, train, test, heldOutFrom: parts.heldOutFrom, problems: opening.log.result() };
}

/** Opens labelled pictures, unsplit, for a network that already knows its classes. */
export async function openLabelled(
  files: Files,
  path: string,
  options: OpenOptions & { readonly classes: readonly string[] },
): Promise<{ readonly format: DataFormat; readonly dataset: Dataset; readonly problems: DataProblems }> {
  const opening = await prepare(files, options);
  const { log } = opening;
  const place = await locate(files, path, opening.source);
  const { format } = place;
  if (place.format === 'folder') {
    return { format, dataset: await readImageFolder(files, path, options), problems: log.result() };
  }
  const raw = await readRaw(place, place.train, opening);
  const dataset = labelled(path, raw.samples, meaningOf(path, raw, raw.samples, opening));
  if (dataset.samples.length === 0) throw nothing(`${path}: expected pictures`, log);
  return { format, dataset, problems: log.result() };
}

interface Opening {
  readonly files: Files;
  readonly source: SourceOptions;
  /** Names of the classes where they were given. */
  readonly known: readonly string[] | null;
  readonly split: SplitOptions;
  readonly log: ProblemLog;
}

interface Parts {
  readonly train: Dataset;
  readonly test: Dataset;
  readonly heldOutFrom: string | null;
}

async function prepare(files: Files, options: OpenOptions): Promise<Opening> {
  const source = { ...SOURCE_DEFAULTS, ...options };
  const { holdOut, seed } = options;
  const split = { ...(holdOut !== undefined && { holdOut }), ...(seed !== undefined && { seed }) };
  const { classes } = source;
  const known = typeof classes === 'string' ? await readClassList(files, classes) : classes;
  if (known) checkClassNames('classes', known, true);
  return { files, source, known, split, log: problemLog(source.strict) };
}

/** Names of classes, one a line of a text file; empty lines are passed over. */
async function readClassList(files: Files, path: string): Promise<readonly string[]> {
  const text = new TextDecoder().decode(await files.read(path, 16 * 1024 ** 2));
  if (text.includes('\0')) throw new Fault('data', `${path}: expected names of classes, one a line, got a NUL.`);
  const lines = text.split(/\r\n|\n|\r/).map((line) => line.trim());
  return lines.filter((line) => line !== '');
}

function nothing(wanted: string, log: ProblemLog): Fault {
  return new Fault('data', `${wanted}, got none. ${describeProblems(log.result())}`.trimEnd());
}

async function folderParts(path: string, { files, source, known, split }: Opening): Promise<Parts> {
  const classes = known === null ? {} : { classes: known };
  const { validation } = source;
  if (validation === null) {
    const { train, test, testFolder } = await readSplits(files, path, { ...split, ...classes });
    return { train, test, heldOutFrom: testFolder };
  }
  const train = await readImageFolder(files, path, classes);
  const test = await readImageFolder(files, validation, { classes: train.classes });
  return { train, test, heldOutFrom: validation };
}

async function rawParts(path: string, place: Exclude<Place, { format: 'folder' }>, opening: Opening): Promise<Parts> {
  const { source, log } = opening;
  const raw = await readRaw(place, place.train, opening);
  const { validation } = source;
  const other = validation === null ? place.heldOut : await heldOutPlace(validation, place.format, opening);
  if (other !== null) {
    const heldOut = await readRaw(place, other, opening);
    const own = partition(path, raw.samples, log);
    const samples = own?.train ?? raw.samples;
    const meaning = meaningOf(path, { ...raw, several: raw.several || heldOut.several }, samples, opening);
    const train = labelled(path, samples, meaning);
    const from = validation ?? [other].flat()[0]!;
    return { train, test: labelled(from, heldOut.samples, meaning), heldOutFrom: from };
  }
  const own = partition(path, raw.samples, log);
  const meaning = meaningOf(path, raw, own?.train ?? raw.samples, opening);
  if (own?.heldOut) {
    const { name, samples } = own.heldOut;
    const train = labelled(path, own.train, meaning);
    return { train, test: labelled(path, samples, meaning), heldOutFrom: `the rows of ${name}` };
  }
  const whole = labelled(path, own?.train ?? raw.samples, meaning);
  if (whole.samples.length === 0) throw nothing(`${path}: expected pictures`, log);
  return { ...splitDataset(whole, opening.split), heldOutFrom: null };
}

async function heldOutPlace(path: string, format: DataFormat, opening: Opening): Promise<string | readonly string[]> {
  const place = await locate(opening.files, path, { ...opening.source, format });
  if (place.format === 'folder') throw new Fault('data', `${path}: expected the format ${format}, got a folder.`);
  return place.train;
}

async function readRaw(
  { format }: Pick<Place, 'format'>,
  paths: string | readonly string[],
  { files, source, log }: Opening,
): Promise<RawData> {
  const reading = { options: source, log };
  if (format === 'csv' && typeof paths === 'string') return readCsvSource(files, paths, reading);
  return readShards(files, [paths].flat(), reading);
}

/** What labels mean, by what was given or what occurs in training. */
function meaningOf(
  path: string,
  raw: RawData,
  samples: readonly RawSample[],
  { source, known, log }: Opening,
): Meaning & { readonly separator: string | null; readonly log: ProblemLog } {
  const { labels, labelSeparator: separator } = source;
  const several = labels === 'auto' ? raw.several : labels === 'multi';
  const classes = known ?? raw.names ?? occurringClasses(path, samples, { several, separator });
  if (samples.length === 0) throw nothing(`${path}: expected pictures`, log);
  checkClassNames(path, classes, several);
  return { classes, given: known !== null, several, separator, log };
}

const TRAIN_NAMES: readonly string[] = ['train', 'training'];

/** Rows by what they say of their part; null where none says anything. */
function partition(
  path: string,
  samples: readonly RawSample[],
  log: ProblemLog,
): {
  readonly train: RawSample[];
  readonly heldOut: { readonly name: string; readonly samples: RawSample[] } | null;
} | null {
  if (samples.every((s) => s.split === null)) return null;
  const parts = new Map<string, RawSample[]>(HELD_OUT_NAMES.map((name) => [name, []]));
  const train: RawSample[] = [];
  for (const sample of samples) {
    const said = (sample.split ?? '').toLowerCase();
    const part = TRAIN_NAMES.includes(said) ? train : parts.get(said);
    if (part) part.push(sample);
    else {
      const wanted = ['train', ...HELD_OUT_NAMES].join(', ');
      const got = JSON.stringify(said.slice(0, 40));
      log.add('bad row', () => `${path}, line ${sample.line}: expected a part of ${wanted}, got ${got}.`);
    }
  }
  const name = HELD_OUT_NAMES.find((n) => parts.get(n)!.length > 0);
  return { train, heldOut: name === undefined ? null : { name, samples: parts.get(name)! } };
}

/** Leaves out of training what is judged on, and, where asked for, pictures of equal content. */
async function withoutTwins(
  { train, test, heldOutFrom }: Parts,
  { files, source, log }: Opening,
): Promise<{ readonly train: Dataset; readonly test: Dataset }> {
  const judged = heldOutFrom === null ? new Set<string>() : new Set(test.samples.map(nameOf));
  const leaves = (sample: Sample): boolean => {
    const twice = judged.has(nameOf(sample));
    if (twice) log.add('in both parts', () => `${nameOf(sample)}: expected in one part, got it in both.`);
    return twice;
  };
  const own = train.samples.filter((s) => !leaves(s));
  if (!source.sameContent)
    return { train: own.length === train.samples.length ? train : { ...train, samples: own }, test };
  const heldOut = new Set(test.samples);
  const same = await sameContent(files, [...test.samples, ...own]);
  for (const [later, earlier] of same) {
    const both = heldOut.has(earlier) && !heldOut.has(later);
    const twin = `${nameOf(later)}: expected other content than ${nameOf(earlier)}, got the same bytes.`;
    log.add(both ? 'in both parts' : 'duplicate', () => twin);
  }
  const rest = (samples: readonly Sample[]): readonly Sample[] => samples.filter((s) => !same.has(s));
  return { train: { ...train, samples: rest(own) }, test: { ...test, samples: rest(test.samples) } };
}

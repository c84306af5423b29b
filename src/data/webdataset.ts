import { messageOf } from '../core/fault.ts';
import type { Files, OpenFile } from './files.ts';
import { looksLikePicture } from './image.ts';
import type { ProblemLog } from './problems.ts';
import type { RawData, RawSample, SourceOptions } from './source.ts';
import { type TarMember, tarMembers, windowed } from './tar.ts';

/** The most bytes of a `.cls`, `.txt` or `.json` that are read. */
const MAX_LABEL_BYTES = 1024 ** 2;

/** The longest label, in characters. */
const MAX_LABEL = 1024;

/** Shards whose headers are read at a time. */
const LANES = 8;

/** Endings that hold a label, in the order in which they are believed. */
const LABEL_ENDINGS: readonly string[] = ['cls', 'json', 'txt'];

/** Keys of a `.json` that hold the label or labels, in the order in which they are believed. */
const JSON_KEYS: readonly string[] = [
  'label',
  'labels',
  'cls',
  'class',
  'class_id',
  'class_name',
  'category',
  'target',
];

/**
 * Indexes shards of WebDataset: members of one key (the name up to its first dot) that stand together are a sample, its
 * picture `.jpg`, `.png`, `.webp`, `.avif` or `.gif`, its label `.cls`, `.json` or `.txt`. Pictures stay where they are;
 * a sample says which bytes of its shard are its picture. Samples come in the order of the shards.
 *
 * A shard that cannot be read to its end gives what stands before the damage; it, samples without a picture or a label
 * and keys that come twice in a shard are told to the log.
 */
export async function readShards(
  files: Files,
  paths: readonly string[],
  { options, log }: { readonly options: SourceOptions; readonly log: ProblemLog },
): Promise<RawData> {
  const shards: RawSample[][] = paths.map(() => []);
  let several = false;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < paths.length) {
      const index = next++;
      const path = paths[index]!;
      try {
        for await (const { sample, list } of shardSamples(files, path, { options, log })) {
          shards[index]!.push(sample);
          several ||= list;
        }
      } catch (error) {
        log.add('unreadable shard', () => messageOf(error));
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { samples: shards.flat(), names: null, several };
}

interface Reading {
  readonly options: SourceOptions;
  readonly log: ProblemLog;
}

/** A sample, and whether its label was a list. */
interface Labelled {
  readonly sample: RawSample;
  readonly list: boolean;
}

async function* shardSamples(
  files: Files,
  path: string,
  { options, log }: Reading,
): AsyncGenerator<Labelled, void, undefined> {
  const file = windowed(await files.open(path));
  const seen = new Set<string>();
  try {
    for await (const group of groups(file, path)) {
      if (seen.has(group.key)) {
        log.add('duplicate', () => `${path}, ${group.key}: expected each key once in a shard, got it again.`);
        continue;
      }
      seen.add(group.key);
      const result = await labelledSample(group, options, (m) => file.read(m.offset, m.size));
      if (typeof result === 'string') log.add('bad sample', () => `${path}, ${group.key}: expected ${result}.`);
      else yield { ...result, sample: { ...result.sample, path } };
    }
  } finally {
    await file.close();
  }
}

/** Members of one key. */
interface Group {
  readonly key: string;
  readonly members: Map<string, TarMember>;
}

/** Members that stand together under one key; where the file is damaged, those before, then the fault. */
async function* groups(file: OpenFile, path: string): AsyncGenerator<Group, void, undefined> {
  let group = null as Group | null;
  let damage: { readonly cause: unknown } | null = null;
  try {
    for await (const member of tarMembers(file, path)) {
      const { key, ending } = keyOf(member.name);
      if (key === null) continue;
      if (group?.key !== key) {
        if (group) yield group;
        group = { key, members: new Map() };
      }
      group.members.set(ending, member);
    }
  } catch (cause) {
    damage = { cause };
  }
  const whole = group !== null && (damage === null || LABEL_ENDINGS.some((e) => group?.members.has(e)));
  if (group && whole) yield group;
  if (damage) throw damage.cause;
}

/** `dir/001.seg.png` is key `dir/001`, ending `seg.png`; names without a key or an ending, or hidden ones, are none. */
function keyOf(name: string): { readonly key: string | null; readonly ending: string } {
  const slash = name.lastIndexOf('/') + 1;
  const dot = name.indexOf('.', slash);
  if (dot <= slash) return { key: null, ending: '' };
  return { key: name.slice(0, dot), ending: name.slice(dot + 1).toLowerCase() };
}

/** The picture and the label of a group, or what was expected and not found. */
async function labelledSample(
  { key, members }: Group,
  options: SourceOptions,
  read: (member: TarMember) => Promise<Uint8Array>,
): Promise<Labelled | string> {
  if (/\p{Cc}/u.test(key)) return 'a name without control characters, got one with some';
  const picture = [...members].find(([ending]) => !ending.includes('.') && looksLikePicture(`.${ending}`));
  if (picture === undefined) return `a picture among ${[...members.keys()].slice(0, 8).join(', ')}, got none`;
  const [ending, { offset, size }] = picture;
  if (size === 0) return 'bytes in its picture, got none';
  const label = await labelOf(members, options, read);
  if (typeof label === 'string') return label;
  const place = { bytes: { offset, length: size }, name: `${key}.${ending}` };
  const sample: RawSample = {
    path: '',
    ...place,
    labels: label.labels,
    split: null,
    ...(label.list && { apart: true }),
  };
  return { sample, list: label.list };
}

interface Label {
  readonly labels: readonly string[];
  readonly list: boolean;
}

async function labelOf(
  members: ReadonlyMap<string, TarMember>,
  options: SourceOptions,
  read: (member: TarMember) => Promise<Uint8Array>,
): Promise<Label | string> {
  const ending = LABEL_ENDINGS.find((e) => members.has(e));
  if (ending === undefined) return `a label in ${LABEL_ENDINGS.map((e) => `.${e}`).join(', ')}, got none`;
  const member = members.get(ending)!;
  if (member.size > MAX_LABEL_BYTES) return `at most ${MAX_LABEL_BYTES} bytes in .${ending}, got ${member.size}`;
  const text = new TextDecoder().decode(await read(member));
  if (text.includes('\0')) return `text in .${ending}, got a NUL`;
  const label = ending === 'json' ? jsonLabel(text, options) : cellLabel(text);
  if (typeof label === 'string') return label;
  if (label.labels.some((l) => l.length > MAX_LABEL))
    return `a label of at most ${MAX_LABEL} characters, got a longer one`;
  return label;
}

function cellLabel(text: string): Label {
  return { labels: [text.trim()], list: false };
}

function jsonLabel(text: string, { columns }: SourceOptions): Label | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return 'JSON in .json, got something else';
  }
  const keys = columns.labels === undefined ? JSON_KEYS : [columns.labels].flat().map(String);
  const isObject = typeof json === 'object' && json !== null && !Array.isArray(json);
  const key = isObject ? keys.find((k) => Object.hasOwn(json as object, k)) : undefined;
  if (isObject && key === undefined) return `${keys.slice(0, 4).join(', ')} in .json, got none`;
  const value = key === undefined ? json : (json as Readonly<Record<string, unknown>>)[key];
  const list = Array.isArray(value);
  const labels = list ? (value as readonly unknown[]) : [value];
  const isLabel = (l: unknown): l is string | number =>
    typeof l === 'string' || (typeof l === 'number' && Number.isFinite(l));
  if (!labels.every(isLabel)) return 'a name, a number or a list of them in .json, got something else';
  return { labels: labels.map(String), list };
}

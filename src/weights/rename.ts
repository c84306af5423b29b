import { Fault } from '../core/fault.ts';
import type { NameTable } from '../core/name-table.ts';
import { sameShape } from '../core/shape.ts';
import { renamed } from './names.ts';

/** A tensor as far as its name and shape say. */
export interface ShapedName {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Which tensor of a file is which of a network's, and by whose names. */
export interface NameFit {
  /** Whose names they are. */
  readonly source: string;
  /** What stood in front of the file's names, such as `module.`; empty where nothing did. */
  readonly prefix: string;
  /** The file's name for each of the network's names that it has, whatever its shape. */
  readonly names: ReadonlyMap<string, string>;
  /** How many of those have the network's shape. */
  readonly fitting: number;
  /** A file's name as the network would say it, had it that tensor. */
  readonly rename: (theirs: string) => string;
}

/** The most tensors that a file may have to be compared by name: the largest networks have some thousands. */
const MOST_TENSORS = 20_000;
/** The most prefixes that are tried, the commonest first. */
const MOST_PREFIXES = 8;
/** Dots that a wrapper's prefix has at most: `state_dict.model.module.backbone.` has four. */
const PREFIX_DOTS = 4;

/** Whether two shapes hold the same values: [C, 1, 1] is [C], a kernel of one frame is one without frames. */
export function sameButOnes(a: readonly number[], b: readonly number[]): boolean {
  return sameShape(
    a.filter((d) => d !== 1),
    b.filter((d) => d !== 1),
  );
}

/**
 * The rename table, and the prefix in front of it, by which most tensors of a file fit a network: by name and shape,
 * then by name, then by the order of the tables.
 */
export function fitNames(
  wanted: readonly ShapedName[],
  found: ReadonlyMap<string, Pick<ShapedName, 'shape'>>,
  tables: readonly NameTable[],
): NameFit {
  if (found.size > MOST_TENSORS) {
    throw new Fault('data', `weights: expected at most ${MOST_TENSORS} tensors, got ${found.size}.`);
  }
  const shapes = new Map(wanted.map((w) => [w.name, w.shape]));
  const prefixes = ['', ...commonPrefixes([...found.keys()])];
  const all = tables.flatMap((table) => prefixes.map((prefix) => ({ table, prefix })));
  const some = sampleOf(found);
  const likely = all.filter((reading) => fitOf(shapes, some, reading).names.size > 0);
  let best: NameFit | undefined;
  for (const reading of likely.length > 0 ? likely : all) {
    const fit = fitOf(shapes, found, reading);
    if (!best || fit.fitting > best.fitting || (fit.fitting === best.fitting && fit.names.size > best.names.size)) {
      best = fit;
    }
    if (best.fitting === wanted.length) return best;
  }
  return best ?? { source: 'no names', prefix: '', names: new Map(), fitting: 0, rename: (name) => name };
}

/** Names by which a reading is tried before all are read. */
const SAMPLE = 64;

/** Some entries of a map, spread over all of it. */
function sampleOf<T>(map: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  const step = Math.ceil(map.size / SAMPLE);
  return new Map([...map].filter((_, i) => i % step === 0));
}

/** Beginnings up to a dot that many names share, the commonest first and a shorter one before a longer. */
function commonPrefixes(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) {
    let dot = name.indexOf('.');
    for (let i = 0; i < PREFIX_DOTS && dot >= 0; i++) {
      const prefix = name.slice(0, dot + 1);
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
      dot = name.indexOf('.', dot + 1);
    }
  }
  return [...counts]
    .filter(([, count]) => count * 20 >= names.length)
    .sort(([a, n], [b, m]) => m - n || a.length - b.length)
    .slice(0, MOST_PREFIXES)
    .map(([prefix]) => prefix);
}

function fitOf(
  shapes: ReadonlyMap<string, readonly number[]>,
  found: ReadonlyMap<string, Pick<ShapedName, 'shape'>>,
  { table, prefix }: { readonly table: NameTable; readonly prefix: string },
): NameFit {
  const names = new Map<string, string>();
  let fitting = 0;
  const rename = (theirs: string): string =>
    renamed(theirs.startsWith(prefix) ? theirs.slice(prefix.length) : theirs, table.rules);
  for (const [theirs, { shape }] of found) {
    const ours = rename(theirs);
    const want = shapes.get(ours);
    if (!want || names.has(ours)) continue;
    names.set(ours, theirs);
    if (sameButOnes(want, shape)) fitting += 1;
  }
  return { source: table.source, prefix, names, fitting, rename };
}

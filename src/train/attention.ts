import type { RgbImage } from '../core/resize.ts';
import { float32, floats, int64, type Tensor } from '../core/tensor.ts';
import { preprocess } from '../data/transform.ts';
import type { Runtime } from '../engine/runtime.ts';
import { createSession } from '../engine/session.ts';
import { lowerAggregates } from '../graph/aggregate/index.ts';
import type { Dim } from '../graph/dimension.ts';
import { input } from '../graph/trace.ts';
import type { Value } from '../graph/value.ts';
import { type Tap, traceNetwork } from '../model/scope.ts';
import { type AttentionMap, meanOverHeads } from '../result/attention.ts';
import type { Classifier } from './classifier.ts';
import type { EngineConfig } from './config.ts';
import { engineOptions } from './engine-options.ts';
import { denormalised } from './first-batches.ts';
import { traceInference } from './network.ts';

/** Affinities that are read: the last ones of this many stages. */
const MOST_MAPS = 4;

/** A place in a prepared picture, as shares of its width and height: (0, 0) is the upper left corner. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** What one affinity of a network reads in a picture. */
export interface ReadMap {
  /** Path of the affinity in the network. */
  readonly tap: string;
  /** How much is read from each position, the mean over heads. */
  readonly map: AttentionMap;
  /** The position that reads; absent where all positions read alike. A cell of the map. */
  readonly query?: { readonly row: number; readonly column: number };
}

/** What a network says of a picture, and what it reads to say so. */
export interface AttentionReading {
  /** [K] */
  readonly logits: Float32Array;
  /** One for each stage that has an affinity over positions, at most four. */
  readonly maps: readonly ReadMap[];
}

/** A classifier loaded to be watched. */
export interface AttentionReader {
  /** A prepared picture x [1, 3, S, S]; `place` reads, the middle where absent. */
  read(x: Tensor, place?: Place): Promise<AttentionReading>;
  /** A picture as it is; `seen` [S, S, 3] is what of it the network sees, for maps to be drawn on. */
  look(picture: RgbImage, place?: Place): Promise<AttentionReading & { readonly seen: RgbImage }>;
  release(): Promise<void>;
}

/** Loads a classifier so that its affinities can be read; null for a network that has none over positions. */
export async function attentionReader(
  runtime: Runtime,
  { network, facts, weights }: Classifier,
  engine: EngineConfig,
): Promise<AttentionReader | null> {
  const { transform } = facts;
  const shape = { batch: 1, size: transform.size, provider: engine.provider };
  const names = readTaps([...traceInference(network, { ...shape, taps: () => true }).taps.values()]);
  if (names.length === 0) return null;
  const x = { shape: [1, 3, transform.size, transform.size] };
  const traced = traceNetwork(network, { inputs: { x }, mode: 'inference', taps: (path) => names.includes(path) });
  const taps = [...traced.taps.values()];
  const { outputs } = lowerAggregates(watched(traced.outputs.get('logits')!, taps), {
    provider: engine.provider,
    training: false,
  });
  const session = await createSession(runtime, outputs, {
    ...engineOptions(engine),
    constants: new Map([...weights].filter(([name]) => traced.parameters.has(name))),
  });
  const read: AttentionReader['read'] = async (x, place = { x: 0.5, y: 0.5 }) => {
    const results = await session.run({
      x,
      ...Object.fromEntries(taps.flatMap((tap) => positionOf(tap, place) ?? [])),
    });
    const maps = taps.map((tap) => mapOf(tap, results[`tap/${tap.name}`]!, place));
    return { logits: floats(results['logits']!), maps };
  };
  return {
    read,
    look: async (picture, place) => {
      const data = preprocess(picture, transform);
      const reading = await read(float32([1, 3, transform.size, transform.size], data), place);
      return { ...reading, seen: denormalised(data, transform) };
    },
    release: () => session.release(),
  };
}

/** The logits, and of each affinity the row that is read: the whole of it may be larger than memory. */
function watched(logits: Value, taps: readonly Tap[]): Map<string, Value> {
  const outputs = new Map([['logits', logits]]);
  for (const tap of taps) {
    const { name, rows, value } = tap;
    outputs.set(`tap/${name}`, rows && isByRow(tap) ? rows(input(`query/${name}`, 'int64', [1])) : value);
  }
  return outputs;
}

/** Whether one row of an affinity is asked for: it gives rows, and its positions do not all read alike. */
function isByRow(tap: Tap): boolean {
  return tap.rows !== undefined && gridsOf(tap)!.queries !== null;
}

/** The input that says which row of an affinity is read. */
function positionOf(tap: Tap, place: Place): [[string, Tensor]] | undefined {
  if (!isByRow(tap)) return undefined;
  const queries = gridsOf(tap)!.queries!;
  const { row, column } = cellOf(place, queries);
  return [[`query/${tap.name}`, int64([1], [row * queries.columns + column])]];
}

/** Taps whose keys are the positions of a picture, the last of each stage. */
function readTaps(taps: readonly Tap[]): readonly string[] {
  const lastOfStage = new Map<string, string>();
  for (const tap of taps) if (gridsOf(tap)) lastOfStage.set(tap.name.split('.')[0]!, tap.name);
  return [...lastOfStage.values()].slice(-MOST_MAPS);
}

interface Grid {
  readonly rows: number;
  readonly columns: number;
}

/**
 * The positions that read, null where all read alike, and those that are read, of an affinity
 * `n head (h w) (h w)`; undefined for other taps, such as one whose keys are places of a window, `(dy dx)`.
 */
function gridsOf({ axes, sizes }: Tap): { readonly queries: Grid | null; readonly keys: Grid } | undefined {
  const groups = axes.match(/\([^)]*\)|\S+/g) ?? [];
  const grid = (group: string | undefined): Grid | null => {
    const letters = group?.slice(1, -1).split(' ') ?? [];
    const [rows, columns] = letters.map((letter): Dim | undefined => sizes?.[letter]);
    const places = letters.every((letter) => /^k?[hw]$/.test(letter)); // offsets in a window lie on no picture
    return places && letters.length === 2 && typeof rows === 'number' && typeof columns === 'number'
      ? { rows, columns }
      : null;
  };
  const keys = groups[3] === '(dy dx)' ? null : grid(groups[3]);
  return groups.length === 4 && keys ? { queries: grid(groups[2]), keys } : undefined;
}

/** What the position at `place` reads. t [1, heads, queries, rows · columns], of which one query may be there alone */
function mapOf(tap: Tap, t: Tensor, place: Place): ReadMap {
  const { queries, keys } = gridsOf(tap)!;
  const [, heads, count] = t.shape as readonly [number, number, number];
  const positions = keys.rows * keys.columns;
  const own = queries && (isByRow(tap) || count > 1) ? cellOf(place, queries) : null;
  const reads = own && count > 1 ? own.row * queries!.columns + own.column : 0;
  const weights = new Float32Array(heads * positions);
  for (let h = 0; h < heads; h++) {
    const start = (h * count + reads) * positions;
    weights.set(floats(t).subarray(start, start + positions), h * positions);
  }
  const map = meanOverHeads(weights, keys.rows, keys.columns);
  return { tap: tap.name, map, ...(own && { query: cellOf(place, keys) }) };
}

/** The cell of a grid that a place lies in. */
function cellOf({ x, y }: Place, { rows, columns }: Grid): { readonly row: number; readonly column: number } {
  const cell = (share: number, count: number): number => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return { row: cell(y, rows), column: cell(x, columns) };
}

import { gradientsOf } from '../composite.ts';
import type { Dim } from '../dimension.ts';
import { add, mul, sub } from '../ops/elementwise.ts';
import { concat, reshape, slice } from '../ops/layout.ts';
import { matMul } from '../ops/matrix.ts';
import { recompute } from '../ops/recompute.ts';
import { reduceSum, reduceTo } from '../ops/reduce.ts';
import type { Value } from '../value.ts';
import { type Parts, readWith, weightsOf } from './affinity.ts';
import type { Affinity, Site } from './record.ts';

/** A use that reads everywhere, its tensors by head: the parts, values [N, heads, V, L], Q queries. */
export interface RowReading {
  readonly parts: Parts;
  readonly values: Value;
  readonly affinity: Affinity;
  readonly q: number;
  /** How many queries are read at once. */
  readonly rows: number;
}

/** The gradients of a {@link RowReading}; undefined where none was asked for. The mask has none. */
export interface RowGradients {
  readonly queries?: Value | undefined;
  readonly keys?: Value | undefined;
  readonly values?: Value | undefined;
  readonly scores?: Value | undefined;
  readonly prior?: Value | undefined;
}

type Name = keyof RowGradients;

/** Rows of the affinity that lie side by side are at most so many bytes, if they can be: a share of the last cache. */
const BLOCK_BYTES = 8e6;
/** Fewer rows than this make thin products, more keep the processor's units no busier. */
const [FEWEST, MOST] = [64, 256];

/** How many queries to read at once: blocks as large as the cache likes, all of a size. Sizes are those of a site. */
export function rowsAtOnce({ n, heads, q, l }: Readonly<Record<'n' | 'heads' | 'q' | 'l', number>>): number {
  const fitting = Math.floor(BLOCK_BYTES / (4 * n * heads * l));
  const rows = Math.min(Math.max(fitting, FEWEST), MOST);
  return Math.ceil(q / Math.ceil(q / rows));
}

/** Which axis of a tensor by head counts the queries. */
const QUERY_AXIS = { queries: 3, scores: 2, prior: 2, mask: 2 } as const;

interface Block {
  readonly start: number;
  readonly end: number;
}

function blocksOf({ q, rows }: RowReading): Block[] {
  return Array.from({ length: Math.ceil(q / rows) }, (_, i) => ({ start: i * rows, end: Math.min((i + 1) * rows, q) }));
}

function cut(x: Value, axis: number, { start, end }: Block): Value {
  return slice(x, { axes: [axis], starts: [start], ends: [end] });
}

/** The parts of some queries; each goes through `pass` once it is cut. */
function partsOfBlock(parts: Parts, block: Block, pass: (x: Value) => Value = (x) => x): Parts {
  const rows = (x: Value | undefined, axis: number): Value | undefined =>
    !x || x.shape[axis] === 1 ? x : pass(cut(x, axis, block));
  return {
    keys: parts.keys,
    queries: rows(parts.queries, QUERY_AXIS.queries),
    scores: rows(parts.scores, QUERY_AXIS.scores),
    prior: rows(parts.prior, QUERY_AXIS.prior),
    mask: rows(parts.mask, QUERY_AXIS.mask),
  };
}

/** The site of a reading, for `q` of its queries. */
export function siteFor({ parts, values, affinity }: Omit<RowReading, 'q' | 'rows'>, q: Dim): Site {
  const [n, heads, v, l] = values.shape as readonly [Dim, number, number, Dim];
  const d = Number(parts.queries?.shape[2] ?? 0);
  return {
    ...{ values, affinity, path: '', n, heads, runs: heads, layout: 'channels-first', space: [l], window: undefined },
    ...{ q, l, d, v },
  };
}

/** Reads for some hundred queries at a time, so that no more than their weights exist at once: [N, heads, V, Q]. */
export function readByRows(reading: RowReading): Value {
  const read = blocksOf(reading).map((block) => {
    const site = siteFor(reading, block.end - block.start);
    return readWith(reading.values, weightsOf(partsOfBlock(reading.parts, block), site)); // [N, heads, V, rows]
  });
  return concat(read, 3);
}

/**
 * Gradients of what was read, y [N, heads, V, Q] with gradient dy, in blocks of queries whose weights are computed again:
 *
 *     A = normalise(S), dV += dYᵀ A, dA = dY Vᵀ, dS = A ⊙ (dA − Σ_v dY ⊙ Y) of a softmax
 *
 * and the rest through S. Each block waits until the one before is done, so that memory is linear in the positions: the
 * engine would otherwise compute all blocks before it adds them up.
 */
export function gradientsByRows(
  reading: RowReading,
  [y, dy]: readonly [Value, Value],
  wanted: ReadonlySet<Name>,
): RowGradients {
  const softmax = reading.affinity.normalise === 'softmax';
  const delta = softmax ? reduceSum(mul(dy, y), [2]) : undefined; // [N, heads, 1, Q]
  const sums = new Map<Name, Value>();
  const pieces = new Map<Name, Value[]>();
  let token = dy;
  for (const block of blocksOf(reading)) {
    const waiting = (x: Value): Value => recompute(x, token);
    const parts = partsOfBlock(reading.parts, block, waiting);
    const upstream = {
      dy: waiting(cut(dy, 3, block)),
      delta: delta && turn(cut(delta, 3, block)),
    };
    const found = gradientsOfBlock({ ...reading, parts, q: block.end - block.start }, upstream);
    const fresh: Value[] = [];
    for (const name of wanted) {
      const g = found[name];
      if (!g) continue;
      if (isCut(name, reading.parts)) {
        pieces.set(name, [...(pieces.get(name) ?? []), g]);
        fresh.push(g);
      } else {
        const before = sums.get(name);
        sums.set(name, before ? add(before, g) : g);
        fresh.push(sums.get(name)!);
      }
    }
    token = fresh.map(first).reduce((a, b) => add(a, b));
  }
  const joined = [...pieces].map(
    ([name, g]) => [name, concat(g, QUERY_AXIS[name as keyof typeof QUERY_AXIS])] as const,
  );
  return Object.fromEntries([...sums, ...joined]);
}

/** Whether a tensor has queries of its own for each block. */
function isCut(name: Name, parts: Parts): boolean {
  if (name === 'keys' || name === 'values') return false;
  return parts[name]!.shape[QUERY_AXIS[name]] !== 1;
}

/** [N, heads, 1, R] → [N, heads, R, 1] */
function turn(x: Value): Value {
  const [n, heads, , rows] = x.shape as readonly [Dim, Dim, Dim, Dim];
  return reshape(x, [n, heads, rows, 1]);
}

/** The first element, [1]: it is there when all of x is. */
function first(x: Value): Value {
  const axes = x.shape.map((_, i) => i);
  return reshape(slice(x, { axes, starts: axes.map(() => 0), ends: axes.map(() => 1) }), [1]);
}

interface Upstream {
  /** [N, heads, V, R] */
  readonly dy: Value;
  /** Σ_v dy ⊙ y, [N, heads, R, 1], for a softmax. */
  readonly delta: Value | undefined;
}

function gradientsOfBlock(reading: RowReading, { dy, delta }: Upstream): RowGradients {
  const { parts, values, affinity, q } = reading;
  const site = siteFor(reading, q);
  const raw: Site = delta ? { ...site, affinity: { ...affinity, normalise: 'none' } } : site;
  const given = ['queries', 'keys', 'scores', 'prior'] as const;
  const names = given.filter((name) => parts[name]);
  const mask = delta ? undefined : parts.mask;
  const scoresOf = (inputs: readonly Value[]): Value =>
    weightsOf({ ...Object.fromEntries(names.map((name, i) => [name, inputs[i]!])), mask }, raw);
  const inputs = names.map((name) => parts[name]!);
  const scores = scoresOf(inputs); // of a softmax what goes into it, else the weights
  const normalised: Site = { ...site, affinity: { ...affinity, score: { kind: 'given' } } };
  const weights = delta ? weightsOf({ scores, mask: parts.mask }, normalised) : scores; // [N, heads, R, L]
  const dWeights = matMul(dy, values, { transA: true });
  const dScores = delta ? mul(weights, sub(dWeights, delta)) : dWeights;
  const found = gradientsOf(scoresOf, inputs, reduceTo(dScores, scores.shape));
  return {
    ...Object.fromEntries(names.map((name, i) => [name, found[i]])),
    values: reduceTo(matMul(dy, weights), values.shape),
  };
}

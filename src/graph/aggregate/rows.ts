import { float32, int64 } from '../../core/tensor.ts';
import { type Dim, known, knownShape } from '../dimension.ts';
import { gather } from '../ops/indexing.ts';
import { expand, pad, reshape, slice, transpose } from '../ops/layout.ts';
import { scatterElements } from '../ops/scatter.ts';
import { constant } from '../trace.ts';
import type { Value } from '../value.ts';
import { type LocalParts, localWeightsOf, partsOf, pick, turned, weightsOf } from './affinity.ts';
import type { Site } from './record.ts';
import { marginsOf, placesOf } from './window.ts';

/** The whole affinity, [N, heads, Q, L]: N heads Q L numbers, made only when something asks for them. */
export function affinityOf(site: Site): Value {
  if (site.affinity.reads.kind === 'everywhere') return weightsOf(partsOf(site), site);
  const q = known(site.q, `${site.path}: queries`);
  return affinityRows(
    site,
    constant(
      int64(
        [q],
        Array.from({ length: q }, (_, i) => i),
      ),
    ),
  );
}

/**
 * Rows of the affinity for chosen queries. `queries` int64 [R], positions in one line → [N, heads, R, L] over all L
 * positions, with zeros where a query does not read; a map that all queries share gives its single row. No other row is
 * computed.
 */
export function affinityRows(site: Site, queries: Value): Value {
  if (site.affinity.reads.kind !== 'everywhere') return spread(site, queries);
  const parts = partsOf(site);
  return weightsOf(
    {
      keys: parts.keys,
      queries: parts.queries && pick(parts.queries, queries, 3),
      scores: parts.scores && pick(parts.scores, queries, 2),
      prior: parts.prior && pick(parts.prior, queries, 2),
      mask: parts.mask && pick(parts.mask, queries, 2),
    },
    site,
  );
}

/** Rows by place of the window: [N, heads, R, K]. `queries` int64 [R]. */
export function windowRows(site: Site, queries: Value): Value {
  return turned(localWeightsOf(localRows(site, queries, tableOf(site)), site));
}

/** Which position each query reads at each place, in one line; beyond the border the number of positions. */
interface Table {
  /** int64 [K, Q] */
  readonly positions: Value;
  /** [1, 1, K, Q]: 1 on the map, 0 beyond its border. */
  readonly inside: Value;
  /** Numbers of places and of positions. */
  readonly k: number;
  readonly l: number;
}

function tableOf(site: Site): Table {
  const space = knownShape(site.space, `${site.path}: positions`);
  const queries = knownShape(site.affinity.querySpace, `${site.path}: queries`);
  const l = space.reduce((a, b) => a * b, 1);
  const reader = readerOf(site, space);
  const all = placesOf(queries);
  const read = reader.places.flatMap((place) => all.map((query) => lineOf(reader.at(query, place), space) ?? l));
  const [k, q] = [reader.places.length, all.length];
  return {
    positions: constant(int64([k, q], read)),
    inside: constant(
      float32(
        [1, 1, k, q],
        read.map((p) => (p < l ? 1 : 0)),
      ),
    ),
    ...{ k, l },
  };
}

interface Reader {
  readonly places: readonly (readonly number[])[];
  /** Where a query finds a place, along the axes of the positions. */
  readonly at: (query: readonly number[], place: readonly number[]) => readonly number[];
}

function readerOf(site: Site, space: readonly number[]): Reader {
  const { reads } = site.affinity;
  if (reads.kind === 'along') {
    const { axes } = reads;
    return {
      places: placesOf(axes.map((a) => space[a]!)),
      at: (query, place) => query.map((p, i) => (axes.includes(i) ? place[axes.indexOf(i)]! : p)),
    };
  }
  const window = site.window!;
  const { stride, dilation, size } = window;
  const margins = marginsOf(window);
  return {
    places: placesOf(size),
    at: (query, place) => query.map((p, i) => p * stride[i]! + place[i]! * dilation[i]! - margins[i]!),
  };
}

/** A position in one line; undefined beyond the border. */
function lineOf(position: readonly number[], space: readonly number[]): number | undefined {
  if (position.some((p, i) => p < 0 || p >= space[i]!)) return undefined;
  return position.reduce((line, p, i) => line * space[i]! + p, 0);
}

/** The parts of a use that chosen queries need. */
function localRows(site: Site, queries: Value, table: Table): LocalParts {
  const parts = partsOf(site);
  const along = site.affinity.reads.kind === 'along'; // its maps have queries first
  const cut = (map: Value | undefined): Value | undefined => map && pick(along ? turned(map) : map, queries, 3);
  const keys = (x: Value): Value => {
    const [n, heads, d] = x.shape as [Dim, Dim, Dim];
    const zero = pad(x, [0, 0, 0, 0], [0, 0, 0, 1]);
    const line = reshape(gather(table.positions, queries, 1), [-1]);
    return reshape(gather(zero, line, 3), [n, heads, d, table.k, queries.shape[0]!]);
  };
  const chosen = parts.queries && pick(parts.queries, queries, 3);
  return {
    queries: chosen && reshape(chosen, [...chosen.shape.slice(0, 3), 1, chosen.shape[3]!]),
    keys: parts.keys && keys(parts.keys),
    ...{ scores: cut(parts.scores), prior: cut(parts.prior), mask: cut(parts.mask) },
    inside: gather(table.inside, queries, 3),
  };
}

/** Rows over all positions, from what is read at each place. */
function spread(site: Site, queries: Value): Value {
  const table = tableOf(site);
  const weights = transpose(localWeightsOf(localRows(site, queries, table), site), [0, 1, 3, 2]); // [N, heads, R, K]
  const [n, r] = [weights.shape[0]!, queries.shape[0]!];
  const { heads } = site;
  const { k, l } = table;
  const read = transpose(gather(table.positions, queries, 1), [1, 0]); // [R, K]
  const shape = [n, heads, r, k];
  const none = expand(constant(float32([1, 1, 1, 1], [0])), [n, heads, r, l + 1]);
  const rows = scatterElements(none, expand(reshape(read, [1, 1, r, k]), shape), expand(weights, shape), { axis: 3 });
  return slice(rows, { axes: [3], starts: [0], ends: [l] });
}

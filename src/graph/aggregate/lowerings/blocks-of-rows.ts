import { addDim } from '../../dimension.ts';
import { concat, slice } from '../../ops/layout.ts';
import type { Value } from '../../value.ts';
import { mergeHeads, type Parts, partsOf, readWith, valuesOf, weightsOf } from '../affinity.ts';
import { plainMacs } from '../record.ts';
import { type Lowering, mapBytes, mapCopies, positionBytes } from './lowering.ts';

/** Queries that are read at once. */
const ROWS = 256;

/** The plain way for some hundred queries at a time: memory is linear in the positions. */
export const BLOCKS_OF_ROWS: Lowering = {
  refuses: ({ q }, { training }) => {
    if (training) return 'the derivative would keep every block';
    if (typeof q !== 'number') return 'the number of queries is not known';
    return q <= ROWS ? `there are no more than ${ROWS} queries` : undefined;
  },
  cost: (site) => ({
    macs: plainMacs(site),
    bytes: addDim(mapBytes({ ...site, q: ROWS }, mapCopies(site)), positionBytes(site)),
  }),
  pace: 1.5,
  build: (site) => {
    const parts = partsOf(site);
    const values = valuesOf(site);
    const blocks: Value[] = [];
    for (let start = 0; start < (site.q as number); start += ROWS) {
      const end = Math.min(start + ROWS, site.q as number);
      blocks.push(readWith(values, weightsOf(rowsOf(parts, start, end), site))); // [N, heads, V, rows]
    }
    return mergeHeads(concat(blocks, 3), site);
  },
};

function rowsOf(parts: Parts, start: number, end: number): Parts {
  const cut = (v: Value | undefined, axis: number): Value | undefined =>
    !v || v.shape[axis] === 1 ? v : slice(v, { axes: [axis], starts: [start], ends: [end] });
  return { queries: cut(parts.queries, 3), keys: parts.keys, scores: cut(parts.scores, 2), prior: cut(parts.prior, 2) };
}

import { addDim, type Dim } from '../../dimension.ts';
import { mergeHeads, partsOf, valuesOf } from '../affinity.ts';
import { aggregateByRows } from '../by-rows.ts';
import { plainMacs, type Site } from '../record.ts';
import { type RowReading, readByRows, rowsAtOnce } from '../row-blocks.ts';
import { type Lowering, mapBytes, mapCopies, positionBytes } from './lowering.ts';

/** Sizes that are known, or undefined. */
function sizesOf({ n, heads, q, l }: Site): Readonly<Record<'n' | 'heads' | 'q' | 'l', number>> | undefined {
  if (typeof n !== 'number' || typeof q !== 'number' || typeof l !== 'number') return undefined;
  return { n, heads, q, l };
}

/** Why blocks of rows cannot be laid out: they need sizes. */
export function unknownSizes(site: Site): string | undefined {
  return sizesOf(site) ? undefined : 'the numbers of images and positions are not known';
}

/** The use as blocks of rows read it. */
export function rowReadingOf(site: Site): RowReading {
  const sizes = sizesOf(site)!;
  const affinity = { ...site.affinity, runs: site.heads, layout: 'channels-first', querySpace: [sizes.q] } as const;
  return { parts: partsOf(site), values: valuesOf(site), affinity, q: sizes.q, rows: rowsAtOnce(sizes) };
}

/** Bytes of one block's weights, scores and gradients in training, of its scores and weights else. */
export function blockBytes(site: Site, copies = 3): Dim {
  const sizes = sizesOf(site);
  return sizes ? mapBytes({ ...site, q: rowsAtOnce(sizes) }, copies) : 0;
}

/** The plain way for some hundred queries at a time: memory is linear in the positions. */
export const BLOCKS_OF_ROWS: Lowering = {
  general: true,
  refuses: (site) => {
    if (site.affinity.reads.kind !== 'everywhere') return 'it does not read everywhere';
    const sizes = sizesOf(site);
    if (!sizes) return unknownSizes(site);
    return rowsAtOnce(sizes) === sizes.q ? 'one block holds all queries' : undefined;
  },
  cost: (site, { training }) => {
    const bytes = addDim(blockBytes(site, training ? 3 : mapCopies(site)), positionBytes(site));
    return { macs: plainMacs(site), bytes };
  },
  pace: (_, { training }) => (training ? 1.15 : 2.3),
  build: (site, { training }) => {
    const reading = rowReadingOf(site);
    return mergeHeads(training ? aggregateByRows(reading, 'rows') : readByRows(reading), site);
  },
};

import type { Dim } from '../dimension.ts';
import { at, sameDType } from '../ops/common.ts';
import { emit1 } from '../trace.ts';
import type { Node, OpDef, Value } from '../value.ts';
import { headsAsLines, linesByHead, multiHeadAttention } from './attention.ts';
import { type Affinity, plainMacs } from './record.ts';
import { gradientsByRows, type RowReading, readByRows, siteFor } from './row-blocks.ts';

/** How {@link AGGREGATE_BY_ROWS} reads forward: by blocks of rows, or with the runtime's own blocked attention. */
export type Forward = 'rows' | 'fused';

const NAMES = ['queries', 'keys', 'values', 'scores', 'prior'] as const;

function readingOf({ inputs, attributes }: Pick<Node, 'inputs' | 'attributes'>): RowReading {
  const [queries, keys, , scores, prior, mask] = inputs;
  const affinity = attributes['affinity'] as Affinity;
  const [q] = affinity.querySpace as readonly [number];
  const rows = attributes['rows'] as number;
  return { parts: { queries, keys, scores, prior, mask }, values: at(inputs, 2), affinity, q, rows };
}

/**
 * `aggregate` in training once it is to be read by blocks of rows: the same, with a derivative that computes the weights
 * again, block by block. Inputs as those of `aggregate`, by head: queries [N or 1, heads, D, Q], keys [N, heads, D, L],
 * values [N, heads, V, L], scores, prior and mask [N or 1, heads or 1, Q or 1, L] → [N, heads, V, Q].
 */
export const AGGREGATE_BY_ROWS: OpDef = {
  name: 'aggregateByRows',
  domain: 'farsight',
  since: 1,
  shape: (inputs, attributes) => {
    const [n, heads, v] = at(inputs, 2).shape as readonly [Dim, Dim, Dim];
    const [q] = (attributes['affinity'] as Affinity).querySpace as readonly [Dim];
    return [{ shape: [n, heads, v, q], dtype: sameDType(inputs.filter((x) => x !== undefined)) }];
  },
  // See `gradientsByRows`
  vjp: ({ node, outputs, dy, needs }) => {
    const wanted = new Set(NAMES.filter((_, i) => needs(i)));
    const found = gradientsByRows(readingOf(node), [outputs[0]!, dy[0]!], wanted);
    return [...NAMES.map((name) => found[name]), undefined];
  },
  attributes: {},
  macs: (node) => {
    const reading = readingOf(node);
    return plainMacs(siteFor(reading, reading.q));
  },
  legalise: (node) => {
    const reading = readingOf(node);
    return [node.attributes['forward'] === 'fused' ? readFused(reading) : readByRows(reading)];
  },
};

function readFused({ parts, values, affinity }: RowReading): Value {
  const { score, heads } = affinity;
  const scale = score.kind === 'dot-product' ? score.scale : 1;
  const [q, k, v] = [parts.queries!, parts.keys!, values].map(headsAsLines) as [Value, Value, Value];
  return linesByHead(multiHeadAttention(q, k, v, { heads, scale }), heads);
}

/** Reads by blocks of rows, in training; see {@link AGGREGATE_BY_ROWS}. */
export function aggregateByRows({ parts, values, affinity, rows }: RowReading, forward: Forward): Value {
  const { queries, keys, scores, prior, mask } = parts;
  return emit1(AGGREGATE_BY_ROWS, [queries, keys, values, scores, prior, mask], { affinity, rows, forward });
}

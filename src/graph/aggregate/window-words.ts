import { Fault } from '../../core/fault.ts';
import { type Dim, productDim, sameDim, sameDims, showDims } from '../dimension.ts';
import { at, sameDType, shapeFault } from '../ops/common.ts';
import { emit1 } from '../trace.ts';
import type { Attributes, OpDef, OutputType, Value } from '../value.ts';
import { type Window, windowedSpace } from './record.ts';
import { dotByShifts, spreadByColumns, spreadByShifts, sumByColumns, sumByShifts } from './window-forms.ts';

/** How windows of a map meet the heads that share its channels. */
export interface WindowUse {
  readonly window: Window;
  readonly heads: number;
  /** How heads share channels; see `Affinity`. */
  readonly runs: number;
  /** `shifts`: a slice for each place of the window. `columns`: products of all places, added up by `Col2Im`. */
  readonly by: 'shifts' | 'columns';
}

/** The same with the axes of the map that is written. */
interface SpreadUse extends WindowUse {
  readonly space: readonly Dim[];
}

const useOf = (a: Attributes): WindowUse => a.use as WindowUse;
const spreadUseOf = (a: Attributes): SpreadUse => a.use as SpreadUse;
const space = (x: Value): readonly Dim[] => x.shape.slice(2);
const taps = ({ window }: WindowUse): number => window.size.reduce((n, k) => n * k, 1);

function checkWeights(x: Value, w: Value, use: WindowUse, queries: readonly Dim[]): void {
  const full = [x.shape[0]!, use.heads, taps(use), productDim(queries)];
  if (!sameDims(w.shape, full)) throw shapeFault(`expected weights ${showDims(full)}, got ${showDims(w.shape)}.`);
  checkHeads(x, use);
}

function checkHeads(x: Value, { heads, runs }: WindowUse): void {
  const c = x.shape[1];
  if (typeof c === 'number' && c % heads === 0 && heads % runs === 0) return;
  throw shapeFault(`expected channels for ${heads} heads in ${runs} runs, got ${showDims(x.shape)}.`);
}

const like = (x: Value, inputs: readonly (Value | undefined)[], positions: readonly Dim[]): readonly OutputType[] => [
  { shape: [x.shape[0]!, x.shape[1]!, ...positions], dtype: sameDType(inputs) },
];

/** y_c(p) = Σ_t w_{h(c), t}(p) x_c(s p + d t): each query's window of x, weighted, where x beyond its border is zero. */
export const WINDOW_SUM: OpDef = {
  name: 'windowSum',
  domain: 'farsight',
  since: 1,
  shape: (inputs, a) => {
    const x = at(inputs, 0);
    const queries = windowedSpace(space(x), useOf(a).window.stride);
    checkWeights(x, at(inputs, 1), useOf(a), queries);
    return like(x, inputs, queries);
  },
  // dx spreads dy by the same weights; dw_t(p) = Σ_c dy_c(p) x_c(s p + d t)
  vjp: ({ inputs, attributes, dy, needs }) => {
    const [x, w] = inputs as readonly [Value, Value];
    const use = useOf(attributes);
    return [
      needs(0) ? windowSpread(dy[0]!, w, { ...use, space: space(x) }) : undefined,
      needs(1) ? windowDot(dy[0]!, x, use) : undefined,
    ];
  },
  attributes: {},
  macs: (node) => productDim([...node.outputs[0]!.shape, taps(useOf(node.attributes))]),
  legalise: (node) => {
    const [x, w] = node.inputs as readonly [Value, Value];
    const use = useOf(node.attributes);
    const dense = use.window.stride.every((s) => s === 1);
    return [use.by === 'columns' && dense ? sumByColumns(x, w, use) : sumByShifts(x, w, use)];
  },
};

/** y_c(s p + d t) += w_{h(c), t}(p) x_c(p): each query writes its window; the transpose of {@link WINDOW_SUM} in x. */
export const WINDOW_SPREAD: OpDef = {
  name: 'windowSpread',
  domain: 'farsight',
  since: 1,
  shape: (inputs, a) => {
    const x = at(inputs, 0);
    const use = spreadUseOf(a);
    if (!sameDims(space(x), windowedSpace(use.space, use.window.stride))) {
      throw shapeFault(`expected queries of a map of ${showDims(use.space)}, got ${showDims(x.shape)}.`);
    }
    checkWeights(x, at(inputs, 1), use, space(x));
    return like(x, inputs, use.space);
  },
  // dx = the windows of dy, weighted; dw_t(p) = Σ_c x_c(p) dy_c(s p + d t)
  vjp: ({ inputs, attributes, dy, needs }) => {
    const [x, w] = inputs as readonly [Value, Value];
    const { window, heads, runs, by } = spreadUseOf(attributes);
    const use = { window, heads, runs, by };
    return [
      needs(0) ? windowSum(dy[0]!, w, use) : undefined, //
      needs(1) ? windowDot(x, dy[0]!, use) : undefined,
    ];
  },
  attributes: {},
  macs: (node) => productDim([...node.inputs[0]!.shape, taps(useOf(node.attributes))]),
  legalise: (node) => {
    const [x, w] = node.inputs as readonly [Value, Value];
    const use = spreadUseOf(node.attributes);
    return [use.by === 'columns' ? spreadByColumns(x, w, use) : spreadByShifts(x, w, use)];
  },
};

/** a_{h, t}(p) = Σ_{c of h} q_c(p) k_c(s p + d t): each query with each key of its window, head by head. */
export const WINDOW_DOT: OpDef = {
  name: 'windowDot',
  domain: 'farsight',
  since: 1,
  shape: (inputs, a) => {
    const [q, k] = [at(inputs, 0), at(inputs, 1)];
    const use = useOf(a);
    const queries = windowedSpace(space(k), use.window.stride);
    if (!sameDims(space(q), queries) || !sameDim(q.shape[1]!, k.shape[1]!)) {
      throw shapeFault(
        `expected queries over ${showDims(queries)} with the keys' channels, got ${showDims(q.shape)} and ${showDims(k.shape)}.`,
      );
    }
    checkHeads(k, use);
    return [{ shape: [k.shape[0]!, use.heads, taps(use), productDim(queries)], dtype: sameDType(inputs) }];
  },
  // dq = the windows of k, weighted by da; dk = q, spread by da
  vjp: ({ inputs, attributes, dy, needs }) => {
    const [q, k] = inputs as readonly [Value, Value];
    const use = useOf(attributes);
    return [
      needs(0) ? windowSum(k, dy[0]!, use) : undefined,
      needs(1) ? windowSpread(q, dy[0]!, { ...use, space: space(k) }) : undefined,
    ];
  },
  attributes: {},
  macs: (node) => productDim([...node.inputs[0]!.shape, taps(useOf(node.attributes))]),
  legalise: (node) => {
    const [q, k] = node.inputs as readonly [Value, Value];
    return [dotByShifts(q, k, useOf(node.attributes))];
  },
};

/** Windows of x [N, heads · V, ..] by weights [N, heads, K, Q] → [N, heads · V, ...queries]; see {@link WINDOW_SUM}. */
export function windowSum(x: Value, w: Value, use: WindowUse): Value {
  return emit1(WINDOW_SUM, [x, w], { use: checked(use) });
}

/** x [N, heads · V, ...queries] written by weights [N, heads, K, Q] → [N, heads · V, ...space]; see {@link WINDOW_SPREAD}. */
export function windowSpread(x: Value, w: Value, use: SpreadUse): Value {
  return emit1(WINDOW_SPREAD, [x, w], { use: checked(use) });
}

/** q [N, heads · D, ...queries] with the windows of k [N, heads · D, ..] → [N, heads, K, Q]; see {@link WINDOW_DOT}. */
export function windowDot(q: Value, k: Value, use: WindowUse): Value {
  return emit1(WINDOW_DOT, [q, k], { use: checked(use) });
}

function checked<T extends WindowUse>(use: T): T {
  if (use.by === 'shifts' || use.window.size.length <= 2) return use;
  throw new Fault('graph', `expected windows of a line or a plane by columns, got ${use.window.size.length} axes.`);
}

import { build, getBroadcast, type Numbers, numbers, sizeOf } from '../numbers.ts';
import { input, type Kernel, type KernelCall } from './kernel.ts';

/** What the attribute `affinity` says. */
interface Affinity {
  readonly reads: {
    readonly kind: string;
    readonly axes?: readonly number[];
    readonly size?: readonly number[];
    readonly stride?: readonly number[];
    readonly dilation?: readonly number[];
    readonly outside?: string | number;
  };
  readonly score: { readonly kind: string; readonly scale?: number };
  readonly normalise: string;
  readonly heads: number;
  readonly runs?: number;
  readonly layout?: string;
  readonly querySpace: readonly number[];
}

/** One thing that a query reads: a position in one line, or null beyond the border; and its place in the query's list. */
interface Read {
  readonly position: number | null;
  readonly place: number;
}

/** The coordinates of an index into a shape, last axis fastest. */
function coordinates(index: number, shape: readonly number[]): number[] {
  const out = new Array<number>(shape.length);
  let rest = index;
  for (let i = shape.length - 1; i >= 0; i--) {
    out[i] = rest % shape[i]!;
    rest = Math.floor(rest / shape[i]!);
  }
  return out;
}

function lineOf(at: readonly number[], shape: readonly number[]): number | null {
  let line = 0;
  for (let i = 0; i < shape.length; i++) {
    if (at[i]! < 0 || at[i]! >= shape[i]!) return null;
    line = line * shape[i]! + at[i]!;
  }
  return line;
}

/** All that query `q` reads of a map with these axes. */
function readsOf({ reads, querySpace }: Affinity, q: number, space: readonly number[]): Read[] {
  const all = Array.from({ length: sizeOf(space) }, (_, position) => ({ position, place: position }));
  const query = coordinates(q, querySpace);
  switch (reads.kind) {
    case 'everywhere':
      return all;
    case 'along': {
      const fits = (p: number): boolean =>
        coordinates(p, space).every((c, i) => reads.axes!.includes(i) || c === query[i]);
      // in the order in which the axes are named
      const order = (p: number): number =>
        reads.axes!.reduce((line, axis) => line * space[axis]! + coordinates(p, space)[axis]!, 0);
      return all.filter(({ position }) => fits(position)).map(({ position }) => ({ position, place: order(position) }));
    }
    case 'window': {
      const size = reads.size!;
      return Array.from({ length: sizeOf(size) }, (_, place) => {
        const at = coordinates(place, size).map((p, i) => {
          const [stride, dilation] = [reads.stride?.[i] ?? 1, reads.dilation?.[i] ?? 1];
          return query[i]! * stride + (p - (size[i]! - 1) / 2) * dilation;
        });
        return { position: lineOf(at, space), place };
      });
    }
    default:
      throw new Error(`reading ${reads.kind} is not known`);
  }
}

/** A tensor as [N, C, positions], wherever its channels stand; an image beyond the first is the first's where there is one. */
function lines(t: Numbers, affinity: Affinity): (n: number, c: number, p: number) => number {
  const last = affinity.layout === 'channels-last';
  const channels = last ? t.shape.at(-1)! : t.shape[1]!;
  const positions = sizeOf(last ? t.shape.slice(1, -1) : t.shape.slice(2));
  return (n, c, p) => {
    const image = t.shape[0] === 1 ? 0 : n;
    return t.data[last ? (image * positions + p) * channels + c : (image * channels + c) * positions + p]!;
  };
}

/** The comparison of a query with what it reads at one place, without the prior. */
function score(call: KernelCall, affinity: Affinity, at: { n: number; h: number; q: number; read: Read }): number {
  const { n, h, q, read } = at;
  const { kind, scale = 1 } = affinity.score;
  const { outside } = affinity.reads;
  if (read.position === null && typeof outside === 'number') return outside;
  if (kind === 'none') return affinity.normalise === 'softmax' ? 0 : 1;
  if (kind === 'given') return mapAt(call.inputs[3]!, affinity, at);
  const [queries, keys] = [call.inputs[0]!, call.inputs[1]!];
  const width = (affinity.layout === 'channels-last' ? queries.shape.at(-1)! : queries.shape[1]!) / affinity.heads;
  const [query, key] = [lines(queries, affinity), lines(keys, affinity)];
  let sum = 0;
  for (let d = h * width; d < (h + 1) * width; d++) {
    const a = query(n, d, q);
    const b = read.position === null ? 0 : key(n, d, read.position);
    if (kind === 'dot-product') sum += a * b;
    else if (kind === 'squared-difference') sum -= (a - b) ** 2;
    else if (kind === 'absolute-difference') sum -= Math.abs(a - b);
    else if (kind === 'concatenation') return Math.max(a + b, 0);
    else throw new Error(`the score ${kind} is not known`);
  }
  return scale * sum;
}

/** Scores, prior and mask are [N, heads, Q, L]; of windows [N, heads, K, Q]. */
function mapAt(map: Numbers, { reads }: Affinity, at: { n: number; h: number; q: number; read: Read }): number {
  const { n, h, q, read } = at;
  return getBroadcast(map, reads.kind === 'window' ? [n, h, read.place, q] : [n, h, q, read.place]);
}

/** Weights of scores; `allowed` says what may be read. */
function normalised(scores: readonly number[], allowed: readonly boolean[], how: string): readonly number[] {
  const kept = (values: readonly number[]): readonly number[] => values.map((v, i) => (allowed[i] ? v : 0));
  const count = allowed.filter(Boolean).length;
  if (count === 0) return scores.map(() => 0);
  if (how === 'none') return kept(scores);
  if (how === 'count') return kept(scores).map((s) => s / count);
  if (how !== 'softmax') throw new Error(`the normalisation ${how} is not known`);
  const largest = Math.max(...scores.filter((_, i) => allowed[i]));
  const weights = kept(scores.map((s) => Math.exp(s - largest)));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
}

/** y_i = Σ_j a_ij v_j, a_i = normalise_j(score_ij + prior_ij), head by head. */
const aggregate: Kernel = (call) => {
  const values = input(call, 2);
  const affinity = call.attributes['affinity'] as unknown as Affinity;
  const last = affinity.layout === 'channels-last';
  const { heads, querySpace, runs = heads, reads } = affinity;
  const space = last ? values.shape.slice(1, -1) : values.shape.slice(2);
  const [n, channels] = [values.shape[0]!, last ? values.shape.at(-1)! : values.shape[1]!];
  const [prior, mask] = [call.inputs[4], call.inputs[5]];
  const value = lines(values, affinity);
  const [width, inner] = [channels / heads, heads / runs];
  // channels lie as [runs, width, heads / runs]
  const headOf = (c: number): number => Math.floor(c / (width * inner)) * inner + (c % inner);
  const one = (b: number, c: number, q: number): number => {
    const h = headOf(c);
    const read = readsOf(affinity, q, space);
    const scores = read.map((r) => {
      const at = { n: b, h, q, read: r };
      return score(call, affinity, at) + (prior ? mapAt(prior, affinity, at) : 0);
    });
    const allowed = read.map((r) => {
      if (r.position === null && reads.outside === 'excluded') return false;
      return mask ? mapAt(mask, affinity, { n: b, h, q, read: r }) !== 0 : true;
    });
    return normalised(scores, allowed, affinity.normalise).reduce((sum, a, i) => {
      const { position } = read[i]!;
      return position === null ? sum : sum + a * value(b, c, position);
    }, 0);
  };
  const queries = sizeOf(querySpace);
  if (last) {
    const y = build([n, queries, channels], ([b, q, c]) => one(b!, c!, q!));
    return [numbers([n, ...querySpace, channels], y.data)];
  }
  const y = build([n, channels, queries], ([b, c, q]) => one(b!, c!, q!));
  return [numbers([n, channels, ...querySpace], y.data)];
};

/** The affinity. */
export const AGGREGATE: Readonly<Record<string, Kernel>> = { aggregate };

import { type Dim, productDim, sameDim } from '../dimension.ts';
import { expand, reshape, transpose } from '../ops/layout.ts';
import type { Value } from '../value.ts';
import { type Affinity, aggregate, type Layout, type Site } from './record.ts';

/** How axes of positions fall apart: those that are read along, and those that stay the query's own. */
interface Fold {
  readonly read: readonly number[];
  readonly own: readonly number[];
  readonly n: Dim;
  readonly space: readonly Dim[];
}

const sizesAt = (space: readonly Dim[], axes: readonly number[]): Dim[] => axes.map((a) => space[a]!);

/**
 * A use that reads along some axes as one that reads everywhere: the other axes become part of the batch, so that a row
 * of a picture is a picture of its own.
 */
export function foldAlong(site: Site): Value {
  const { affinity, layout, space, n } = site;
  const { reads, score } = affinity;
  const read = reads.kind === 'along' ? reads.axes : [];
  const own = space.map((_, i) => i).filter((i) => !read.includes(i));
  const fold: Fold = { read, own, n, space };
  const map = (x: Value | undefined): Value | undefined => x && foldMap(x, fold, layout);
  const weights = (x: Value | undefined): Value | undefined => x && foldWeights(x, fold);
  const shared = score.kind === 'none' || (score.kind === 'given' && site.scores!.shape[2] === 1);
  const queries = sizesAt(space, read);
  const inner: Affinity = {
    ...{ reads: { kind: 'everywhere' }, score, normalise: affinity.normalise, heads: site.heads, runs: site.runs },
    querySpace: shared ? queries.map(() => 1) : queries,
  };
  const y = aggregate(
    {
      ...{ queries: map(site.queries), keys: map(site.keys), values: map(site.values)! },
      ...{ scores: weights(site.scores), prior: weights(site.prior), mask: weights(site.mask) },
    },
    inner,
  );
  const full = shared ? expand(y, [y.shape[0]!, y.shape[1]!, ...queries]) : y;
  return unfoldMap(full, fold, layout);
}

/** [N, C, ...space] → [N · own, C, ...read] */
function foldMap(x: Value, { read, own, space }: Fold, layout: Layout): Value {
  const last = layout === 'channels-last';
  const at = (axis: number): number => axis + (last ? 1 : 2);
  const [n, c] = [x.shape[0]!, x.shape[last ? x.shape.length - 1 : 1]!];
  const turned = transpose(x, [0, ...own.map(at), last ? x.shape.length - 1 : 1, ...read.map(at)]);
  return reshape(turned, [productDim([n, ...sizesAt(space, own)]), c, ...sizesAt(space, read)]);
}

/** What {@link foldMap} did, undone. */
function unfoldMap(y: Value, { read, own, n, space }: Fold, layout: Layout): Value {
  const c = y.shape[1]!;
  const apart = reshape(y, [n, ...sizesAt(space, own), c, ...sizesAt(space, read)]);
  const order = [...own, ...read]; // axes of positions as they lie now, the channels between them
  const now = (axis: number): number => {
    const i = order.indexOf(axis);
    return i < own.length ? 1 + i : 2 + i;
  };
  const positions = space.map((_, axis) => now(axis));
  const channel = 1 + own.length;
  return transpose(apart, layout === 'channels-last' ? [0, ...positions, channel] : [0, channel, ...positions]);
}

/** Weights [N or 1, heads or 1, Q or 1, L] over all queries → [N · own, .., read, L], each query in its own part. */
function foldWeights(x: Value, { read, own, n, space }: Fold): Value {
  const [m, heads, q, l] = x.shape as readonly [Dim, Dim, Dim, Dim];
  const parts = sizesAt(space, own);
  const one = q === 1 && !sameDim(productDim(space), 1);
  if (one && m === 1) return x;
  const sizes = one ? parts.map(() => 1) : parts;
  const lines = one ? read.map(() => 1) : sizesAt(space, read);
  const apart = one ? reshape(x, [m, heads, ...space.map(() => 1), l]) : reshape(x, [m, heads, ...space, l]);
  const at = (axis: number): number => axis + 2;
  const turned = transpose(apart, [0, ...own.map(at), 1, ...read.map(at), space.length + 2]);
  const whole = expand(turned, [n, ...(one ? parts : sizes), heads, ...lines, l]);
  return reshape(whole, [productDim([n, ...parts]), heads, productDim(lines), l]);
}

import { build, getBroadcast, type Numbers, numbers, sizeOf } from '../numbers.ts';
import { input, type Kernel, type KernelCall } from './kernel.ts';

/** What the attribute `affinity` says; `reads` everywhere. */
interface Affinity {
  readonly reads: { readonly kind: string };
  readonly score: { readonly kind: string; readonly scale?: number };
  readonly normalise: string;
  readonly heads: number;
  readonly querySpace: readonly number[];
}

/** A tensor [N or 1, heads · C, ..] as a function of batch, head, channel of the head, and position in one line. */
function perHead(t: Numbers, heads: number): (n: number, h: number, c: number, p: number) => number {
  const channels = t.shape[1]! / heads;
  const positions = sizeOf(t.shape.slice(2));
  const image = (n: number): number => (t.shape[0] === 1 ? 0 : n);
  return (n, h, c, p) => t.data[((image(n) * heads + h) * channels + c) * positions + p]!;
}

function score(call: KernelCall, affinity: Affinity, [n, h, q, l]: readonly [number, number, number, number]): number {
  const [queries, keys, scores] = [call.inputs[0], call.inputs[1], call.inputs[3]];
  const { kind, scale } = affinity.score;
  if (kind === 'none') return affinity.normalise === 'softmax' ? 0 : 1;
  if (kind === 'given') return getBroadcast(scores!, [n, h, q, l]);
  const [query, key] = [perHead(queries!, affinity.heads), perHead(keys!, affinity.heads)];
  if (kind === 'concatenation') return Math.max(query(n, h, 0, q) + key(n, h, 0, l), 0);
  if (kind !== 'dot-product') throw new Error(`the score ${kind} is not known`);
  let dot = 0;
  for (let d = 0; d < queries!.shape[1]! / affinity.heads; d++) dot += query(n, h, d, q) * key(n, h, d, l);
  return scale! * dot;
}

function normalised(scores: readonly number[], how: string): readonly number[] {
  if (how === 'none') return scores;
  if (how === 'count') return scores.map((s) => s / scores.length);
  if (how !== 'softmax') throw new Error(`the normalisation ${how} is not known`);
  const largest = Math.max(...scores);
  const weights = scores.map((s) => Math.exp(s - largest));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
}

/** y_i = Σ_j a_ij v_j, a_i = normalise_j(score_ij + prior_ij), head by head. */
const aggregate: Kernel = (call) => {
  const values = input(call, 2);
  const affinity = call.attributes['affinity'] as unknown as Affinity;
  if (affinity.reads.kind !== 'everywhere') throw new Error(`reading ${affinity.reads.kind} is not known`);
  const { heads, querySpace } = affinity;
  const [n, width, positions] = [values.shape[0]!, values.shape[1]! / heads, sizeOf(values.shape.slice(2))];
  const prior = call.inputs[4];
  const value = perHead(values, heads);
  const lines = build([n, heads * width, sizeOf(querySpace)], ([b, c, q]) => {
    const h = Math.floor(c! / width);
    const scores = Array.from({ length: positions }, (_, l) => {
      const at = [b!, h, q!, l] as const;
      return score(call, affinity, at) + (prior ? getBroadcast(prior, at) : 0);
    });
    return normalised(scores, affinity.normalise).reduce((s, a, l) => s + a * value(b!, h, c! - h * width, l), 0);
  });
  return [numbers([n, heads * width, ...querySpace], lines.data)];
};

/** The affinity. */
export const AGGREGATE: Readonly<Record<string, Kernel>> = { aggregate };

import { addDim, type Dim, mulDim, productDim } from '../../dimension.ts';
import type { Value } from '../../value.ts';
import type { Site } from '../record.ts';

/** What a graph is lowered for. */
export interface Target {
  /** Where it will run: `cpu`, `wasm`, `webgpu`, `cuda`. */
  readonly provider: string;
  /** Whether a derivative will be taken. */
  readonly training: boolean;
}

/** What a lowering costs. */
export interface Cost {
  /** Multiply-adds of its products. */
  readonly macs: Dim;
  /** Bytes of the intermediates that it keeps at once. */
  readonly bytes: Dim;
}

/** One way to compute an `aggregate`. All give the same numbers, up to rounding. */
export interface Lowering {
  /** Whether it can be asked about uses that do not read everywhere, or have a mask; all others are refused. */
  readonly general?: true;
  /** Undefined where it can be taken, else why not. */
  readonly refuses: (site: Site, target: Target) => string | undefined;
  /** What it costs; asked only where it can be taken. */
  readonly cost: (site: Site, target: Target) => Cost;
  /** Time of one multiply-add in times of one in a plain matrix product, measured on two AVX-512 cores. */
  readonly pace: number | ((site: Site, target: Target) => number);
  readonly build: (site: Site, target: Target) => Value;
}

/** Bytes of a float32. */
export const BYTES = 4;

/** Bytes of `copies` whole affinities. */
export function mapBytes({ n, heads, q, l }: Site, copies: number): Dim {
  return mulDim(productDim([n, heads, q, l]), copies * BYTES);
}

/** How many affinities live at once: scores and weights do, unless nothing is done to the scores. */
export function mapCopies({ affinity: { normalise, score }, prior }: Site): number {
  return normalise === 'none' && !prior && score.kind !== 'concatenation' ? 1 : 2;
}

/** Bytes of queries, keys, values and result. */
export function positionBytes({ n, heads, q, l, d, v }: Site): Dim {
  return mulDim(productDim([n, heads, addDim(q, l)]), (d + v) * BYTES);
}

import * as z from 'zod';
import { Fault } from '../../core/fault.ts';
import type { Value } from '../../graph/value.ts';
import type { Published } from '../published.ts';
import type { Scope } from '../scope.ts';

z.config({ jitless: true }); // asks for no `eval`

/** Options of a block: plain JSON of which `kind` says whose. Each block has an interface of its own. */
export interface BlockSpec {
  readonly kind: string;
}

/** Options of some block, known only when they are read. */
export type AnyBlockSpec = BlockSpec & { readonly [option: string]: unknown };

/**
 * One mechanism in the terms of y_i = fuse(x_i, transform(Σ_j A_ij v_j)): a row of docs/algebra.md. `reads`, `score` and
 * `normalise` begin with the kinds that `aggregate` knows, so that the row can be checked against a trace; of a mixture
 * (or of several readings) the parts are apart by `; `, in the order of the trace.
 */
export interface AlgebraRow {
  /** In words: `non-local block, dot product`. */
  readonly mechanism: string;
  /** What is other than in the block's sample, where the row is traced. */
  readonly changes?: Readonly<Record<string, unknown>>;
  /** `everywhere`, `window k x k`, `along a row`; more words after the kind. */
  readonly reads: string;
  /** `dot-product θᵀφ`, `given by a convolution`, `none`; more words after the kind. */
  readonly score: string;
  /** `softmax`, `count`, `none`. */
  readonly normalise: string;
  /** Affinities side by side: a number, `C`, the name of an option, or `C / option`. */
  readonly heads: string;
  /** Which channels share an affinity. */
  readonly sharing: string;
  /** What is added to the scores. */
  readonly prior: string;
  /** What it is mixed with, and by which weights. */
  readonly mix: string;
  readonly transform: string;
  readonly fusion: string;
  /** Multiply-adds of score and reading in N positions, window side k, channels C. */
  readonly macs: string;
  readonly source: string;
}

/** A small use of a block, for sweeps, `models` and `explain`. */
export interface BlockSample<C extends BlockSpec = BlockSpec> {
  readonly config: C;
  /** Shape of x: [N, C, ..]. */
  readonly shape: readonly number[];
}

/** A network of the table with other options, that a block brings. */
export interface BroughtNetwork {
  /** Name of the network that is changed. */
  readonly base: string;
  readonly changes: Readonly<Record<string, unknown>>;
  /** Trainable values. */
  readonly parameters: number;
  readonly published?: Published;
}

/** Reads `config` of a reference's golden case as options of ours; text says what of it is not built. */
export type ReadReference<C extends BlockSpec> = (config: Readonly<Record<string, unknown>>) => C | string;

/**
 * All that is known of a block. Whoever lists, reads, traces, explains or checks blocks asks this record, so that a new
 * mechanism is one file and its line in the table.
 */
export interface Block<C extends BlockSpec = BlockSpec> {
  readonly kind: C['kind'];
  /** In words: `global context`. */
  readonly title: string;
  /** Checks the options, `kind` among them; refuses unknown keys (`z.strictObject`). */
  readonly options: z.ZodObject;
  /** x [N, C, ..] → [N, C', ..]; the same shape unless it strides. */
  build(s: Scope, x: Value, config: C): Value;
  /** The child that holds it in a residual block, and behind a stage; by the reference that puts one there. */
  readonly child: { readonly block: string; readonly stage: string };
  /** Whether its options have `stride`, by which it steps over the positions itself. */
  readonly strides: boolean;
  /** Numbers of axes of positions that it takes. */
  readonly axes: readonly (1 | 2 | 3)[];
  readonly algebra: readonly AlgebraRow[];
  readonly sample: BlockSample<C>;
  /** Golden cases that it is run for, by their `config.model`. */
  readonly references?: Readonly<Record<string, ReadReference<C>>>;
  readonly networks?: Readonly<Record<string, BroughtNetwork>>;
  /** Its options by the shapes of its tensors in a file of weights; null where the tensors are not of this block. */
  readonly recognise?: (shape: ShapeOf) => C | null;
}

/** The shape of a tensor by its name inside a block. */
export type ShapeOf = (name: string) => readonly number[] | undefined;

/** What a block needs of a golden case's `config`; a fault that names the key where it is missing or wrong. */
export function readReference<T>(config: Readonly<Record<string, unknown>>, schema: z.ZodType<T>): T {
  const result = schema.safeParse(config);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new Fault('data', `config.${issue?.path.map(String).join('.')}: ${issue?.message}.`);
}

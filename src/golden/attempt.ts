import { Fault } from '../core/fault.ts';
import type { Tensor, TensorMap } from '../core/tensor.ts';
import type { ImageDecoder } from '../data/image.ts';
import type { Feeds, Provider, Runtime } from '../engine/runtime.ts';
import { createSession, type SessionOptions } from '../engine/session.ts';
import type { Value } from '../graph/value.ts';
import type { ArrayCase } from './case.ts';

/** What running a case needs from outside: whoever calls hands in the platform. */
export interface GoldenEnvironment {
  readonly runtime: Runtime;
  readonly provider: Provider;
  /** Threads for one operator; the runtime's default where absent. */
  readonly threads?: number;
  /** Decodes pictures; cases that hold some are skipped without it. */
  readonly decoder?: ImageDecoder;
  /** Told now and then what a slow case is at: `step 2 of 5`. */
  readonly progress?: (doing: string) => void;
}

/** What came of computing a case: our outputs, and whatever else differs from the reference; or nothing, and why. */
export type Attempt =
  | { readonly kind: 'outputs'; readonly tensors: TensorMap; readonly differences: readonly string[] }
  | { readonly kind: 'unsupported'; readonly why: string };

/** Our outputs of a case, to be judged. */
export function computed(tensors: TensorMap, differences: readonly string[] = []): Attempt {
  return { kind: 'outputs', tensors, differences };
}

/** A case of a kind, or with an option, that is not built. */
export function notSupported(what: string): Attempt & { readonly kind: 'unsupported' } {
  return { kind: 'unsupported', why: `not supported yet: ${what}` };
}

/** Options of a session in this environment. */
export function sessionOptions({ provider, threads }: GoldenEnvironment): SessionOptions {
  return { provider, ...(threads !== undefined && { threads }) };
}

/** Runs a graph once. */
export async function runGraph(
  env: GoldenEnvironment,
  outputs: ReadonlyMap<string, Value>,
  feeds: Feeds,
  constants?: TensorMap,
): Promise<Map<string, Tensor>> {
  if (outputs.size === 0) return new Map();
  const options = { ...sessionOptions(env), ...(constants && { constants }) };
  const session = await createSession(env.runtime, outputs, options);
  try {
    return new Map(Object.entries(await session.run(feeds)));
  } finally {
    await session.release();
  }
}

/** The input of a case called `key`; a fault where there is none. */
export function tensorInput(c: ArrayCase, key: string): Tensor {
  const input = c.inputs.get(key);
  if (input && input.from !== 'file') return input.tensor;
  const got = [...c.inputs.keys()].join(', ') || 'none';
  throw new Fault('data', `${c.name}: expected an input "${key}" of numbers, got the inputs ${got}.`);
}

import { Fault } from '../../src/core/fault.ts';
import { random } from '../../src/core/random.ts';
import { mutate } from './mutate.ts';

/** A reader under test and what it is given. */
export interface Target {
  readonly name: string;
  /** Of 100 inputs, how many are for it. */
  readonly share: number;
  readonly seeds: readonly Uint8Array[];
  /** Wraps a changed input: into an archive, say. */
  readonly wrap?: (bytes: Uint8Array) => Uint8Array;
  /** Most memory beyond four times the input, in bytes, where 64 MiB will not do. */
  readonly mostBytes?: number;
  /** Reads it; anything but a result or a Fault is a failure. */
  readonly read: (bytes: Uint8Array) => Promise<unknown> | unknown;
}

/** The input of a number: which target reads it, and its bytes. It depends on nothing but the seed and the number. */
export function inputAt(
  all: readonly Target[],
  seed: number,
  index: number,
): { readonly target: Target; readonly bytes: Uint8Array } {
  const r = random(seed, 'fuzz', index);
  let at = r.integer(all.reduce((sum, { share }) => sum + share, 0));
  const target = all.find(({ share }) => {
    at -= share;
    return at < 0;
  })!;
  const pick = (): Uint8Array => target.seeds[r.integer(target.seeds.length)]!;
  const changed = mutate(pick(), r, pick());
  return { target, bytes: target.wrap ? target.wrap(changed) : changed };
}

/** What came of an input: `read`, `refused` with a Fault, or a sentence on what else was thrown. */
export async function attempt(
  target: Target,
  bytes: Uint8Array,
): Promise<'read' | 'refused' | { readonly threw: string }> {
  try {
    await target.read(bytes);
    return 'read';
  } catch (error) {
    if (error instanceof Fault) return 'refused';
    return { threw: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

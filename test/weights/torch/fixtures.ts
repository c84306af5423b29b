import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Tensor } from '../../../src/core/tensor.ts';
import { toNumbers } from '../../../src/core/tensor.ts';

const FOLDER = new URL('../fixtures/', import.meta.url);

/** Path of a checkpoint that `make.py` made. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(name, FOLDER));
}

/** Bytes of a checkpoint that `make.py` made. */
export function fixtureBytes(name: string): Uint8Array {
  return new Uint8Array(readFileSync(fixture(name)));
}

/** A tensor as PyTorch describes it. */
export interface Described {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly (number | string | boolean)[];
}

/** What PyTorch says of the tensors of its checkpoints. */
export const expected = JSON.parse(readFileSync(fixture('expected.json'), 'utf8')) as {
  readonly plain: Readonly<Record<string, Described>>;
  readonly wrapped: Readonly<Record<string, Described>>;
};

/** A tensor's values in the way that {@link expected} has them. */
export function valuesOf(tensor: Tensor): (number | string | boolean)[] {
  if (tensor.dtype === 'bool') return [...tensor.data].map((b) => b === 1);
  if (!(tensor.data instanceof BigInt64Array)) return [...toNumbers(tensor)];
  return [...tensor.data].map((n) => (Number.isSafeInteger(Number(n)) ? Number(n) : String(n)));
}

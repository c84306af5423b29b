import type { Attributes } from '../../../src/graph/value.ts';
import type { Numbers } from '../numbers.ts';

/** What a kernel is given: inputs (absent ones undefined) and attributes under ONNX's names, sizes as numbers. */
export interface KernelCall {
  readonly inputs: readonly (Numbers | undefined)[];
  readonly attributes: Attributes;
}

/** Computes all outputs of one node in plain loops. */
export type Kernel = (call: KernelCall) => readonly Numbers[];

/** Input `i`, which must be there. */
export function input(call: KernelCall, i: number): Numbers {
  const t = call.inputs[i];
  if (!t) throw new Error(`expected an input ${i}`);
  return t;
}

/** A number among the attributes. */
export function int(call: KernelCall, name: string): number {
  const v = call.attributes[name];
  if (typeof v !== 'number') throw new Error(`expected a number for ${name}, got ${String(v)}`);
  return v;
}

/** A list of numbers among the attributes. */
export function ints(call: KernelCall, name: string): readonly number[] {
  const v = call.attributes[name];
  if (!Array.isArray(v) || v.some((x) => typeof x !== 'number')) throw new Error(`expected numbers for ${name}`);
  return v as readonly number[];
}

/** A word among the attributes. */
export function text(call: KernelCall, name: string): string {
  const v = call.attributes[name];
  if (typeof v !== 'string') throw new Error(`expected a word for ${name}, got ${String(v)}`);
  return v;
}

/** An axis counted from the front. */
export function fromFront(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

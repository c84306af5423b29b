import { readFileSync } from 'node:fs';
import { describeNetwork, networkNames } from '../src/model/networks/describe.ts';
import { namedNetwork } from '../src/model/networks/table.ts';
import type { Published } from '../src/model/published.ts';

/** What a named network holds and costs, beside what was published of it. */
export interface NetworkRow {
  readonly name: string;
  /** Trainable values, counted in the traced network. */
  readonly parameters: number;
  /** Multiply-adds of one picture of `size` x `size`. */
  readonly macs: number;
  readonly size: number;
  /** Multiply-adds of a picture of the size for which they were published, where that is another. */
  readonly macsThere?: number;
  readonly published?: Published;
}

/** Traces every named network and counts it. */
export function countNetworks(): readonly NetworkRow[] {
  return networkNames().map((name) => {
    const { parameters, macs, size } = describeNetwork(name);
    const { published } = namedNetwork(name);
    const there = published?.size !== undefined && published.size !== size ? published.size : undefined;
    return {
      ...{ name, parameters, macs, size },
      ...(there !== undefined && { macsThere: describeNetwork(name, there).macs }),
      ...(published && { published }),
    };
  });
}

/** The counts as they were last written. */
export function readNetworks(path: string): readonly NetworkRow[] {
  return JSON.parse(readFileSync(path, 'utf8')) as NetworkRow[]; // written by run.ts
}

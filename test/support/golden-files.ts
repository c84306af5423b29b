import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fnv1a } from '../../src/core/random.ts';

/** Where golden cases lie beside the repository; tests that need them are skipped where it is absent. */
export const GOLDEN: string = fileURLToPath(new URL('../../../shared/golden/', import.meta.url));

/** The arrays of a safetensors file, as numbers. */
export function readArrays(path: string): Map<string, readonly number[]> {
  const bytes = readFileSync(path);
  const size = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + size)) as Record<
    string,
    { readonly dtype: string; readonly data_offsets: readonly [number, number] }
  >;
  const kinds = { U8: Uint8Array, U16: Uint16Array, I32: Int32Array, I64: BigInt64Array, F32: Float32Array };
  const out = new Map<string, readonly number[]>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const [from, to] = entry.data_offsets;
    const raw = new Uint8Array(bytes.subarray(8 + size + from, 8 + size + to));
    const values = new kinds[entry.dtype as keyof typeof kinds](raw.buffer);
    out.set(name, Array.from(values as ArrayLike<number | bigint>, Number));
  }
  return out;
}

/** The first `count` numbers u in [-1, 1) of a name: the formula of the golden cases' README. */
export function unitOf(name: string, count: number): Float64Array {
  const h = fnv1a(name);
  return Float64Array.from({ length: count }, (_, i) => {
    let x = (h + Math.imul(i, 0x9e3779b9)) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d) >>> 0;
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b) >>> 0;
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
  });
}

/** Positions of the elements that a sampled output of `size` elements stores. */
export function samplePositions(key: string, size: number): readonly number[] {
  return Array.from(unitOf(`sample.${key}`, 4096), (u) => Math.min(Math.floor(((u + 1) / 2) * size), size - 1));
}

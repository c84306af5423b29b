import type { DType } from '../core/dtype.ts';
import { Fault } from '../core/fault.ts';
import { showShape } from '../core/shape.ts';
import { type HeaderValue, parseHeader } from './header-json.ts';

/** Element types of safetensors that we read. */
export type SafetensorsDType = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I8' | 'U8' | 'BOOL';

/** Bytes of one element of each type, and the dtype that it becomes. */
export const SAFETENSORS_DTYPES: {
  readonly [K in SafetensorsDType]: { readonly bytes: number; readonly dtype: DType };
} = {
  F64: { bytes: 8, dtype: 'float64' },
  F32: { bytes: 4, dtype: 'float32' },
  F16: { bytes: 2, dtype: 'float32' },
  BF16: { bytes: 2, dtype: 'float32' },
  I64: { bytes: 8, dtype: 'int64' },
  I32: { bytes: 4, dtype: 'int32' },
  I8: { bytes: 1, dtype: 'int8' },
  U8: { bytes: 1, dtype: 'uint8' },
  BOOL: { bytes: 1, dtype: 'bool' },
};

/** Where one tensor lies in a safetensors file. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  /** First byte, counted from the beginning of the file. */
  readonly offset: number;
  /** Size in bytes: the product of the shape times the bytes of an element. */
  readonly bytes: number;
}

/** What a safetensors file says of itself. */
export interface SafetensorsHeader {
  /** In the order of the file's header. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Largest header, in bytes, that the official library accepts; ours too. */
const MAX_HEADER = 100_000_000;

/** Bytes of the number in front of the header. */
const PREFIX = 8;

/**
 * Bytes from the beginning of a file to the end of its header (what {@link readSafetensorsHeader} needs), told by
 * the file's first 8 bytes and its size.
 */
export function safetensorsHeaderEnd(first: Uint8Array, fileBytes: number, where = 'safetensors'): number {
  if (fileBytes < PREFIX || first.length < PREFIX) {
    throw new Fault('data', `${where}: expected a safetensors file of at least 8 bytes, got ${fileBytes}.`);
  }
  const size = new DataView(first.buffer, first.byteOffset, PREFIX).getBigUint64(0, true);
  const most = Math.min(MAX_HEADER, fileBytes - PREFIX);
  if (size > BigInt(most)) {
    throw new Fault(
      'data',
      `${where}: expected a header of at most ${most} bytes, got a size of ${size}. The file is cut short or is not safetensors.`,
    );
  }
  return PREFIX + Number(size);
}

/**
 * Reads and checks the header of a safetensors file, given the file's beginning (to the header's end or beyond) and
 * its size in bytes. Everything is checked here, before anything of a size that the header names is allocated: each
 * tensor's bytes are its shape's, and the tensors fill the rest of the file without holes or overlaps.
 */
export function readSafetensorsHeader(start: Uint8Array, fileBytes: number, where = 'safetensors'): SafetensorsHeader {
  const end = safetensorsHeaderEnd(start, fileBytes, where);
  if (start.length < end) {
    throw new Fault('data', `${where}: expected the first ${end} bytes of the file, got ${start.length}.`);
  }
  if (start[PREFIX] !== 0x7b) throw new Fault('data', `${where}: expected a header that begins with "{".`);
  const root = parseHeader(decodeText(start.subarray(PREFIX, end), where), where);
  const entries = new Map<string, SafetensorsEntry>();
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, value] of root) {
    if (name === '__metadata__') metadata = readMetadata(value, where);
    else entries.set(name, readEntry(name, value, end, where));
  }
  checkLayout([...entries.values()], end, fileBytes, where);
  return { entries, metadata };
}

function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new Fault('data', `${where}: expected a header in UTF-8, got other bytes.`, { cause });
  }
}

function readMetadata(value: HeaderValue, where: string): Readonly<Record<string, string>> {
  const problem = `${where}: expected "__metadata__" to map strings to strings.`;
  if (!(value instanceof Map)) throw new Fault('data', problem);
  const pairs: [string, string][] = [];
  for (const [key, text] of value as ReadonlyMap<string, HeaderValue>) {
    if (typeof text !== 'string') throw new Fault('data', problem);
    pairs.push([key, text]);
  }
  return Object.fromEntries(pairs);
}

function readEntry(name: string, value: HeaderValue, dataStart: number, where: string): SafetensorsEntry {
  const at = `${where}: tensor ${showName(name)}`;
  const fields = value instanceof Map ? (value as ReadonlyMap<string, HeaderValue>) : new Map<string, HeaderValue>();
  const dtype = fields.get('dtype');
  const shape = wholes(fields.get('shape'));
  const [begin, end, ...more] = wholes(fields.get('data_offsets')) ?? [];
  if (
    typeof dtype !== 'string' ||
    !shape ||
    begin === undefined ||
    end === undefined ||
    more.length ||
    fields.size > 3
  ) {
    throw new Fault('data', `${at}: expected {dtype, shape, data_offsets: [begin, end]} and nothing else.`);
  }
  if (!isReadable(dtype)) {
    const known = Object.keys(SAFETENSORS_DTYPES).join(', ');
    throw new Fault(
      'data',
      `${at}: expected one of the element types ${known}, got ${showName(dtype)}. Convert it first.`,
    );
  }
  const bytes = bytesOfShape(shape, SAFETENSORS_DTYPES[dtype].bytes);
  if (end - begin !== bytes) {
    const needs = bytes === undefined ? 'more than 2^53' : `${bytes}`;
    throw new Fault(
      'data',
      `${at}: expected ${needs} bytes for ${dtype} ${showShape(shape.slice(0, 8))}, got data_offsets [${begin}, ${end}].`,
    );
  }
  return { name, dtype, shape, offset: dataStart + begin, bytes: end - begin };
}

function wholes(value: HeaderValue | undefined): readonly number[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items = value as readonly HeaderValue[];
  return items.every((n) => typeof n === 'number') ? items : undefined;
}

function isReadable(dtype: string): dtype is SafetensorsDType {
  return Object.hasOwn(SAFETENSORS_DTYPES, dtype);
}

/** Bytes of a shape; undefined where the product is no longer exact. */
function bytesOfShape(shape: readonly number[], elementBytes: number): number | undefined {
  let bytes = elementBytes;
  for (const d of shape) {
    bytes *= d;
    if (bytes > Number.MAX_SAFE_INTEGER) return undefined;
  }
  return bytes;
}

/** Tensors, sorted by where they begin, must follow each other from the header's end to the file's. */
function checkLayout(entries: SafetensorsEntry[], dataStart: number, fileBytes: number, where: string): void {
  let end = dataStart;
  for (const e of entries.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (e.offset !== end) {
      const what = e.offset < end ? 'overlaps the one before it' : 'leaves a hole in front of it';
      throw new Fault(
        'data',
        `${where}: tensor ${showName(e.name)} ${what}: expected it to begin at byte ${end} of the file, got ${e.offset}.`,
      );
    }
    end += e.bytes;
  }
  if (end !== fileBytes) {
    const what = end > fileBytes ? 'The file is cut short.' : 'Something follows the tensors.';
    throw new Fault('data', `${where}: expected ${end} bytes in all, as the header says, got ${fileBytes}. ${what}`);
  }
}

/** A name from a file as it may stand in a message: quoted, without control characters, at most 80 characters. */
export function showName(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name);
}

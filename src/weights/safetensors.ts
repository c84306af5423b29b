import { DTYPES, type DType } from '../core/dtype.ts';
import { Fault } from '../core/fault.ts';
import { showShape, sizeOf } from '../core/shape.ts';
import { bytesOf, type Tensor, tensor } from '../core/tensor.ts';
import {
  readSafetensorsHeader,
  SAFETENSORS_DTYPES,
  type SafetensorsDType,
  type SafetensorsEntry,
  type SafetensorsHeader,
  safetensorsHeaderEnd,
  showName,
} from './safetensors-header.ts';
import type { ByteSource } from './source.ts';
import { widenBrain, widenHalf } from './widen.ts';

/** Tensors and the free text that a safetensors file holds beside them. */
export interface Safetensors {
  /** In the order of the file's header. */
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Record<string, string>;
}

/**
 * Reads a safetensors file. Tensors are views of `bytes` where their place is aligned, copies elsewhere; F16 and
 * BF16 become float32. `where` (the file's name) begins every message.
 *
 * Format: https://github.com/huggingface/safetensors (README, "Format").
 */
export function readSafetensors(bytes: Uint8Array, where = 'safetensors'): Safetensors {
  const { entries, metadata } = readSafetensorsHeader(bytes, bytes.length, where);
  const tensors = new Map<string, Tensor>();
  for (const e of entries.values()) {
    tensors.set(e.name, decodeSafetensor(e, bytes.subarray(e.offset, e.offset + e.bytes), { where }));
  }
  return { tensors, metadata: { ...metadata } };
}

export type { ByteSource } from './source.ts';

/** A safetensors file, of which tensors are read one at a time. */
export interface OpenSafetensors extends SafetensorsHeader {
  readTensor(name: string): Promise<Tensor>;
}

/** Reads and checks the header of a safetensors file; the tensors stay in the file until they are asked for. */
export async function openSafetensors(source: ByteSource, where = 'safetensors'): Promise<OpenSafetensors> {
  const end = safetensorsHeaderEnd(await source.read(0, Math.min(8, source.size)), source.size, where);
  const header = readSafetensorsHeader(await source.read(0, end), source.size, where);
  const readTensor = async (name: string): Promise<Tensor> => {
    const entry = header.entries.get(name);
    if (!entry) throw new Fault('data', `${where}: expected a tensor ${showName(name)}, got a file without it.`);
    return decodeSafetensor(entry, await source.read(entry.offset, entry.bytes), { where });
  };
  return { ...header, readTensor };
}

/** Options of {@link decodeSafetensor}. */
export interface SafetensorOptions {
  /** Begins a message; the file's name. */
  readonly where?: string;
  /** Whether F16 stays float16; otherwise it becomes float32. */
  readonly keepHalf?: boolean;
}

/** The tensor of an entry, from exactly its bytes: a view where they are aligned, else a copy. */
export function decodeSafetensor(entry: SafetensorsEntry, bytes: Uint8Array, options: SafetensorOptions = {}): Tensor {
  const { where = 'safetensors', keepHalf = false } = options;
  const at = `${where}: tensor ${showName(entry.name)}`;
  if (bytes.length !== entry.bytes)
    throw new Fault('data', `${at}: expected ${entry.bytes} bytes, got ${bytes.length}.`);
  const { dtype, bytes: elementBytes } = SAFETENSORS_DTYPES[entry.dtype];
  const aligned = bytes.byteOffset % elementBytes === 0 ? bytes : new Uint8Array(bytes);
  const size = entry.bytes / elementBytes;
  if (entry.dtype === 'F16' || entry.dtype === 'BF16') {
    const bits = new Uint16Array(aligned.buffer, aligned.byteOffset, size);
    if (entry.dtype === 'F16' && keepHalf) return tensor('float16', entry.shape, bits);
    return tensor('float32', entry.shape, entry.dtype === 'F16' ? widenHalf(bits) : widenBrain(bits));
  }
  if (entry.dtype === 'BOOL' && aligned.some((b) => b > 1)) {
    throw new Fault('data', `${at}: expected 0 or 1 in every element of a BOOL, got other bytes.`);
  }
  return tensor(dtype, entry.shape, DTYPES[dtype].view(aligned.buffer, aligned.byteOffset, size));
}

const WRITTEN: { readonly [K in DType]: SafetensorsDType } = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  int64: 'I64',
  int32: 'I32',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};

/**
 * The pieces of a safetensors file, to be written one after the other: the header, then views of the tensors' data.
 *
 * The same tensors in the same order give the same bytes. The header keeps the order given, `__metadata__` first with
 * its keys sorted, and is padded by spaces to a multiple of 8; wider elements lie before narrower ones, as the
 * official library puts them, so every tensor is aligned.
 */
export function safetensorsPieces(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const named = new Map<string, Tensor>();
  for (const [name, t] of tensors) {
    if (named.has(name))
      throw new Fault('data', `safetensors: expected names that differ, got ${showName(name)} twice.`);
    checkWritable(name, t);
    named.set(name, t);
  }
  const offsets = new Map<string, number>();
  const pieces: Uint8Array[] = [];
  let end = 0;
  for (const [name, t] of [...named].sort(([, a], [, b]) => DTYPES[b.dtype].bytes - DTYPES[a.dtype].bytes)) {
    offsets.set(name, end);
    pieces.push(bytesOf(t));
    end += t.data.byteLength;
  }
  const members: string[] = [];
  const keys = Object.keys(metadata).sort();
  if (keys.length > 0) {
    for (const k of keys) checkText(k, metadata[k]!);
    members.push(
      `"__metadata__":{${keys.map((k) => `${JSON.stringify(k)}:${JSON.stringify(metadata[k])}`).join(',')}}`,
    );
  }
  for (const [name, t] of named) {
    const begin = offsets.get(name)!;
    const entry = { dtype: WRITTEN[t.dtype], shape: t.shape, data_offsets: [begin, begin + t.data.byteLength] };
    members.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  }
  return [frame(`{${members.join(',')}}`), ...pieces];
}

/** A safetensors file of these tensors; see {@link safetensorsPieces} for its layout. */
export function writeSafetensors(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const pieces = safetensorsPieces(tensors, metadata);
  const out = new Uint8Array(pieces.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

/** The header's size, its text, and spaces to a multiple of 8 bytes. */
function frame(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const size = Math.ceil(text.length / 8) * 8;
  const out = new Uint8Array(8 + size).fill(0x20);
  new DataView(out.buffer).setBigUint64(0, BigInt(size), true);
  out.set(text, 8);
  return out;
}

function checkWritable(name: string, t: Tensor): void {
  checkText(name);
  if (name === '__metadata__') {
    throw new Fault(
      'data',
      'safetensors: expected a tensor name other than "__metadata__", which the format reserves.',
    );
  }
  const elements = t.data.byteLength / DTYPES[t.dtype].bytes;
  if (elements !== sizeOf(t.shape)) {
    throw new Fault(
      'data',
      `safetensors: tensor ${showName(name)}: expected ${sizeOf(t.shape)} elements of ${t.dtype} for ${showShape(t.shape)}, got ${elements}.`,
    );
  }
}

function checkText(...texts: readonly string[]): void {
  for (const text of texts) {
    if (/\p{Surrogate}/u.test(text)) {
      throw new Fault(
        'data',
        `safetensors: expected names and metadata in Unicode, got a half character in ${showName(text)}.`,
      );
    }
  }
}

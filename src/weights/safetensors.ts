import { DTYPES } from '../core/dtype.ts';
import { Fault } from '../core/fault.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import {
  readSafetensorsHeader,
  SAFETENSORS_DTYPES,
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

export { safetensorsPieces, writeSafetensors } from './safetensors-write.ts';
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

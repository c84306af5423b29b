import { joinBytes } from '../core/bytes.ts';
import { DTYPES, type DType } from '../core/dtype.ts';
import { Fault } from '../core/fault.ts';
import { showShape, sizeOf } from '../core/shape.ts';
import { bytesOf, type Tensor } from '../core/tensor.ts';
import { type SafetensorsDType, showName } from './safetensors-header.ts';

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

/** What is written of a tensor before its data. */
export interface TensorSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** The beginning of a safetensors file, and the order in which the tensors' data follow it. */
export interface SafetensorsHead {
  readonly head: Uint8Array;
  readonly order: readonly TensorSpec[];
}

/** Bytes of a tensor's elements. */
export function specBytes({ dtype, shape }: TensorSpec): number {
  return sizeOf(shape) * DTYPES[dtype].bytes;
}

/**
 * The head of a safetensors file of these tensors.
 *
 * The same tensors in the same order give the same bytes. The header keeps the order given, `__metadata__` first with
 * its keys sorted, and is padded by spaces to a multiple of 8; wider elements lie before narrower ones, as the
 * official library puts them, so every tensor is aligned.
 */
export function safetensorsHead(
  specs: readonly TensorSpec[],
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsHead {
  const order = [...specs].sort((a, b) => DTYPES[b.dtype].bytes - DTYPES[a.dtype].bytes);
  const offsets = new Map<string, number>();
  let end = 0;
  for (const spec of order) {
    checkName(spec.name);
    if (offsets.has(spec.name)) {
      throw new Fault('data', `safetensors: expected names that differ, got ${showName(spec.name)} twice.`);
    }
    offsets.set(spec.name, end);
    end += specBytes(spec);
  }
  const members = metadataMember(metadata);
  for (const spec of specs) {
    const begin = offsets.get(spec.name)!;
    const entry = { dtype: WRITTEN[spec.dtype], shape: spec.shape, data_offsets: [begin, begin + specBytes(spec)] };
    members.push(`${JSON.stringify(spec.name)}:${JSON.stringify(entry)}`);
  }
  return { head: frame(`{${members.join(',')}}`), order };
}

function metadataMember(metadata: Readonly<Record<string, string>>): string[] {
  const keys = Object.keys(metadata).sort();
  if (keys.length === 0) return [];
  for (const k of keys) checkText(k, metadata[k]!);
  return [`"__metadata__":{${keys.map((k) => `${JSON.stringify(k)}:${JSON.stringify(metadata[k])}`).join(',')}}`];
}

/**
 * The pieces of a safetensors file, to be written one after the other: the head (see {@link safetensorsHead}), then
 * views of the tensors' data.
 */
export function safetensorsPieces(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const given = [...tensors];
  const { head, order } = safetensorsHead(
    given.map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    metadata,
  );
  const named = new Map(given);
  return [head, ...order.map((spec) => tensorBytes(spec, named.get(spec.name)!))];
}

/** The bytes of a tensor, which must be as was said of it. */
export function tensorBytes(spec: TensorSpec, t: Tensor): Uint8Array {
  const bytes = bytesOf(t);
  if (t.dtype === spec.dtype && bytes.length === specBytes(spec)) return bytes;
  throw new Fault(
    'data',
    `safetensors: tensor ${showName(spec.name)}: expected ${sizeOf(spec.shape)} elements of ${spec.dtype} for ${showShape(spec.shape)}, got ${bytes.length / DTYPES[t.dtype].bytes} of ${t.dtype}.`,
  );
}

/** A safetensors file of these tensors; see {@link safetensorsPieces} for its layout. */
export function writeSafetensors(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  return joinBytes(safetensorsPieces(tensors, metadata));
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

function checkName(name: string): void {
  checkText(name);
  if (name === '__metadata__') {
    throw new Fault(
      'data',
      'safetensors: expected a tensor name other than "__metadata__", which the format reserves.',
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

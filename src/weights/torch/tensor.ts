import { DTYPES, type TypedArray } from '../../core/dtype.ts';
import { Fault } from '../../core/fault.ts';
import { sameShape, showShape, sizeOf, stridesOf } from '../../core/shape.ts';
import { type Tensor, tensor } from '../../core/tensor.ts';
import { widenBrain } from '../widen.ts';
import type { Machine } from './machine.ts';
import type { StorageType } from './storage.ts';
import {
  asWhole,
  describeValue,
  ofKind,
  type PickleValue,
  REFUSED,
  type TorchStorage,
  type TorchTensor,
} from './value.ts';

/** Most axes of a tensor; PyTorch's own limit. */
const AXES = 64;

/** `_rebuild_tensor(storage, offset, shape, stride, ...)`: a view, refused unless all of it lies in the storage. */
export function makeTensor(args: readonly PickleValue[], m: Machine): PickleValue {
  if (args[0] === REFUSED) return REFUSED;
  const storage = ofKind(args[0], 'storage');
  const offset = asWhole(args[1]);
  const shape = wholes(args[2]);
  const stride = wholes(args[3]);
  if (!storage || offset === undefined || !shape || !stride) {
    const got = args.slice(0, 4).map(describeValue).join(', ');
    throw m.broken(`a tensor's storage, offset, shape and strides, not ${got},`);
  }
  m.budget.objects(1);
  return viewOf(storage, { offset, shape, stride }, m.where);
}

function wholes(value: PickleValue | undefined): readonly number[] | undefined {
  const items = (ofKind(value, 'tuple') ?? ofKind(value, 'list'))?.items;
  if (!items || items.length > AXES) return undefined;
  const found = items.map(asWhole);
  return found.every((n) => n !== undefined) ? found : undefined;
}

/** A view of a storage, after checks that all its elements lie there and that there are not more than the storage's. */
export function viewOf(
  storage: TorchStorage,
  view: { readonly offset: number; readonly shape: readonly number[]; readonly stride: readonly number[] },
  where: string,
): TorchTensor {
  const { offset, shape, stride } = view;
  const size = sizeOf(shape);
  const last = size === 0 ? offset - 1 : shape.reduce((at, d, i) => at + (d - 1) * (stride[i] ?? Number.NaN), offset);
  const inside = shape.length === stride.length && last < storage.elements && offset <= storage.elements;
  if (inside && size <= storage.elements) return { kind: 'tensor', storage, offset, shape, stride };
  throw new Fault(
    'data',
    `${where}: expected a tensor inside its storage of ${storage.elements} elements, got shape ${showShape(shape.slice(0, 8))} with strides ${showShape(stride.slice(0, 8))} from element ${offset}. The file is damaged, or holds an expanded tensor: save it with .contiguous().`,
  );
}

/** First element that a view touches and how many lie from there to its last, counted in the stored bytes. */
export function spanOf(t: TorchTensor): { readonly first: number; readonly elements: number } {
  const first = t.storage.first + t.offset;
  if (sizeOf(t.shape) === 0) return { first, elements: 0 };
  return { first, elements: 1 + t.shape.reduce((sum, d, i) => sum + (d - 1) * t.stride[i]!, 0) };
}

/** The tensor of exactly the bytes of its {@link spanOf}: a view of them where it can be. `at` begins a message. */
export function decodeTensor(t: TorchTensor, bytes: Uint8Array, at: string): Tensor {
  const { type } = t.storage;
  const aligned = bytes.byteOffset % type.bytes === 0 ? bytes : new Uint8Array(bytes);
  const stored = viewBytes(type, aligned);
  const dense = isDense(t) ? stored : rowMajor(stored, t);
  if (type.stored === 'bool' && bytes.some((b) => b > 1)) {
    throw new Fault('data', `${at}: expected 0 or 1 in every element of a bool tensor, got other bytes.`);
  }
  return tensor(type.dtype, t.shape, widened(type, dense));
}

type Stored = TypedArray | Int16Array;

function viewBytes(type: StorageType, bytes: Uint8Array): Stored {
  const size = bytes.length / type.bytes;
  if (type.stored === 'int16') return new Int16Array(bytes.buffer, bytes.byteOffset, size);
  const kind = type.stored === 'bfloat16' ? 'float16' : type.dtype;
  return DTYPES[kind].view(bytes.buffer, bytes.byteOffset, size);
}

function widened(type: StorageType, data: Stored): TypedArray {
  if (data instanceof Int16Array) return Int32Array.from(data);
  return type.stored === 'bfloat16' && data instanceof Uint16Array ? widenBrain(data) : data;
}

/** Whether elements lie row after row; strides of axes of one element say nothing. */
function isDense(t: TorchTensor): boolean {
  if (sizeOf(t.shape) === 0) return true;
  const kept = t.shape.flatMap((d, i) => (d === 1 ? [] : [i]));
  const strides = kept.map((i) => t.stride[i]!);
  const rows = stridesOf(kept.map((i) => t.shape[i]!));
  return sameShape(strides, rows);
}

function rowMajor(stored: Stored, t: TorchTensor): Stored {
  const size = sizeOf(t.shape);
  if (stored instanceof BigInt64Array) return gather(stored, new BigInt64Array(size), t);
  const out = stored instanceof Int16Array ? new Int16Array(size) : numbersLike(t.storage.type, size);
  return gather<number, Exclude<Stored, BigInt64Array>>(stored, out, t);
}

function numbersLike(type: StorageType, size: number): Exclude<TypedArray, BigInt64Array> {
  const made = DTYPES[type.stored === 'bfloat16' ? 'float16' : type.dtype].make(size);
  if (made instanceof BigInt64Array) throw new Fault('data', 'expected an element type of numbers.');
  return made;
}

/** Copies the elements of a view into `out`, in row-major order. */
function gather<T, A extends { [i: number]: T }>(stored: { readonly [i: number]: T }, out: A, t: TorchTensor): A {
  const { shape, stride } = t;
  const rank = shape.length;
  const size = sizeOf(shape);
  const [inner, step] = [shape[rank - 1]!, stride[rank - 1]!];
  const index = new Array<number>(rank).fill(0);
  let from = 0;
  for (let to = 0; to < size; to += inner) {
    for (let i = 0; i < inner; i++) (out as { [i: number]: T })[to + i] = stored[from + i * step]!;
    for (let axis = rank - 2; axis >= 0; axis--) {
      from += stride[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= stride[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

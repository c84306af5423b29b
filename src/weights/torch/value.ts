import type { StorageType } from './storage.ts';

/** A Python list. */
export interface PickleList {
  readonly kind: 'list';
  readonly items: PickleValue[];
}

/** A Python tuple; `torch.Size` too. */
export interface PickleTuple {
  readonly kind: 'tuple';
  readonly items: readonly PickleValue[];
}

/** A Python dict, OrderedDict, defaultdict, Counter or argparse.Namespace: never a JavaScript object. */
export interface PickleDict {
  readonly kind: 'dict';
  readonly entries: Map<PickleValue, PickleValue>;
  /** Whether its attributes are its entries, as in a Namespace. */
  readonly namespace: boolean;
}

/** A Python set or frozenset. */
export interface PickleSet {
  readonly kind: 'set';
  readonly items: PickleValue[];
}

/** A name of the list of names that a pickle may ask for. */
export interface PickleGlobal {
  readonly kind: 'global';
  readonly name: string;
}

/** A name that is not on the list: it stands for whatever would be made of it, so that reading finds the other names. */
export interface PickleRefused {
  readonly kind: 'refused';
}

/** A numpy dtype: its letter and bytes, and whether its bytes are little-endian. */
export interface NumpyDType {
  readonly kind: 'numpy-dtype';
  readonly code: string;
  littleEndian: boolean;
}

/** Elements in a file, which tensors view. */
export interface TorchStorage {
  readonly kind: 'storage';
  readonly key: string;
  readonly type: StorageType;
  /** First element, counted from that of the stored bytes: above 0 in views of storages, which old files have. */
  readonly first: number;
  readonly elements: number;
}

/** A tensor: a view of a storage, with offset and strides in elements; checked to lie inside. */
export interface TorchTensor {
  readonly kind: 'tensor';
  readonly storage: TorchStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly stride: readonly number[];
}

/** What is built of a pickle. */
export type PickleObject =
  | PickleList
  | PickleTuple
  | PickleDict
  | PickleSet
  | PickleGlobal
  | PickleRefused
  | NumpyDType
  | TorchStorage
  | TorchTensor;

/** Anything that a pickle may hold. */
export type PickleValue = null | boolean | number | bigint | string | Uint8Array | PickleObject;

/** The one stand-in for what is refused. */
export const REFUSED: PickleRefused = { kind: 'refused' };

/** A value of a kind, or undefined. */
export function ofKind<K extends PickleObject['kind']>(
  value: PickleValue | undefined,
  kind: K,
): Extract<PickleObject, { kind: K }> | undefined {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined;
  return value.kind === kind ? (value as Extract<PickleObject, { kind: K }>) : undefined;
}

/** What a value is, for a message. */
export function describeValue(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (typeof value === 'object') return value.kind === 'global' ? value.name : `a ${value.kind}`;
  if (typeof value === 'string') return value.length > 40 ? 'a string' : JSON.stringify(value);
  return String(value).slice(0, 40);
}

/** A whole number from 0 to 2^53 - 1, or undefined. */
export function asWhole(value: PickleValue | undefined): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

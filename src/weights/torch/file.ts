import { Fault } from '../../core/fault.ts';
import { showName } from '../safetensors-header.ts';
import { storageType } from './globals.ts';
import type { StorageType } from './storage.ts';
import { asWhole, describeValue, ofKind, type PickleTuple, type PickleValue, type TorchStorage } from './value.ts';

/** Where the bytes of a storage lie, with what stands in front of them. */
export interface Region {
  readonly offset: number;
  readonly length: number;
  /** A place from which the storage's bytes are a multiple of 64 bytes away, as far as is known. */
  readonly origin: number;
  /** The storage's bytes among the region's, after a check of what stands in front. */
  data(region: Uint8Array): Uint8Array;
}

/** A checkpoint whose pickle was read; tensors lie in the file still. */
export interface TorchFile {
  readonly format: 'torch-zip' | 'torch-legacy' | 'torch-tar';
  readonly root: PickleValue;
  region(storage: TorchStorage): Region;
}

/** What a persistent id says of a storage. */
export interface StorageId {
  readonly type: StorageType;
  readonly key: string;
  readonly elements: number;
  /** What follows: of old files, the view of the storage that is meant. */
  readonly rest: readonly PickleValue[];
}

/** Reads `('storage', class, key, location, elements, ...)`. */
export function storageId(tuple: PickleTuple | undefined, where: string): StorageId {
  const [word, type, key, , elements, ...rest] = tuple?.items ?? [];
  const global = ofKind(type, 'global');
  const found = global && storageType(global.name);
  const count = asWhole(elements);
  if (word !== 'storage' || !found || typeof key !== 'string' || count === undefined) {
    const got = (tuple?.items ?? []).slice(0, 5).map(describeValue).join(', ');
    throw new Fault('data', `${where}: expected the persistent id of a storage, got (${got}). The file is damaged.`);
  }
  return { type: found, key, elements: count, rest };
}

/** Storages by key; one key stands for one type and size. */
export class StorageTable {
  readonly #known: Map<string, TorchStorage> = new Map();
  readonly #where: string;

  constructor(where: string) {
    this.#where = where;
  }

  /** The storage of an id, which `check` sees when it is new. */
  of({ type, key, elements }: StorageId, check: (storage: TorchStorage) => void): TorchStorage {
    const known = this.#known.get(key);
    if (!known) {
      const made: TorchStorage = { kind: 'storage', key, type, first: 0, elements };
      check(made);
      this.#known.set(key, made);
      return made;
    }
    if (known.type === type && known.elements === elements) return known;
    throw new Fault(
      'data',
      `${this.#where}: expected storage ${showName(key)} to be ${known.elements} ${known.type.stored} wherever it is used, got ${elements} ${type.stored}. The file is damaged.`,
    );
  }

  get(key: string): TorchStorage | undefined {
    return this.#known.get(key);
  }

  get size(): number {
    return this.#known.size;
  }
}

/** A storage whose bytes follow their number of elements, 8 bytes, as old files have them. */
export function countedRegion(storage: TorchStorage, offset: number, where: string): Region {
  const bytes = storage.elements * storage.type.bytes;
  return {
    offset,
    length: 8 + bytes,
    origin: offset + 8,
    data: (region) => {
      const count = new DataView(region.buffer, region.byteOffset, 8).getBigInt64(0, true);
      if (count === BigInt(storage.elements)) return region.subarray(8);
      throw new Fault(
        'data',
        `${where}: expected storage ${showName(storage.key)} to have ${storage.elements} elements, got ${count} in front of it. The file is damaged.`,
      );
    },
  };
}

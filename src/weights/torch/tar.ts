import { Fault } from '../../core/fault.ts';
import { showName } from '../safetensors-header.ts';
import type { ByteSource } from '../source.ts';
import { latin1 } from './cursor.ts';
import { countedRegion, type Region, type TorchFile } from './file.ts';
import { storageType } from './globals.ts';
import { unpickleAt } from './pickle.ts';
import { viewOf } from './tensor.ts';
import { asWhole, describeValue, ofKind, type PickleValue, type TorchStorage, type TorchTensor } from './value.ts';

const BLOCK = 512;
/** Files of an archive of PyTorch: there were four. */
const MOST_MEMBERS = 64;
/** Storages and tensors that are read: one read of the file each. */
const MOST_OBJECTS = 20_000;

interface Member {
  readonly start: number;
  readonly end: number;
}

/** Whether a file begins with the header of a tar archive: its checksum counts its own field as spaces. */
export function isTar(start: Uint8Array): boolean {
  if (start.length < BLOCK || start[0] === 0) return false;
  const sum = start.subarray(0, BLOCK).reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
  return sum === octal(start.subarray(148, 156));
}

/**
 * Opens what torch.save wrote before PyTorch 0.1.10: a tar archive of `storages` (a pickled count; then of each a
 * pickled (key, location, class), its number of elements and its bytes; then pickled views of storages), `tensors` (a
 * pickled count; then of each a pickled (key, storage key, class), the rank in 8 bytes, sizes, strides and offset) and
 * `pickle`, whose persistent ids are keys of tensors or storages.
 */
export async function openTar(source: ByteSource, where: string): Promise<TorchFile> {
  const members = await readMembers(source, where);
  const member = (name: string): Member => {
    const found = members.get(name);
    if (found) return found;
    throw new Fault('data', `${where}: expected a tar archive of torch.save, got one without "${name}".`);
  };
  const objects = new Map<string, TorchStorage | TorchTensor>();
  const regions = new Map<string, Region>();
  await readStorages(new Reader(source, member('storages'), where), objects, regions);
  await readTensors(new Reader(source, member('tensors'), where), objects);
  const persistent = (id: PickleValue): PickleValue => {
    const tuple = ofKind(id, 'tuple');
    if (tuple) return tuple.items[0] ?? null; // a class with its source code
    return objectOf(objects, id, where);
  };
  const root = await new Reader(source, member('pickle'), where).pickle(persistent);
  return { format: 'torch-tar', root, region: (storage) => regions.get(storage.key)! };
}

/** Reads a member of the archive from its beginning on. */
class Reader {
  readonly where: string;
  readonly #source: ByteSource;
  readonly #member: Member;
  at: number;

  constructor(source: ByteSource, member: Member, where: string) {
    // Bytes beyond the member do not exist for its pickles.
    this.#source = { size: member.end, read: (offset, length) => source.read(offset, length) };
    this.#member = member;
    this.where = where;
    this.at = member.start;
  }

  async pickle(persistent?: (id: PickleValue) => PickleValue): Promise<PickleValue> {
    const options = persistent ? { where: this.where, persistent } : { where: this.where };
    const { value, end } = await unpickleAt(this.#source, this.at, options);
    this.at += end;
    return value;
  }

  /** A pickled number of things that follow. */
  async count(): Promise<number> {
    const value = asWhole(await this.pickle());
    if (value !== undefined && value <= MOST_OBJECTS) return value;
    throw this.damaged(`a count of at most ${MOST_OBJECTS}`);
  }

  /** A pickled tuple. */
  async tuple(): Promise<readonly PickleValue[]> {
    const value = ofKind(await this.pickle(), 'tuple');
    if (value) return value.items;
    throw this.damaged('a tuple');
  }

  /** Whole numbers of 8 bytes. */
  async wholes(n: number): Promise<number[]> {
    const bytes = await this.#source.read(this.skip(8 * n), 8 * n);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return Array.from({ length: n }, (_, i) => {
      const value = Number(view.getBigInt64(8 * i, true));
      if (Number.isSafeInteger(value) && value >= 0) return value;
      throw this.damaged('a size that is not negative');
    });
  }

  /** Steps over `n` bytes and gives where they began. */
  skip(n: number): number {
    const start = this.at;
    if (n > this.#member.end - start) throw this.damaged(`${n} more bytes`);
    this.at += n;
    return start;
  }

  damaged(expected: string): Fault {
    return new Fault(
      'data',
      `${this.where}: expected ${expected} at byte ${this.at} of the archive. It is cut short or damaged.`,
    );
  }
}

/** A key as text: old Python wrote numbers or text for the same key. */
function keyOf(value: PickleValue | undefined): string | undefined {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string') return String(value);
  return undefined;
}

function objectOf(
  objects: ReadonlyMap<string, TorchStorage | TorchTensor>,
  id: PickleValue | undefined,
  where: string,
): TorchStorage | TorchTensor {
  const found = objects.get(keyOf(id) ?? '');
  if (found) return found;
  throw new Fault('data', `${where}: expected the key of a tensor or a storage, got ${describeValue(id)}.`);
}

async function readStorages(
  r: Reader,
  objects: Map<string, TorchStorage | TorchTensor>,
  regions: Map<string, Region>,
): Promise<void> {
  for (let left = await r.count(); left > 0; left--) {
    const [id, , type] = await r.tuple();
    const key = keyOf(id);
    const found = storageType(ofKind(type, 'global')?.name ?? '');
    if (key === undefined || !found || objects.has(key)) throw r.damaged('a key, a place and a class of storage');
    const start = r.at;
    const [elements] = await r.wholes(1);
    r.skip(elements! * found.bytes);
    const storage: TorchStorage = { kind: 'storage', key, type: found, first: 0, elements: elements! };
    objects.set(key, storage);
    regions.set(key, countedRegion(storage, start, r.where));
  }
  const views = ofKind(await r.pickle(), 'list')?.items ?? [];
  for (const view of views) addView(r, objects, ofKind(view, 'tuple')?.items ?? []);
}

/** `(key, key of the whole, first element, elements)`: a storage that is a part of another. */
function addView(r: Reader, objects: Map<string, TorchStorage | TorchTensor>, view: readonly PickleValue[]): void {
  const key = keyOf(view[0]);
  const [first, elements] = [asWhole(view[2]), asWhole(view[3])];
  const root = objectOf(objects, view[1], r.where);
  const known = first !== undefined && elements !== undefined && key !== undefined && !objects.has(key);
  if (!known || root.kind !== 'storage' || first + elements > root.elements) throw r.damaged('views inside storages');
  objects.set(key, { ...root, first: root.first + first, elements });
}

async function readTensors(r: Reader, objects: Map<string, TorchStorage | TorchTensor>): Promise<void> {
  for (let left = await r.count(); left > 0; left--) {
    const [id, storageKey] = await r.tuple();
    const key = keyOf(id);
    const storage = objectOf(objects, storageKey, r.where);
    const rank = (await r.wholes(1))[0]! % 2 ** 32; // 4 bytes of rank and 4 that were not always set
    if (key === undefined || storage.kind !== 'storage' || rank > 64 || objects.has(key)) throw r.damaged('a tensor');
    const shape = await r.wholes(rank);
    const stride = await r.wholes(rank);
    const [offset] = await r.wholes(1);
    objects.set(key, viewOf(storage, { offset: offset!, shape, stride }, r.where));
  }
}

async function readMembers(source: ByteSource, where: string): Promise<ReadonlyMap<string, Member>> {
  const members = new Map<string, Member>();
  for (let at = 0; at + BLOCK <= source.size; ) {
    const header = await source.read(at, BLOCK);
    if (header[0] === 0) break; // the archive ends with blocks of zeros
    const size = octal(header.subarray(124, 136));
    const start = at + BLOCK;
    if (!isTar(header) || size === undefined || start + size > source.size || members.size >= MOST_MEMBERS) {
      throw new Fault('data', `${where}: expected a file of a tar archive at byte ${at}. It is cut short or damaged.`);
    }
    const name = latin1(header.subarray(0, 100)).replace(/\0.*$/s, '').replace(/^\.\//, '');
    const isFile = header[156] === 0 || header[156] === 0x30;
    if (members.has(name))
      throw new Fault('data', `${where}: expected names that differ, got ${showName(name)} twice.`);
    if (isFile) members.set(name, { start, end: start + size });
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return members;
}

/** A number of octal digits, ended by a space or a zero. */
function octal(field: Uint8Array): number | undefined {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(latin1(field))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

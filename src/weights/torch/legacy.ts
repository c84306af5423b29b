import { Fault } from '../../core/fault.ts';
import { showName } from '../safetensors-header.ts';
import type { ByteSource } from '../source.ts';
import { countedRegion, type Region, StorageTable, storageId, type TorchFile } from './file.ts';
import type { PersistentLoad } from './machine.ts';
import { unpickleAt } from './pickle.ts';
import { asWhole, describeValue, ofKind, type PickleTuple, type PickleValue, type TorchStorage } from './value.ts';

/** The number with which torch.save began its files before 1.6. */
export const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/**
 * Opens what torch.save wrote from PyTorch 0.1.10 to 1.5, and still writes without its zip: the pickles of a magic
 * number, a version, facts of the machine, the checkpoint, and the keys of its storages; then each storage's number of
 * elements and its bytes, in the order of the keys.
 */
export async function openLegacy(source: ByteSource, where: string): Promise<TorchFile> {
  let at = 0;
  const next = async (persistent?: PersistentLoad): Promise<PickleValue> => {
    const { value, end } = await unpickleAt(source, at, persistent ? { where, persistent } : { where });
    at += end;
    return value;
  };
  const magic = await next();
  if (magic !== LEGACY_MAGIC) throw notOurs(where, `a pickle of ${describeValue(magic)}`);
  const version = await next();
  if (version !== PROTOCOL) throw notOurs(where, `version ${describeValue(version)} of the format`);
  checkMachine(await next(), where);
  const storages = new StorageTable(where);
  const root = await next(loader(storages, source.size, where));
  const keys = ofKind(await next(), 'list')?.items;
  if (keys?.length !== storages.size)
    throw notOurs(where, `${keys?.length ?? 'no'} keys for ${storages.size} storages`);
  const regions = layOut(keys, at, { storages, size: source.size, where });
  return { format: 'torch-legacy', root, region: (storage) => regions.get(storage.key)! };
}

function notOurs(where: string, got: string): Fault {
  return new Fault('data', `${where}: expected a checkpoint of torch.save, got ${got}. Is it another kind of pickle?`);
}

function checkMachine(facts: PickleValue, where: string): void {
  if (ofKind(facts, 'dict')?.entries.get('little_endian') !== false) return;
  throw new Fault('data', `${where}: expected little-endian numbers, got big-endian ones. Save it on another machine.`);
}

/** Storages of persistent ids; ids of modules, which hold source code, stand for what was asked for. */
function loader(storages: StorageTable, fileBytes: number, where: string): PersistentLoad {
  return (id) => {
    const tuple = ofKind(id, 'tuple');
    if (tuple?.items[0] === 'module') return tuple.items[1] ?? null;
    const found = storageId(tuple, where);
    const storage = storages.of(found, (s) => checkClaim(s, fileBytes, where));
    const view = found.rest[0];
    return view === undefined || view === null ? storage : viewedStorage(storage, ofKind(view, 'tuple'), where);
  };
}

/** Refuses a storage that claims more bytes than the file has. */
function checkClaim(storage: TorchStorage, fileBytes: number, where: string): void {
  const bytes = storage.elements * storage.type.bytes;
  if (bytes <= fileBytes) return;
  throw new Fault(
    'data',
    `${where}: expected storage ${showName(storage.key)} inside the file's ${fileBytes} bytes, got a claim of ${bytes}. The file is cut short or damaged.`,
  );
}

/** `(key, offset, size)`: a part of a storage, in elements. */
function viewedStorage(storage: TorchStorage, view: PickleTuple | undefined, where: string): TorchStorage {
  const [first, elements] = [asWhole(view?.items[1]), asWhole(view?.items[2])];
  if (first === undefined || elements === undefined || first + elements > storage.elements) {
    throw new Fault('data', `${where}: expected a view inside storage ${showName(storage.key)}. The file is damaged.`);
  }
  return { ...storage, first, elements };
}

/** Where each storage lies, one after the other from `start`. */
function layOut(
  keys: readonly PickleValue[],
  start: number,
  file: { readonly storages: StorageTable; readonly size: number; readonly where: string },
): ReadonlyMap<string, Region> {
  const regions = new Map<string, Region>();
  let at = start;
  for (const key of keys) {
    const storage = typeof key === 'string' ? file.storages.get(key) : undefined;
    if (!storage || regions.has(storage.key)) {
      throw notOurs(file.where, `a key ${describeValue(key)} that no tensor uses, or twice`);
    }
    const region = countedRegion(storage, at, file.where);
    regions.set(storage.key, region);
    at += region.length;
  }
  if (at <= file.size) return regions;
  throw new Fault(
    'data',
    `${file.where}: expected at least ${at} bytes, as its storages need, got ${file.size}. The file is cut short.`,
  );
}

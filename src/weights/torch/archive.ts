import { Fault } from '../../core/fault.ts';
import { showName } from '../safetensors-header.ts';
import type { ByteSource } from '../source.ts';
import { latin1 } from './cursor.ts';
import { StorageTable, storageId, type TorchFile } from './file.ts';
import { unpickleWhole } from './pickle.ts';
import { ofKind, type TorchStorage } from './value.ts';
import { readZip, readZipEntry, type ZipEntry, zipData } from './zip.ts';

/** Highest version of the archive that PyTorch 2 reads. */
const VERSION = 10;
/** Most bytes of the pickle: tensors are not in it. */
const MOST_PICKLE = 64 * 1024 ** 2;

/**
 * Opens what torch.save has written since PyTorch 1.6: a zip archive with the pickle `NAME/data.pkl`, a file
 * `NAME/data/KEY` for each storage, `NAME/version` and, in newer ones, `NAME/byteorder`.
 */
export async function openArchive(source: ByteSource, where: string): Promise<TorchFile> {
  const entries = await readZip(source, where);
  const base = baseOf(entries, where);
  const small = async (name: string, most: number): Promise<Uint8Array | undefined> => {
    const entry = entries.get(base + name);
    return entry && readZipEntry(source, entry, { where, most });
  };
  checkVersion(text(await small('version', 16)), where);
  checkOrder(text(await small('byteorder', 16)), where);
  const pickle = (await small('data.pkl', MOST_PICKLE)) ?? new Uint8Array(0);
  const storages = new StorageTable(where);
  const entryOf = (storage: TorchStorage): ZipEntry => {
    const entry = entries.get(`${base}data/${storage.key}`);
    const bytes = storage.elements * storage.type.bytes;
    if (entry && entry.size === bytes) return entry;
    const got = entry ? `one of ${entry.size}` : 'none';
    throw new Fault(
      'data',
      `${where}: expected a file data/${showName(storage.key)} of ${bytes} bytes, got ${got}. The archive is damaged.`,
    );
  };
  const root = unpickleWhole(pickle, {
    where,
    fileBytes: source.size,
    persistent: (id) => storages.of(storageId(ofKind(id, 'tuple'), where), entryOf),
  });
  return {
    format: 'torch-zip',
    root,
    region: (storage) => {
      const entry = entryOf(storage);
      return {
        offset: entry.header,
        length: entry.end - entry.header,
        origin: 0, // torch.save pads so that data begin at multiples of 64
        data: (region) => zipData(entry, region, where),
      };
    },
  };
}

/** What stands before `data.pkl`: the archive's name and a slash. */
function baseOf(entries: ReadonlyMap<string, ZipEntry>, where: string): string {
  const bases = [...entries.keys()].filter((name) => /^[^/]*\/data\.pkl$/.test(name)).map((name) => name.slice(0, -8));
  const [base] = bases;
  if (base === undefined || bases.length > 1) {
    throw new Fault(
      'data',
      `${where}: expected a zip archive of torch.save with one data.pkl, got ${bases.length} of them. Is it another kind of archive?`,
    );
  }
  if (entries.has(`${base}constants.pkl`)) {
    throw new Fault(
      'data',
      `${where}: expected a checkpoint, got a TorchScript program. Save its weights: torch.save(torch.jit.load(path).state_dict(), other).`,
    );
  }
  return base;
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && latin1(bytes).trim();
}

function checkVersion(version: string | undefined, where: string): void {
  if (version === undefined || (/^\d+$/.test(version) && Number(version) <= VERSION)) return;
  throw new Fault(
    'data',
    `${where}: expected version ${VERSION} of PyTorch's archive or an older one, got ${showName(version)}. Convert it to safetensors.`,
  );
}

function checkOrder(order: string | undefined, where: string): void {
  if (order === undefined || order === 'little') return;
  throw new Fault(
    'data',
    `${where}: expected little-endian numbers, got the byte order ${showName(order)}. Save it on a little-endian machine.`,
  );
}

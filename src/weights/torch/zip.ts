import { Fault } from '../../core/fault.ts';
import { showName } from '../safetensors-header.ts';
import type { ByteSource } from '../source.ts';

/** A file in a zip archive. */
export interface ZipEntry {
  readonly name: string;
  /** Where its local header begins. */
  readonly header: number;
  /** Where the next local header, or the directory, begins: header and data lie before it. */
  readonly end: number;
  /** Bytes of its data. */
  readonly size: number;
  readonly crc: number;
  /** How it is packed, where it is not stored as it is: then it is not read. */
  readonly packed: string | undefined;
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;

/** Flags of encryption: of the file, strong, and of the directory. */
const ENCRYPTED = 0x2041;

const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
/** Most bytes of a comment after the end record. */
const COMMENT = 0xffff;

/** Largest directory that is read, in bytes: that of half a million tensors. */
const MOST_DIRECTORY = 64 * 1024 ** 2;
/** Most files: each costs some 300 bytes of memory. */
const MOST_ENTRIES = 100_000;

/**
 * The files of a zip archive, by its central directory. Refused are names that occur twice, archives over several
 * disks, files that overlap or reach into the directory, and the data of compressed and encrypted files: all that
 * torch.save never writes. Nothing is allocated by a size that was not held against the archive's.
 *
 * Format: PKWARE, APPNOTE.TXT 6.3, with the 64-bit sizes of its section 4.5.3.
 */
export async function readZip(source: ByteSource, where: string): Promise<ReadonlyMap<string, ZipEntry>> {
  const { offset, size, count, limit } = await findDirectory(source, where);
  if (offset + size > limit || size > MOST_DIRECTORY || count > MOST_ENTRIES || count * ENTRY_BYTES > size) {
    throw damaged(where, `a directory of ${count} files in ${size} bytes from byte ${offset}`);
  }
  const bytes = await source.read(offset, size);
  const found: Listed[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const entry = readEntry(bytes, at, where);
    found.push(entry);
    at = entry.next;
  }
  return ordered(found, offset, where);
}

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
  /** Where the record that told this begins. */
  readonly limit: number;
}

function damaged(where: string, got: string): Fault {
  return new Fault('data', `${where}: expected a zip archive of torch.save, got ${got}. It is cut short or damaged.`);
}

async function findDirectory(source: ByteSource, where: string): Promise<Directory> {
  const start = Math.max(0, source.size - END_BYTES - COMMENT - 20);
  const tail = viewOf(await source.read(start, source.size - start));
  let at = tail.byteLength - END_BYTES;
  const isEnd = (): boolean =>
    tail.getUint32(at, true) === END && tail.getUint16(at + 20, true) === tail.byteLength - at - END_BYTES;
  while (at >= 0 && !isEnd()) at--;
  if (at < 0) throw damaged(where, 'one without its end record');
  const [disk, first, here, count] = [4, 6, 8, 10].map((o) => tail.getUint16(at + o, true)) as [
    number,
    number,
    number,
    number,
  ];
  const [size, offset] = [tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
  if (disk === 0xffff || count === 0xffff || size === 0xffffffff || offset === 0xffffffff) {
    return findDirectory64(source, start + at, where);
  }
  if (disk !== 0 || first !== 0 || here !== count) throw damaged(where, 'one over several disks');
  return { offset, size, count, limit: start + at };
}

/** The 64-bit end record, which a locator of 20 bytes in front of the short one points to. */
async function findDirectory64(source: ByteSource, end: number, where: string): Promise<Directory> {
  if (end < 20 + 56) throw damaged(where, 'one without its 64-bit end record');
  const locator = viewOf(await source.read(end - 20, 20));
  const limit = whole64(locator, 8, where);
  if (locator.getUint32(0, true) !== LOCATOR_64 || limit + 56 > end - 20) {
    throw damaged(where, 'one without its 64-bit end record');
  }
  const record = viewOf(await source.read(limit, 56));
  const [here, count, size, offset] = [24, 32, 40, 48].map((o) => whole64(record, o, where)) as [
    number,
    number,
    number,
    number,
  ];
  if (record.getUint32(0, true) !== END_64 || here !== count || record.getUint32(16, true) !== 0) {
    throw damaged(where, 'a damaged 64-bit end record');
  }
  return { offset, size, count, limit };
}

interface Listed extends Omit<ZipEntry, 'end'> {
  /** Where the next record of the directory begins. */
  readonly next: number;
}

function readEntry(bytes: Uint8Array, at: number, where: string): Listed {
  const view = viewOf(bytes);
  if (at + ENTRY_BYTES > bytes.length || view.getUint32(at, true) !== ENTRY)
    throw damaged(where, 'a damaged directory');
  const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
  const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((o) => view.getUint16(at + o, true)) as [
    number,
    number,
    number,
  ];
  const nameAt = at + ENTRY_BYTES;
  const next = nameAt + nameBytes + extraBytes + commentBytes;
  if (next > bytes.length) throw damaged(where, 'a damaged directory');
  const name = decodeName(bytes.subarray(nameAt, nameAt + nameBytes), where);
  const extra = viewOf(bytes.subarray(nameAt + nameBytes, nameAt + nameBytes + extraBytes));
  const given = [24, 20, 42].map((o) => view.getUint32(at + o, true));
  const [full, size, header] = sizes64(given, extra, where) as [number, number, number];
  const packed = flags & ENCRYPTED ? 'encrypted' : method !== 0 ? `compressed (method ${method})` : undefined;
  if (packed === undefined && full !== size) {
    throw damaged(where, `${showName(name)} of ${size} bytes that claims to be ${full}`);
  }
  return { name, header, size, crc: view.getUint32(at + 16, true), packed, next };
}

/** The size, packed size and place of an entry: where the short fields are full, the extra field of id 1 has them, in order. */
function sizes64(given: readonly number[], extra: DataView, where: string): number[] {
  if (!given.includes(0xffffffff)) return [...given];
  let at = 0;
  while (at + 4 <= extra.byteLength && extra.getUint16(at, true) !== 1) at += 4 + extra.getUint16(at + 2, true);
  at += 4;
  return given.map((short) => {
    if (short !== 0xffffffff) return short;
    if (at + 8 > extra.byteLength) throw damaged(where, 'a directory without 64-bit sizes');
    at += 8;
    return whole64(extra, at - 8, where);
  });
}

/** Entries by name, each with the place where the next begins; those that overlap are refused. */
function ordered(found: readonly Listed[], directory: number, where: string): ReadonlyMap<string, ZipEntry> {
  const entries = new Map<string, ZipEntry>();
  const sorted = [...found].sort((a, b) => a.header - b.header);
  sorted.forEach(({ name, header, size, crc, packed }, i) => {
    const end = sorted[i + 1]?.header ?? directory;
    if (header + LOCAL_BYTES + size > end) {
      throw new Fault(
        'data',
        `${where}: expected ${showName(name)} to end before byte ${end} of the archive, got ${size} bytes after a header at ${header}. Files overlap, or it is cut short.`,
      );
    }
    if (entries.has(name)) throw damaged(where, `two files called ${showName(name)}`);
    entries.set(name, { name, header, end, size, crc, packed });
  });
  return entries;
}

/** The data of an entry among `bytes`, which begin with its local header and reach to its end. */
export function zipData(entry: ZipEntry, bytes: Uint8Array, where: string): Uint8Array {
  if (entry.packed !== undefined) {
    throw new Fault(
      'data',
      `${where}: expected stored files, as torch.save writes them, got ${showName(entry.name)} ${entry.packed}. Unpack it and save it again.`,
    );
  }
  const view = viewOf(bytes);
  if (bytes.length >= LOCAL_BYTES && view.getUint32(0, true) === LOCAL && view.getUint16(8, true) === 0) {
    const nameEnd = LOCAL_BYTES + view.getUint16(26, true);
    const start = nameEnd + view.getUint16(28, true);
    if (start + entry.size <= bytes.length && decodeName(bytes.subarray(LOCAL_BYTES, nameEnd), where) === entry.name) {
      return bytes.subarray(start, start + entry.size);
    }
  }
  throw damaged(where, `another local header than the directory says for ${showName(entry.name)}`);
}

/** The data of a small entry, its checksum checked. */
export async function readZipEntry(
  source: ByteSource,
  entry: ZipEntry,
  { where, most }: { readonly where: string; readonly most: number },
): Promise<Uint8Array> {
  if (entry.size > most) throw damaged(where, `${showName(entry.name)} of ${entry.size} bytes, more than ${most}`);
  const length = Math.min(entry.end - entry.header, LOCAL_BYTES + 2 * COMMENT + entry.size);
  const data = zipData(entry, await source.read(entry.header, length), where);
  if (crc32(data) !== entry.crc)
    throw damaged(where, `${showName(entry.name)} with another checksum than it should have`);
  return data;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function whole64(view: DataView, at: number, where: string): number {
  const n = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(n)) throw damaged(where, `a size of ${n} bytes`);
  return n;
}

function decodeName(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw damaged(where, 'a name that is not UTF-8');
  }
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) c = CRC_TABLE[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

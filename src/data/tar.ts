import { Fault } from '../core/fault.ts';
import type { OpenFile } from './files.ts';

/** One file inside a tar file. */
export interface TarMember {
  readonly name: string;
  /** Where its bytes begin in the tar file, and how many they are. */
  readonly offset: number;
  readonly size: number;
}

const BLOCK = 512;

/** The most bytes of a pax header or a long name. */
const MAX_EXTRA = 1024 ** 2;

/** The longest name, in characters. */
const MAX_NAME = 4096;

/**
 * The regular files of a tar file, found by its headers alone: ustar (POSIX.1-1988) with its prefix, the paths and sizes
 * of pax headers (POSIX.1-2001), GNU long names and base-256 sizes. Folders, links and devices are passed over; names
 * are only names, nothing is ever written by them. Each header's checksum and each claimed size is checked before use.
 *
 * A file that ends early or is damaged gives what stands before, then a `data` fault.
 */
export async function* tarMembers(file: OpenFile, where: string): AsyncGenerator<TarMember, void, undefined> {
  let said: Extra = {};
  for (let at = 0; at < file.size; ) {
    if (at + BLOCK > file.size) throw damaged(where, at, 'a header', 'the end of the file');
    const block = await file.read(at, BLOCK);
    if (block.every((b) => b === 0)) return;
    const header = readHeader(block, where, at);
    const size = header.kind === 'file' ? (said.size ?? header.size) : header.size;
    const offset = at + BLOCK;
    if (offset + size > file.size) {
      const name = said.name ?? header.name;
      throw damaged(where, at, `${size} bytes of ${JSON.stringify(name)}`, `${file.size - offset}`);
    }
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
    if (header.kind === 'pax' || header.kind === 'long name') {
      if (size > MAX_EXTRA) throw damaged(where, offset, `at most ${MAX_EXTRA} bytes of names`, `${size}`);
      const bytes = await file.read(offset, size);
      said = { ...said, ...(header.kind === 'pax' ? readPax(bytes, where, offset) : { name: textOf(bytes) }) };
      continue;
    }
    if (header.kind === 'file') {
      const name = said.name ?? header.name;
      if (name.length > MAX_NAME || name === '') throw damaged(where, at, 'a name', `${name.length} characters`);
      yield { name, offset, size };
    }
    if (header.kind !== 'skip all pax') said = {};
  }
}

/** What the headers before a member say of it. */
interface Extra {
  readonly name?: string;
  readonly size?: number;
}

interface Header {
  readonly name: string;
  readonly size: number;
  /** Links, devices and folders have no bytes, whatever size they claim. */
  readonly kind: 'file' | 'pax' | 'long name' | 'empty' | 'skip' | 'skip all pax';
}

function damaged(where: string, at: number, wanted: string, got: string): Fault {
  return new Fault(
    'data',
    `${where}, byte ${at}: expected ${wanted}, got ${got}. The tar file is cut short or damaged.`,
  );
}

const KINDS: Readonly<Record<string, Header['kind']>> = {
  ...{ '0': 'file', '\0': 'file', '7': 'file', x: 'pax', L: 'long name' },
  ...{ g: 'skip all pax', K: 'skip all pax' },
  ...{ '1': 'empty', '2': 'empty', '3': 'empty', '4': 'empty', '5': 'empty', '6': 'empty' },
};

function readHeader(block: Uint8Array, where: string, at: number): Header {
  if (block[0] === 0x1f && block[1] === 0x8b && at === 0) {
    throw new Fault(
      'data',
      `${where}: expected a tar file, got one packed by gzip. Unpack it: pictures are read in place.`,
    );
  }
  // The checksum is that of the header with blanks in the checksum's own place.
  const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (octal(block.subarray(148, 156)) !== sum) throw damaged(where, at, 'a header of tar', 'other bytes');
  const kind = KINDS[String.fromCharCode(block[156]!)] ?? 'skip';
  const size = sizeOf(block.subarray(124, 136));
  if (size === null) throw damaged(where, at, 'a size', 'other bytes');
  const isUstar = textOf(block.subarray(257, 262)) === 'ustar' && block[262] === 0;
  const prefix = isUstar ? textOf(block.subarray(345, 500)) : '';
  const name = textOf(block.subarray(0, 100));
  return { name: prefix === '' ? name : `${prefix}/${name}`, size: kind === 'empty' ? 0 : size, kind };
}

/** Bytes up to the first NUL as UTF-8; bytes that are none become U+FFFD. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** A number in octal digits between blanks and NULs; null where there is something else. */
function octal(bytes: Uint8Array): number | null {
  const text = textOf(bytes).trim();
  if (text === '') return 0;
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : null;
}

/** A size: octal, or in base 256 where the first bit is set; null where it is neither or too large to count. */
function sizeOf(bytes: Uint8Array): number | null {
  if (bytes[0] !== 0x80) return octal(bytes);
  const size = bytes.subarray(1).reduce((value, byte) => value * 256 + byte, 0);
  return Number.isSafeInteger(size) ? size : null;
}

/** `path` and `size` of pax records: each is `LENGTH KEY=VALUE\n`, its length in bytes and counting itself. */
function readPax(bytes: Uint8Array, where: string, offset: number): Extra {
  let found: Extra = {};
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const space = bytes.indexOf(32, at);
    const digits = space < 0 ? '' : textOf(bytes.subarray(at, Math.min(space, at + 8)));
    const length = /^\d+$/.test(digits) ? Number(digits) : 0;
    if (length < space - at + 3 || at + length > bytes.length)
      throw damaged(where, offset + at, 'a pax record', 'other bytes');
    const [key, value] = keyAndValue(new TextDecoder().decode(bytes.subarray(space + 1, at + length - 1)));
    if (key === 'path') {
      if (value.includes('\0')) throw damaged(where, offset + at, 'a path', 'one with a NUL');
      found = { ...found, name: value };
    }
    if (key === 'size') {
      const size = /^\d{1,15}$/.test(value) ? Number(value) : null;
      if (size === null) throw damaged(where, offset + at, 'a size', JSON.stringify(value.slice(0, 40)));
      found = { ...found, size };
    }
    at += length;
  }
  return found;
}

function keyAndValue(record: string): readonly [string, string] {
  const equals = record.indexOf('=');
  return equals < 0 ? [record, ''] : [record.slice(0, equals), record.slice(equals + 1)];
}

/** Bytes that are read at a time: a header, a small member and the next header lie in one piece. */
const WINDOW = 4096;

/** A file whose small reads near each other are served from one piece that was read before. */
export function windowed(file: OpenFile): OpenFile {
  let start = 0;
  let held = new Uint8Array(0);
  return {
    size: file.size,
    read: async (offset, length) => {
      if (offset < start || offset + length > start + held.length) {
        if (length > WINDOW || offset + length > file.size) return file.read(offset, length);
        held = (await file.read(offset, Math.min(WINDOW, file.size - offset))) as Uint8Array<ArrayBuffer>;
        start = offset;
      }
      return held.subarray(offset - start, offset - start + length);
    },
    close: () => file.close(),
  };
}

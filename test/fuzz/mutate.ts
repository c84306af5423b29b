import type { Random } from '../../src/core/random.ts';

/** Numbers at which readers break: ends of ranges, and one beside. */
const EDGES: readonly number[] = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
];
const WIDE: readonly bigint[] = [2n ** 31n, 2n ** 32n, 2n ** 40n, 2n ** 53n, 2n ** 62n, 2n ** 63n, 2n ** 64n - 1n];
/** Numbers as text reads them. */
const DIGITS: readonly string[] = ['0', '-1', '1e9', '4294967296', '9007199254740993', '1e400', '99999999999999999999'];
/** Pieces that mean something to one reader or another. */
const TOKENS: readonly string[] = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\0',
  '\n',
  '\r\n',
  '\\',
  '../',
  '__proto__',
  'null',
  '\u0080\u0002',
  'cos\nsystem\n',
  ')R',
  '(',
  't',
  '.',
  'q\0',
];

/** Longest input, in bytes, that mutation makes. */
const MOST = 256 * 1024;

type Mutation = (bytes: Uint8Array, r: Random, other: Uint8Array) => Uint8Array;

const latin = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0) & 0xff);

function spliced(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length - remove + insert.length);
  out.set(bytes.subarray(0, at));
  out.set(insert, at);
  out.set(bytes.subarray(at + remove), at + insert.length);
  return out;
}

function within(bytes: Uint8Array, r: Random, most = 64): readonly [at: number, length: number] {
  const at = r.integer(bytes.length + 1);
  return [at, Math.min(bytes.length - at, r.integer(most + 1))];
}

/** A whole number written over what is there. */
const overwrite: Mutation = (bytes, r) => {
  const width = [1, 2, 4, 8][r.integer(4)]!;
  if (bytes.length < width) return bytes;
  const out = bytes.slice();
  const view = new DataView(out.buffer);
  const at = r.integer(out.length - width + 1);
  const little = r.integer(4) > 0;
  if (width === 8) view.setBigUint64(at, WIDE[r.integer(WIDE.length)]!, little);
  else if (width === 4) view.setUint32(at, EDGES[r.integer(EDGES.length)]!, little);
  else if (width === 2) view.setUint16(at, EDGES[r.integer(EDGES.length)]! & 0xffff, little);
  else view.setUint8(at, EDGES[r.integer(EDGES.length)]! & 0xff);
  return out;
};

/** A number in text, replaced by one that is hard to read. */
const digits: Mutation = (bytes, r) => {
  const start = r.integer(bytes.length + 1);
  const isDigit = (b: number | undefined): boolean => b !== undefined && b >= 0x30 && b <= 0x39;
  let at = bytes.findIndex((b, i) => i >= start && isDigit(b));
  if (at < 0) at = bytes.findIndex(isDigit);
  if (at < 0) return bytes;
  let end = at;
  while (isDigit(bytes[end])) end++;
  return spliced(bytes, at, end - at, latin(DIGITS[r.integer(DIGITS.length)]!));
};

const MUTATIONS: readonly Mutation[] = [
  (bytes, r) => {
    if (bytes.length === 0) return bytes;
    const out = bytes.slice();
    for (let n = 1 + r.integer(4); n > 0; n--) out[r.integer(out.length)]! ^= 1 << r.integer(8);
    return out;
  },
  (bytes, r) => {
    if (bytes.length === 0) return bytes;
    const out = bytes.slice();
    for (let n = 1 + r.integer(8); n > 0; n--) out[r.integer(out.length)] = r.integer(256);
    return out;
  },
  overwrite,
  overwrite,
  digits,
  (bytes, r) => bytes.slice(0, r.integer(bytes.length + 1)),
  (bytes, r) => spliced(bytes, ...within(bytes, r), new Uint8Array(0)),
  (bytes, r) => spliced(bytes, r.integer(bytes.length + 1), 0, latin(TOKENS[r.integer(TOKENS.length)]!)),
  (bytes, r) => {
    const [at, length] = within(bytes, r);
    return spliced(bytes, r.integer(bytes.length + 1), 0, bytes.subarray(at, at + length));
  },
  (bytes, r, other) => {
    const [at, length] = within(other, r, 512);
    const [to, remove] = within(bytes, r, 512);
    return spliced(bytes, to, remove, other.subarray(at, at + length));
  },
  (bytes, r) => {
    const [at, length] = within(bytes, r);
    const times = Math.min(1 << r.integer(14), Math.floor((MOST - bytes.length) / Math.max(1, length)));
    const many = new Uint8Array(Math.max(0, times) * length);
    for (let i = 0; i < many.length; i += Math.max(1, length)) many.set(bytes.subarray(at, at + length), i);
    return spliced(bytes, at, 0, many);
  },
];

/** An input changed in one way, or in up to four; `other` is another input of the same kind, to take parts from. */
export function mutate(bytes: Uint8Array, r: Random, other: Uint8Array): Uint8Array {
  let out = bytes;
  const ways = r.integer(2) === 0 ? 1 : 1 + r.integer(4);
  for (let n = ways; n > 0 && out.length <= MOST; n--) {
    out = MUTATIONS[r.integer(MUTATIONS.length)]!(out, r, other);
  }
  return out.subarray(0, MOST);
}

import { Fault } from '../core/fault.ts';

/** A value of a safetensors header: objects keep the order of their keys, numbers are whole and not negative. */
export type HeaderValue = string | number | readonly HeaderValue[] | ReadonlyMap<string, HeaderValue>;

/** Deepest nesting that a header needs: root, tensor, shape. */
const DEPTH = 3;

/**
 * Reads the JSON of a safetensors header.
 *
 * `JSON.parse` does not serve: it keeps the last of two equal keys without a word, puts keys like "7" before all
 * others, and nests as deep as the text asks. Here equal keys are a fault, the order is the file's, and the only
 * values are strings, whole numbers from 0 to 2^53 - 1, arrays and objects.
 */
export function parseHeader(text: string, where: string): ReadonlyMap<string, HeaderValue> {
  const cursor: Cursor = { text, at: 0, where };
  const value = readValue(cursor, 1);
  skipSpace(cursor);
  if (cursor.at < text.length) throw broken(cursor, 'nothing after the object');
  if (!(value instanceof Map)) throw new Fault('data', `${where}: expected the header to be a JSON object.`);
  return value;
}

interface Cursor {
  readonly text: string;
  at: number;
  readonly where: string;
}

function broken(c: Cursor, expected: string): Fault {
  const got = c.at < c.text.length ? JSON.stringify(c.text.slice(c.at, c.at + 12)) : 'its end';
  return new Fault(
    'data',
    `${c.where}: expected ${expected} at character ${c.at} of the header, got ${got}. The file is damaged or is not safetensors.`,
  );
}

function skipSpace(c: Cursor): void {
  while (' \t\n\r'.includes(c.text[c.at] ?? '_')) c.at++;
}

/** Steps over `mark` and the space before it, or says that it is not there. */
function take(c: Cursor, mark: string): boolean {
  skipSpace(c);
  if (c.text[c.at] !== mark) return false;
  c.at++;
  return true;
}

function readValue(c: Cursor, depth: number): HeaderValue {
  skipSpace(c);
  const first = c.text[c.at];
  if (first === '"') return readString(c);
  if (first !== undefined && first >= '0' && first <= '9') return readWhole(c);
  if (first !== '{' && first !== '[') throw broken(c, 'a string, a whole number, an array or an object');
  if (depth > DEPTH) throw broken(c, `at most ${DEPTH} levels of nesting`);
  c.at++;
  return first === '{' ? readObject(c, depth) : readArray(c, depth);
}

function readObject(c: Cursor, depth: number): ReadonlyMap<string, HeaderValue> {
  const out = new Map<string, HeaderValue>();
  if (take(c, '}')) return out;
  do {
    skipSpace(c);
    if (c.text[c.at] !== '"') throw broken(c, 'a key in quotes');
    const start = c.at;
    const key = readString(c);
    if (out.has(key)) {
      c.at = start;
      throw broken(c, 'a key that did not occur before');
    }
    if (!take(c, ':')) throw broken(c, '":"');
    out.set(key, readValue(c, depth + 1));
  } while (take(c, ','));
  if (!take(c, '}')) throw broken(c, '"," or "}"');
  return out;
}

function readArray(c: Cursor, depth: number): readonly HeaderValue[] {
  const out: HeaderValue[] = [];
  if (take(c, ']')) return out;
  do out.push(readValue(c, depth + 1));
  while (take(c, ','));
  if (!take(c, ']')) throw broken(c, '"," or "]"');
  return out;
}

/** `JSON.parse` judges escapes and control characters; a lone surrogate is no Unicode text and is refused. */
function readString(c: Cursor): string {
  const start = c.at;
  let end = start + 1;
  while (end < c.text.length && c.text[end] !== '"') end += c.text[end] === '\\' ? 2 : 1;
  let value: unknown;
  try {
    value = JSON.parse(c.text.slice(start, end + 1));
  } catch {
    throw broken(c, 'a string');
  }
  if (typeof value !== 'string' || /\p{Surrogate}/u.test(value)) throw broken(c, 'a string of Unicode characters');
  c.at = end + 1;
  return value;
}

function readWhole(c: Cursor): number {
  const digits = /(?:0|[1-9]\d*)(?![\d.eE])/y;
  digits.lastIndex = c.at;
  const found = digits.exec(c.text)?.[0];
  const value = Number(found);
  if (found === undefined || !Number.isSafeInteger(value)) throw broken(c, 'a whole number below 2^53');
  c.at += found.length;
  return value;
}

import { DICT } from './budget.ts';
import { latin1 } from './cursor.ts';
import type { Machine } from './machine.ts';
import { ofKind, type PickleValue, REFUSED } from './value.ts';

/** What an opcode of the list does. */
export type Operation = (m: Machine) => void;

/** Longest name of a module or a member. */
const NAME = 256;
/** Widest integer in bytes; wider ones are no step, size or seed. */
const WIDEST = 256;
/** Highest version of pickle's protocol. */
const PROTOCOL = 5;

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function utf8(m: Machine, length: number): string {
  const bytes = m.cursor.take(length);
  try {
    return UTF8.decode(bytes);
  } catch {
    throw m.broken('text in UTF-8');
  }
}

/** Little-endian two's complement of any width; a number where it is exact. */
function integer(m: Machine, bytes: number): number | bigint {
  if (bytes > WIDEST) throw m.broken(`an integer of at most ${WIDEST} bytes`);
  let value = 0n;
  for (const byte of m.cursor.take(bytes).toReversed()) value = (value << 8n) | BigInt(byte);
  const signed = BigInt.asIntN(8 * bytes, value);
  const number = Number(signed);
  return Number.isSafeInteger(number) ? number : signed;
}

function bytes(m: Machine, length: number): void {
  m.budget.objects(2); // a view of an array has about twice the size of a list
  m.push(m.cursor.take(length));
}

function tuple(m: Machine, items: readonly PickleValue[]): void {
  m.budget.objects(1);
  m.push({ kind: 'tuple', items });
}

function append(m: Machine, items: readonly PickleValue[], kind: 'list' | 'set'): void {
  const target = m.top();
  if (target === REFUSED) return;
  const into = ofKind(target, kind);
  if (!into) throw m.broken(`a ${kind} to add to`);
  for (const item of items) into.items.push(item);
}

function setItems(m: Machine, items: readonly PickleValue[]): void {
  const target = m.top();
  if (target === REFUSED) return;
  const into = ofKind(target, 'dict');
  if (!into || items.length % 2 !== 0) throw m.broken('a dict and pairs to put into it');
  m.budget.objects(items.length / 2);
  for (let i = 0; i < items.length; i += 2) into.entries.set(key(m, items[i]!), items[i + 1]!);
}

/** A value that Python lets be a key: no container that can change. */
function key(m: Machine, value: PickleValue): PickleValue {
  if (ofKind(value, 'list') || ofKind(value, 'dict') || ofKind(value, 'set'))
    throw m.broken('a key that cannot change');
  return value;
}

function text(m: Machine, value: PickleValue): string {
  if (typeof value !== 'string' || value.length > NAME) throw m.broken(`a name of at most ${NAME} characters`);
  return value;
}

function pairs(m: Machine, n: number): PickleValue[] {
  const items: PickleValue[] = [];
  for (let i = 0; i < n; i++) items.unshift(m.pop());
  return items;
}

/**
 * The opcodes that are run: those of protocol 2 to 5 with which torch.save writes, and Python 2's byte strings. Not
 * here, and so refused by name: the text of protocol 0, the extension registry, INST, OBJ, NEWOBJ_EX, and buffers
 * outside the file.
 *
 * Meaning of each: CPython, Lib/pickletools.py.
 */
export const OPERATIONS: ReadonlyMap<number, Operation> = new Map<number, Operation>([
  [0x80, (m) => void (m.cursor.u8() > PROTOCOL && fail(m, `protocol ${PROTOCOL} at most`))],
  [0x95, (m) => void m.cursor.size()],
  [0x28, (m) => m.mark()],
  [0x30, (m) => void m.pop()],
  [0x31, (m) => void m.popMark()],
  [0x4e, (m) => m.push(null)],
  [0x88, (m) => m.push(true)],
  [0x89, (m) => m.push(false)],
  [0x4a, (m) => m.push(m.cursor.i32())],
  [0x4b, (m) => m.push(m.cursor.u8())],
  [0x4d, (m) => m.push(m.cursor.u16())],
  [0x8a, (m) => m.push(integer(m, m.cursor.u8()))],
  [0x8b, (m) => m.push(integer(m, m.cursor.u32()))],
  [0x47, (m) => m.push(m.cursor.f64())],
  [0x55, (m) => m.push(latin1(m.cursor.take(m.cursor.u8())))],
  [0x54, (m) => m.push(latin1(m.cursor.take(m.cursor.u32())))],
  [0x58, (m) => m.push(utf8(m, m.cursor.u32()))],
  [0x8c, (m) => m.push(utf8(m, m.cursor.u8()))],
  [0x8d, (m) => m.push(utf8(m, m.cursor.size()))],
  [0x42, (m) => bytes(m, m.cursor.u32())],
  [0x43, (m) => bytes(m, m.cursor.u8())],
  [0x8e, (m) => bytes(m, m.cursor.size())],
  [0x5d, (m) => made(m, { kind: 'list', items: [] }, 1)],
  [0x61, (m) => append(m, [m.pop()], 'list')],
  [0x65, (m) => append(m, m.popMark(), 'list')],
  [0x29, (m) => tuple(m, [])],
  [0x74, (m) => tuple(m, m.popMark())],
  [0x85, (m) => tuple(m, pairs(m, 1))],
  [0x86, (m) => tuple(m, pairs(m, 2))],
  [0x87, (m) => tuple(m, pairs(m, 3))],
  [0x7d, (m) => made(m, { kind: 'dict', entries: new Map(), namespace: false }, DICT)],
  [0x73, (m) => setItems(m, pairs(m, 2))],
  [0x75, (m) => setItems(m, m.popMark())],
  [0x8f, (m) => made(m, { kind: 'set', items: [] }, 1)],
  [0x90, (m) => append(m, m.popMark(), 'set')],
  [0x91, (m) => made(m, { kind: 'set', items: m.popMark() }, 1)],
  [0x71, (m) => m.remember(m.cursor.u8())],
  [0x72, (m) => m.remember(m.cursor.u32())],
  [0x94, (m) => m.rememberNext()],
  [0x68, (m) => m.recall(m.cursor.u8())],
  [0x6a, (m) => m.recall(m.cursor.u32())],
  [0x63, (m) => m.global(m.cursor.line(NAME), m.cursor.line(NAME))],
  [
    0x93,
    (m) => {
      const [module, name] = pairs(m, 2);
      m.global(text(m, module!), text(m, name!));
    },
  ],
  [0x51, (m) => m.persistent()],
  [0x52, (m) => m.reduce()],
  [0x81, (m) => m.reduce()],
  [0x62, (m) => m.build()],
]);

function made(m: Machine, value: PickleValue, cost: number): void {
  m.budget.objects(cost);
  m.push(value);
}

function fail(m: Machine, expected: string): never {
  throw m.broken(expected);
}

/** Names of the opcodes that are refused. */
export const REFUSED_OPCODES: ReadonlyMap<number, string> = new Map([
  [0x32, 'DUP'],
  [0x46, 'FLOAT'],
  [0x49, 'INT'],
  [0x4c, 'LONG'],
  [0x50, 'PERSID'],
  [0x53, 'STRING'],
  [0x56, 'UNICODE'],
  [0x64, 'DICT'],
  [0x67, 'GET'],
  [0x69, 'INST'],
  [0x6c, 'LIST'],
  [0x6f, 'OBJ'],
  [0x70, 'PUT'],
  [0x82, 'EXT1'],
  [0x83, 'EXT2'],
  [0x84, 'EXT4'],
  [0x92, 'NEWOBJ_EX'],
  [0x96, 'BYTEARRAY8'],
  [0x97, 'NEXT_BUFFER'],
  [0x98, 'READONLY_BUFFER'],
]);

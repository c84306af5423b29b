import { Fault } from '../core/fault.ts';

type Json = Record<string, unknown> | unknown[];

/** Entries of a list that a place may name; more are most likely a mistake. */
const MOST_ENTRIES = 64;

/**
 * Puts a value at a place of plain JSON, such as `operators[0].operator.kind`: objects and lists on the way are made
 * where there are none. A list may be lengthened by one entry at a time.
 */
export function putOption(json: Record<string, unknown>, place: string, value: unknown): void {
  const keys = keysOf(place);
  let at: Json = json;
  keys.forEach((key, i) => {
    const next = keys[i + 1];
    const inside = memberOf(at, key, place);
    const fits = typeof next === 'number' ? Array.isArray(inside) : isObject(inside);
    const made = next === undefined ? value : fits ? inside : typeof next === 'number' ? [] : {};
    (at as Record<string | number, unknown>)[key] = made;
    at = made as Json;
  });
}

function keysOf(place: string): readonly (string | number)[] {
  if (!/^[^.[\]]+(\[\d+\])*(\.[^.[\]]+(\[\d+\])*)*$/.test(place)) {
    throw new Fault(
      'config',
      `--set: expected a place such as operators[0].operator.kind, got ${JSON.stringify(place)}.`,
    );
  }
  return [...place.matchAll(/[^.[\]]+/g)].map(({ 0: part, index }) => (place[index - 1] === '[' ? Number(part) : part));
}

function memberOf(at: Json, key: string | number, place: string): unknown {
  if (typeof key === 'string') return Object.hasOwn(at, key) ? (at as Record<string, unknown>)[key] : undefined;
  const list = at as unknown[];
  if (key <= list.length && key < MOST_ENTRIES) return list[key];
  throw new Fault('config', `${place}: expected an entry from 0 to ${list.length}, got ${key}.`);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

import { InvalidArgumentError } from 'commander';
import type { JsonObject } from './config-file.ts';

type Json = JsonObject | unknown[];

/** Entries of a list that a place may name; more are most likely a mistake. */
const MOST_ENTRIES = 64;

/**
 * Puts a value at a place of plain JSON, such as `operators[0].operator.kind`: objects and lists on the way are made
 * where there are none. A list may be lengthened by one entry at a time.
 */
export function putOption(json: JsonObject, place: string, value: unknown): void {
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
    throw new InvalidArgumentError(
      `--set: expected a place such as operators[0].operator.kind, got ${JSON.stringify(place)}.`,
    );
  }
  return [...place.matchAll(/[^.[\]]+/g)].map(({ 0: part, index }) => (place[index - 1] === '[' ? Number(part) : part));
}

function memberOf(at: Json, key: string | number, place: string): unknown {
  if (typeof key === 'string') return Object.hasOwn(at, key) ? (at as JsonObject)[key] : undefined;
  const list = at as unknown[];
  if (key <= list.length && key < MOST_ENTRIES) return list[key];
  throw new InvalidArgumentError(`--set: ${place}: expected an entry from 0 to ${list.length}, got ${key}.`);
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy of plain JSON with `PLACE=VALUE` settings in it, and of its members those that were changed. */
export function withSettings(
  json: object,
  settings: readonly string[],
): { readonly all: JsonObject; readonly changed: JsonObject } {
  const all = structuredClone(json) as JsonObject;
  const members = settings.map((text) => {
    const equals = text.indexOf('=');
    if (equals < 1) throw new InvalidArgumentError(`--set: expected KEY=VALUE, got "${text}".`);
    const place = text.slice(0, equals);
    putOption(all, place, jsonOrText(text.slice(equals + 1)));
    return /^[^.[]*/.exec(place)![0];
  });
  return { all, changed: Object.fromEntries(Object.entries(all).filter(([key]) => members.includes(key))) };
}

/** JSON where the text is JSON, else the text itself. */
export function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

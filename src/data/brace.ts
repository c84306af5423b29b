import { Fault } from '../core/fault.ts';

/** The most names that a pattern may stand for. */
const MAX_NAMES = 100_000;

/**
 * The names that a pattern of shards stands for: `train-{000..012}.tar` counts with the zeros of its ends, `{a,b}.tar`
 * lists; several braces multiply, the last counting fastest.
 */
export function expandBraces(pattern: string): readonly string[] {
  let names: readonly string[] = [''];
  for (const part of pattern.split(/(\{[^{}]*\})/)) {
    const choices = part.startsWith('{') ? choicesOf(part.slice(1, -1), pattern) : [part];
    if (names.length * choices.length > MAX_NAMES) throw tooMany(pattern);
    names = names.flatMap((name) => choices.map((choice) => name + choice));
  }
  const open = names[0]?.match(/[{}]/);
  if (open) throw new Fault('config', `${pattern}: expected braces in pairs, got a single "${open[0]}".`);
  return names;
}

function tooMany(pattern: string): Fault {
  return new Fault('config', `${pattern}: expected at most ${MAX_NAMES} names, got more.`);
}

function choicesOf(inside: string, pattern: string): readonly string[] {
  const range = /^(\d{1,15})\.\.(\d{1,15})$/.exec(inside);
  if (range === null) {
    if (inside.includes(',')) return inside.split(',');
    throw new Fault('config', `${pattern}: expected {000..012} or {a,b}, got {${inside}}.`);
  }
  const [from, to] = [Number(range[1]), Number(range[2])];
  const padded = /^0\d/.test(range[1]!) || /^0\d/.test(range[2]!);
  const width = padded ? Math.max(range[1]!.length, range[2]!.length) : 0;
  const count = Math.abs(to - from) + 1;
  if (count > MAX_NAMES) throw tooMany(pattern);
  const step = to < from ? -1 : 1;
  return Array.from({ length: count }, (_, i) => String(from + i * step).padStart(width, '0'));
}

import { Fault } from '../core/fault.ts';
import { didYouMean } from '../core/suggest.ts';

/** What a number must be. */
export interface NumberRule {
  readonly fallback: number;
  readonly min?: number;
  readonly max?: number;
  readonly integer?: boolean;
}

/** Reads the fields of one plain JSON object of options, each checked. */
export interface Fields {
  number(key: string, rule: NumberRule): number;
  /** `length` numbers. */
  numbers(key: string, fallback: readonly number[], rule: Omit<NumberRule, 'fallback'>): readonly number[];
  /** One of `words`, of which the first is the default. */
  word<W extends string>(key: string, words: readonly [W, ...W[]]): W;
}

/** Opens an object of options; a key not among `known` is refused with the nearest one named. */
export function readFields(where: string, json: unknown, known: readonly string[]): Fields {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new Fault('config', `${where}: expected an object of options, got ${JSON.stringify(json)}.`);
  }
  const object = json as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(object)) {
    if (!known.includes(key)) {
      throw new Fault('config', `${where}: unknown option "${key}". ${didYouMean(key, known)}`);
    }
  }
  const refuse = (key: string, wanted: string): never => {
    throw new Fault('config', `${where}.${key}: expected ${wanted}, got ${JSON.stringify(object[key])}.`);
  };
  return {
    number: (key, rule) => {
      const value = object[key] ?? rule.fallback;
      return fits(value, rule) ? value : refuse(key, describe(rule));
    },
    numbers: (key, fallback, rule) => {
      const value = object[key] ?? fallback;
      const right = Array.isArray(value) && value.length === fallback.length && value.every((v) => fits(v, rule));
      return right ? (value as readonly number[]) : refuse(key, `${fallback.length} times ${describe(rule)}`);
    },
    word: (key, words) => {
      const value = object[key] ?? words[0];
      return words.find((w) => w === value) ?? refuse(key, words.map((w) => `"${w}"`).join(' or '));
    },
  };
}

function fits(value: unknown, { min, max, integer }: Omit<NumberRule, 'fallback'>): value is number {
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  if (integer && !Number.isInteger(value)) return false;
  return value >= (min ?? Number.NEGATIVE_INFINITY) && value <= (max ?? Number.POSITIVE_INFINITY);
}

function describe({ min, max, integer }: Omit<NumberRule, 'fallback'>): string {
  const bounds = [min === undefined ? '' : `at least ${min}`, max === undefined ? '' : `at most ${max}`];
  return [integer ? 'a whole number' : 'a number', bounds.filter((b) => b !== '').join(' and ')].join(' ').trim();
}

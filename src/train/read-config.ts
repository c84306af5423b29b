import type { z } from 'zod';
import { Fault } from '../core/fault.ts';
import { didYouMean, nearest } from '../core/suggest.ts';
import { resizeFor } from '../model/networks/picture-input.ts';
import { createModel } from '../model/networks/table.ts';
import { checkRun } from './check-config.ts';
import type { RunConfig } from './config.ts';
import { withRecipe } from './recipe.ts';
import { keysAt, parseRun, placesOf } from './schema.ts';

/** The least side that pictures are given where nothing is said; from 128 on, evaluation crops the middle. */
const SMALL_SIZE = 64;
const CROPPED_SIZE = 128;

/**
 * Completes and checks a run's configuration; unknown keys and wrong values are told all at once, as a `config` fault.
 * What it does not say comes from its recipe, else from the defaults.
 */
export function readRunConfig(json: unknown, where = 'config'): RunConfig {
  const whole = withRecipe(json, where);
  const parsed = parseRun(whole);
  if (!parsed.success) {
    throw new Fault('config', `${where}: ${parsed.error.issues.map((i) => say(i, whole)).join(' ')}`);
  }
  const { data, model, ...rest } = parsed.data;
  const { input, config: network } = createModel(model.name, model.overrides);
  const size = data.size ?? Math.max(SMALL_SIZE, input.size);
  const resize = data.resize ?? (size >= CROPPED_SIZE ? resizeFor(input, size) : size);
  const config = plain({ ...rest, data: { ...data, size, resize }, model });
  checkRun(config, network, where);
  return config;
}

/** Plain JSON without keys of value undefined, which exact optional types do not know. */
function plain(value: unknown): RunConfig {
  return JSON.parse(JSON.stringify(value)) as RunConfig;
}

function say(issue: z.core.$ZodIssue, whole: unknown): string {
  const at = issue.path.length > 0 ? issue.path.map(String).join('.') : 'the whole';
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(issue.path, whole);
    return issue.keys
      .map((key) => `unknown option "${[...issue.path, key].join('.')}". ${advice(key, known)}`)
      .join(' ');
  }
  const got = issue.path.reduce<unknown>((v, key) => (v as Record<PropertyKey, unknown> | undefined)?.[key], whole);
  return `${at}: expected ${wanted(issue)}, got ${JSON.stringify(got) ?? 'nothing'}.`;
}

/** The nearest of the names that are known here; without one, the places elsewhere that bear the name. */
function advice(key: string, known: readonly string[]): string {
  const elsewhere = nearest(key, known).length > 0 ? [] : placesOf(key);
  if (elsewhere.length === 0) return didYouMean(key, known);
  return `Did you mean ${elsewhere
    .slice(0, 3)
    .map((place) => `"${place}"`)
    .join(' or ')}?`;
}

const TYPES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'some text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object of options',
};

function wanted(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected] ?? `a value of type ${issue.expected}`;
    case 'too_small':
      return bound(issue.origin, issue.inclusive ? 'at least' : 'more than', Number(issue.minimum));
    case 'too_big':
      return bound(issue.origin, issue.inclusive ? 'at most' : 'less than', Number(issue.maximum));
    case 'invalid_value':
      return issue.values.map((v) => JSON.stringify(v)).join(' or ');
    case 'invalid_union': {
      const kinds = 'options' in issue && Array.isArray(issue.options) ? issue.options : [];
      return kinds.length > 0 ? kinds.map((v) => JSON.stringify(v)).join(' or ') : issue.message;
    }
    default:
      return issue.message;
  }
}

function bound(origin: string, how: string, limit: number): string {
  if (origin === 'array') return `${how} ${limit} numbers`;
  return origin === 'string' ? 'some text' : `a number of ${how} ${limit}`;
}

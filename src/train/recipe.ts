import { Fault } from '../core/fault.ts';
import { didYouMean } from '../core/suggest.ts';
import type { RunOptions } from './config.ts';
import { RECIPES, type RecipeName } from './recipes.ts';

/** What a run is where neither it nor its recipe says a thing that has kinds. */
const USUAL: RunOptions = { optimizer: { kind: 'adamw' }, schedule: { kind: 'cosine', warmup: 1 } };

/** The share of memory that `batchSize: "auto"` may take. */
const AUTO_BATCH = 0.6;

type Json = Readonly<Record<string, unknown>>;

/** Whether a recipe has this name. */
function isRecipe(name: string): name is RecipeName {
  return Object.hasOwn(RECIPES, name);
}

/**
 * What is said of a run, completed by its recipe, key by key. Without a recipe, and without pictures of its own, a run is
 * `emoji`; `none` is no recipe. What is said wins; an object of another `kind` replaces the recipe's.
 */
export function withRecipe(json: unknown, where = 'config'): unknown {
  if (!isObject(json)) return json;
  const name = nameOf(json);
  if (name !== null && (typeof name !== 'string' || !isRecipe(name))) {
    const known = Object.keys(RECIPES);
    const got = JSON.stringify(name);
    const advice = typeof name === 'string' ? ` ${didYouMean(name, known)}` : '';
    throw new Fault('config', `${where}: recipe: expected ${known.join(', ')} or none, got ${got}.${advice}`);
  }
  const base = name === null ? USUAL : merged(USUAL as Json, RECIPES[name].options as Json);
  return withAutoBatch({ ...merged(base as Json, json), recipe: name });
}

function nameOf(json: Json): unknown {
  const { recipe, data } = json;
  if (recipe === 'none') return null;
  if (recipe !== undefined) return recipe;
  const folder = isObject(data) ? data['folder'] : data;
  return (folder ?? null) === null ? 'emoji' : null;
}

/** `data.batchSize: "auto"` as the option `autoBatch`. */
function withAutoBatch(json: Json): Json {
  const { data } = json;
  if (!isObject(data) || data['batchSize'] !== 'auto') return json;
  const { batchSize: _, ...rest } = data;
  return { ...json, data: rest, autoBatch: json['autoBatch'] ?? AUTO_BATCH };
}

/** `over` on `base`, objects key by key unless they are of different kinds. */
function merged(base: Json, over: Json): Json {
  const out = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    const before = out.get(key);
    if (value === undefined) continue;
    const sameKind = isObject(value) && isObject(before) && (value['kind'] ?? before['kind']) === before['kind'];
    out.set(key, sameKind ? merged(before, value) : value);
  }
  return Object.fromEntries(out);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A sentence on the recipe that a run follows, where it follows one by name. */
export function recipeNotes({ recipe }: { readonly recipe: string | null }): readonly string[] {
  if (recipe === null || !isRecipe(recipe)) return [];
  const { about, source } = RECIPES[recipe];
  return [`Recipe ${recipe}: ${about}. Source: ${source}.`];
}

/** What a recipe sets, one line an option: `schedule.warmup  5`. */
export function recipeLines(name: string): readonly string[] {
  if (!isRecipe(name))
    throw new Fault('config', `recipe: expected one of ${Object.keys(RECIPES).join(', ')}, got "${name}".`);
  const rows = flat('', RECIPES[name].options as Json);
  const width = Math.max(...rows.map(([key]) => key.length));
  return rows.map(([key, value]) => `${key.padEnd(width)}  ${JSON.stringify(value)}`);
}

function flat(prefix: string, json: Json): readonly (readonly [string, unknown])[] {
  return Object.entries(json).flatMap(([key, value]) =>
    isObject(value) ? flat(`${prefix}${key}.`, value) : [[prefix + key, value] as const],
  );
}

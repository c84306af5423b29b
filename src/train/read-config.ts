import { z } from 'zod';
import { Fault } from '../core/fault.ts';
import { didYouMean } from '../core/suggest.ts';
import { createModel } from '../model/networks/table.ts';
import type { RunConfig } from './config.ts';
import { DATA } from './data-config.ts';
import { EMOJI_RECIPE } from './recipe.ts';

// Without compiled validators no `eval` is asked for, which a strict content-security policy forbids.
z.config({ jitless: true });

const count = z.int().min(1);
const share = z.number().min(0).max(1);
const positive = z.number().positive();
const side = z.int().min(1).max(8192);

const OPTIMIZER = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sgd'),
    momentum: share.optional(),
    dampening: share.optional(),
    nesterov: z.boolean().optional(),
  }),
  ...(['adam', 'adamw'] as const).map((kind) =>
    z.strictObject({
      kind: z.literal(kind),
      betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).optional(),
      eps: positive.optional(),
    }),
  ),
]);

const warmup = z.number().min(0).default(0);
const SCHEDULE = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('cosine'), warmup, minimum: z.number().min(0).default(0) }),
  z.strictObject({
    kind: z.literal('multistep'),
    warmup,
    milestones: z.array(positive),
    gamma: positive.default(0.1),
  }),
  z.strictObject({ kind: z.literal('constant'), warmup }),
]);

const EMA = z.strictObject({
  decay: z.number().gt(0).lt(1),
  warmup: z.strictObject({ gamma: positive, power: positive }).optional(),
});

const CHECKPOINT_EVERY = z.strictObject({
  steps: count.nullable().default(null),
  seconds: positive.nullable().default(600),
});

const CONFIG = z.strictObject({
  data: DATA.prefault({}),
  model: z
    .strictObject({
      name: z.string().min(1).default('resnet20-gc'),
      overrides: z.record(z.string(), z.unknown()).default({}),
      weights: z.string().min(1).nullable().default(null),
      partial: z.boolean().default(false),
    })
    .prefault({}),
  epochs: count.default(30),
  seed: z.int().min(0).default(0),
  optimizer: OPTIMIZER.default({ kind: 'adamw' }),
  learningRate: positive.default(0.003),
  weightDecay: z.number().min(0).default(0.05),
  schedule: SCHEDULE.default({ kind: 'cosine', warmup: 1, minimum: 0 }),
  labelSmoothing: z.number().min(0).lt(1).default(0.1),
  clipNorm: positive.nullable().default(null),
  groups: z
    .array(
      z.strictObject({
        pattern: z.string().refine(isPattern, { error: 'a regular expression' }),
        rate: z.number().min(0).optional(),
        decay: z.number().min(0).optional(),
        frozen: z.boolean().optional(),
      }),
    )
    .default([]),
  ema: EMA.nullable().default(null),
  evaluateEvery: count.default(1),
  logEvery: count.default(20),
  checkpointEvery: CHECKPOINT_EVERY.prefault({}),
  keepCheckpoints: count.max(1000).default(2),
  liveReport: positive.nullable().default(10),
  tensorboard: z.boolean().default(false),
  keep: z.enum(['last', 'best']).default('last'),
  baseline: side.nullable().default(null),
  licence: z.string().min(1).max(200).nullable().default(null),
  engine: z
    .strictObject({
      provider: z.enum(['cpu', 'cuda', 'webgpu', 'wasm']).default('cpu'),
      threads: count.max(1024).nullable().default(null),
    })
    .prefault({}),
});

function isPattern(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}

/** Sides of pictures that networks with a small and a large stem are given; from 128 on, evaluation crops the middle. */
const SMALL_SIZE = 64;
const LARGE_SIZE = 224;
const CROPPED_SIZE = 128;

/** Completes and checks a run's configuration; unknown keys and wrong values are told all at once, as a `config` fault. */
export function readRunConfig(json: unknown, where = 'config'): RunConfig {
  const parsed = CONFIG.safeParse(withRecipe(json));
  if (!parsed.success) throw new Fault('config', `${where}: ${parsed.error.issues.map((i) => say(i, json)).join(' ')}`);
  const { data, model, ...rest } = parsed.data;
  const { stem } = createModel(model.name, model.overrides).config;
  const size = data.size ?? (stem === '3x3' ? SMALL_SIZE : LARGE_SIZE);
  const resize = data.resize ?? (size >= CROPPED_SIZE ? Math.round((size * 8) / 7) : size);
  return plain({ data: { ...data, size, resize }, model, ...rest });
}

/** What a recipe says, where the configuration says nothing. Parts are completed key by key. */
function withRecipe(json: unknown): unknown {
  if (!isObject(json)) return json;
  const data = json['data'] ?? {};
  if (!isObject(data) || (data['folder'] ?? null) !== null) return json;
  return { ...EMOJI_RECIPE, ...json, data: { ...EMOJI_RECIPE.data, ...data } };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Plain JSON without keys of value undefined, which exact optional types do not know. */
function plain(value: unknown): RunConfig {
  return JSON.parse(JSON.stringify(value)) as RunConfig;
}

function say(issue: z.core.$ZodIssue, json: unknown): string {
  const at = issue.path.length > 0 ? issue.path.map(String).join('.') : 'the whole';
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(issue.path);
    return issue.keys
      .map((key) => `unknown option "${[...issue.path, key].join('.')}". ${didYouMean(key, known)}`)
      .join(' ');
  }
  const got = issue.path.reduce<unknown>((v, key) => (v as Record<PropertyKey, unknown> | undefined)?.[key], json);
  return `${at}: expected ${wanted(issue)}, got ${JSON.stringify(got) ?? 'nothing'}.`;
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
      return kinds.length > 0 ? kinds.map((v) => JSON.stringify(v)).join(' or ') : 'one of the known kinds';
    }
    default:
      return issue.message;
  }
}

function bound(origin: string, how: string, limit: number): string {
  if (origin === 'array') return `${how} ${limit} numbers`;
  return origin === 'string' ? 'some text' : `a number of ${how} ${limit}`;
}

/** Option names at a place of the configuration; of a union, those of all its kinds. */
function keysAt(path: readonly PropertyKey[]): readonly string[] {
  const places: Readonly<Record<string, { readonly shape: object } | readonly { readonly shape: object }[]>> = {
    '': CONFIG,
    data: DATA,
    model: CONFIG.shape.model.def.innerType,
    optimizer: OPTIMIZER.options,
    schedule: SCHEDULE.options,
    ema: EMA,
    groups: CONFIG.shape.groups.def.innerType.element,
    checkpointEvery: CHECKPOINT_EVERY,
    engine: CONFIG.shape.engine.def.innerType,
  };
  const place = places[path.length > 0 ? String(path[0]) : ''];
  const shapes = place === undefined ? [] : 'shape' in place ? [place] : place;
  return [...new Set(shapes.flatMap((s) => Object.keys(s.shape)))];
}

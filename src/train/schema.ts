import * as z from 'zod';
import type { RunConfig } from './config.ts';
import { DATA, type SaidOfData } from './data-config.ts';
import { optionNames, placesNamed } from './option-names.ts';

// Without compiled validators no `eval` is asked for, which a strict content-security policy forbids.
z.config({ jitless: true });

const count = z.int().min(1);
const share = z.number().min(0).max(1);
const positive = z.number().positive();
const atLeastZero = z.number().min(0);
const side = z.int().min(1).max(8192);
const betas = z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).optional();

/** What may be said of an optimizer. */
const OPTIMIZER = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sgd'),
    momentum: share.optional(),
    dampening: share.optional(),
    nesterov: z.boolean().optional(),
  }),
  ...(['adam', 'adamw'] as const).map((kind) =>
    z.strictObject({ kind: z.literal(kind), betas, eps: positive.optional() }),
  ),
  z.strictObject({
    ...{ kind: z.literal('lamb'), betas, eps: positive.optional() },
    ...{ alwaysAdapt: z.boolean().optional(), trustClip: z.boolean().optional() },
  }),
]);

const gamma = positive.default(0.1);
const WARMUP = {
  warmup: atLeastZero.default(0),
  warmupRate: atLeastZero.nullable().default(null),
  every: z.enum(['step', 'epoch']).default('step'),
};
const CYCLES = {
  ...WARMUP,
  minimum: atLeastZero.default(0),
  warmupPrefix: z.boolean().default(true),
  cooldown: atLeastZero.default(0),
  cycles: count.max(1000).default(1),
  cycleScale: positive.default(1),
  cycleDecay: positive.default(1),
};
const kDecay = positive.default(1);

const SCHEDULE = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('cosine'), ...CYCLES, kDecay }),
  z.strictObject({ kind: z.literal('poly'), ...CYCLES, kDecay, power: positive.default(0.5) }),
  z.strictObject({ kind: z.literal('tanh'), ...CYCLES }),
  z.strictObject({ kind: z.literal('step'), ...WARMUP, period: positive, gamma }),
  z.strictObject({ kind: z.literal('multistep'), ...WARMUP, milestones: z.array(positive), gamma }),
  z.strictObject({
    kind: z.literal('plateau'),
    ...WARMUP,
    patience: z.int().min(0).default(10),
    gamma,
    threshold: atLeastZero.default(1e-4),
    cooldown: z.int().min(0).default(0),
    minimum: atLeastZero.default(0),
  }),
  z.strictObject({ kind: z.literal('constant'), ...WARMUP }),
]);

const LOSS = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('cross-entropy') }),
  z.strictObject({
    kind: z.literal('binary-cross-entropy'),
    threshold: z.number().min(0).lt(1).nullable().default(null),
    sumClasses: z.boolean().default(false),
  }),
]);

const EMA = z.strictObject({
  decay: z.number().gt(0).lt(1),
  warmup: z.strictObject({ gamma: positive, power: positive }).optional(),
});

const FREEZE = z.strictObject({
  stages: z.int().min(0).nullable().default(null),
  norms: z.boolean().default(false),
});

const CLASS_WEIGHTS = z.union(
  [
    z.enum(['none', 'balanced', 'effective']),
    z.strictObject({ kind: z.literal('effective'), beta: z.number().min(0).lt(1) }),
    z.array(atLeastZero).min(1),
  ],
  { error: 'none, balanced, effective, {"kind": "effective", "beta": 0.999} or a list of weights' },
);

const EARLY_STOP = z.strictObject({ patience: z.int().min(0), minDelta: atLeastZero.default(0) });

const CHECKPOINT_EVERY = z.strictObject({
  steps: count.nullable().default(null),
  seconds: positive.nullable().default(600),
});

const GROUP = z.strictObject({
  pattern: z.string().refine(isPattern, { error: 'a regular expression' }),
  rate: atLeastZero.optional(),
  decay: atLeastZero.optional(),
  frozen: z.boolean().optional(),
});

const MODEL = z.strictObject({
  name: z.string().min(1).default('resnet20-gc'),
  overrides: z.record(z.string(), z.unknown()).default({}),
  weights: z.string().min(1).nullable().default(null),
  partial: z.boolean().default(false),
});

const ENGINE = z.strictObject({
  provider: z.enum(['cpu', 'cuda', 'webgpu', 'wasm']).default('cpu'),
  threads: count.max(1024).nullable().default(null),
});

/** What may be said of a run, and what is taken where nothing is said. */
const CONFIG = z.strictObject({
  recipe: z.string().min(1).nullable().default(null),
  data: DATA.prefault({}),
  model: MODEL.prefault({}),
  epochs: count.default(30),
  seed: z.int().min(0).default(0),
  optimizer: OPTIMIZER.default({ kind: 'adamw' }),
  learningRate: positive.default(0.003),
  learningRateFor: count.nullable().default(null),
  weightDecay: atLeastZero.default(0.05),
  decayAll: z.boolean().default(false),
  schedule: SCHEDULE.prefault({ kind: 'cosine', warmup: 1 }),
  loss: LOSS.nullable().default(null),
  labelSmoothing: z.number().min(0).lt(1).default(0.1),
  classWeights: CLASS_WEIGHTS.default('none'),
  accumulate: count.max(65536).default(1),
  clipNorm: positive.nullable().default(null),
  clipValue: positive.nullable().default(null),
  groups: z.array(GROUP).default([]),
  layerDecay: z.number().gt(0).max(1).nullable().default(null),
  freeze: FREEZE.prefault({}),
  ema: EMA.nullable().default(null),
  preciseNorm: z.int().min(0).default(0),
  recompute: z.enum(['none', 'blocks']).default('none'),
  autoBatch: z.number().gt(0).max(1).nullable().default(null),
  metric: z.enum(['balancedAccuracy', 'accuracy', 'loss', 'meanAveragePrecision']).nullable().default(null),
  earlyStop: EARLY_STOP.nullable().default(null),
  evaluateEvery: count.default(1),
  logEvery: count.default(20),
  checkpointEvery: CHECKPOINT_EVERY.prefault({}),
  keepCheckpoints: count.max(1000).default(2),
  liveReport: positive.nullable().default(10),
  tensorboard: z.boolean().default(false),
  keep: z.enum(['last', 'best']).default('last'),
  baseline: side.nullable().default(null),
  licence: z.string().min(1).max(200).nullable().default(null),
  engine: ENGINE.prefault({}),
});

/** A run's configuration before the network is known. */
export type SaidOfRun = Omit<RunConfig, 'data'> & { readonly data: SaidOfData };

/** Checks what is said of a run and fills in what is not. */
export function parseRun(json: unknown): z.ZodSafeParseResult<SaidOfRun> {
  return CONFIG.safeParse(json) as z.ZodSafeParseResult<SaidOfRun>;
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    return false;
  }
}

/** Names of the options that may stand at a place of a configuration; see {@link optionNames}. */
export function keysAt(path: readonly PropertyKey[], json: unknown): readonly string[] {
  return optionNames(CONFIG, path, json);
}

/** Where else in a configuration an option of this name stands. */
export function placesOf(name: string): readonly string[] {
  return placesNamed(CONFIG, name);
}

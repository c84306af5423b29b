import * as z from 'zod';
import type { EmaConfig } from '../train/ema.ts';
import type { OptimizerConfig } from '../train/optimizers/optimizer.ts';
import { learningRateAt, type Schedule } from '../train/schedule.ts';
import type { StepOptions } from '../train/step-graph.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';

z.config({ jitless: true }); // asks for no `eval`

const decay = z.number().nonnegative();
const betas = z.tuple([z.number(), z.number()]);
const adam = { lr: z.number(), betas: betas.optional(), eps: z.number().optional() };
/** Options of torch's that would change the rule; they are told apart from those that are told in other words. */
const variants = { amsgrad: z.literal(false).optional(), maximize: z.literal(false).optional() };

const optimizerSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('SGD'),
    lr: z.number(),
    momentum: z.number().optional(),
    dampening: z.number().optional(),
    nesterov: z.boolean().optional(),
    weight_decay: decay.default(0),
    ...variants,
  }),
  z.object({ type: z.literal('Adam'), ...adam, weight_decay: decay.default(0), ...variants }),
  z.object({ type: z.literal('AdamW'), ...adam, weight_decay: decay.default(0.01), ...variants }),
]);

const scheduleSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('MultiStepLR'), milestones: z.array(z.number()), gamma: z.number().default(0.1) }),
  z.object({ type: z.literal('CosineAnnealingLR'), T_max: z.number().positive(), eta_min: z.number().default(0) }),
  z.object({
    type: z.literal('cosine'),
    t_initial: z.number().positive(),
    lr_min: z.number().default(0),
    warmup_t: z.number().default(0),
    warmup_lr_init: z.number().default(0),
    warmup_prefix: z.boolean().default(false),
  }),
]);

const emaSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ModelEmaV2'), decay: z.number().default(0.9999) }),
  z.object({
    type: z.literal('ModelEmaV3'),
    decay: z.number().default(0.9999),
    use_warmup: z.boolean().default(false),
    warmup_gamma: z.number().default(1),
    warmup_power: z.number().default(2 / 3),
    /** There if the average is told which step it is. */
    step: z.string().optional(),
  }),
]);

const recipeSchema = z.object({
  steps: z.number().int().positive(),
  optimizer: optimizerSchema,
  schedule: scheduleSchema.optional(),
  clip_grad_norm: z.number().positive().optional(),
  ema: z.array(emaSchema).default([]),
});

/** How a case trains. */
export interface Recipe {
  /** Number of updates. */
  readonly steps: number;
  readonly optimizer: OptimizerConfig;
  /** Weight decay of all parameters. */
  readonly decay: number;
  /** Learning rate of update i, from 0. */
  readonly rate: (i: number) => number;
  /** Most that the common l2 norm of the gradients may be. */
  readonly clipNorm?: number;
  /** Averages of the weights to keep. */
  readonly averages: readonly EmaConfig[];
}

/** The recipe of a training case, in our own terms. */
export function readRecipe(c: ArrayCase): Recipe {
  const r = readConfig(c, recipeSchema);
  const schedule = r.schedule ? scheduleOf(r.schedule) : ({ kind: 'constant' } as const);
  return {
    steps: r.steps,
    optimizer: optimizerOf(r.optimizer),
    decay: r.optimizer.weight_decay,
    rate: (i) => learningRateAt(schedule, r.optimizer.lr, i),
    ...(r.clip_grad_norm !== undefined && { clipNorm: r.clip_grad_norm }),
    averages: r.ema.map(averageOf),
  };
}

function optimizerOf(o: z.infer<typeof optimizerSchema>): OptimizerConfig {
  if (o.type === 'SGD') {
    const { momentum = 0, dampening = 0, nesterov = false } = o;
    return { kind: 'sgd', momentum, dampening, nesterov };
  }
  const kind = o.type === 'Adam' ? 'adam' : 'adamw';
  return { kind, ...(o.betas && { betas: o.betas }), ...(o.eps !== undefined && { eps: o.eps }) };
}

function scheduleOf(s: z.infer<typeof scheduleSchema>): Schedule {
  switch (s.type) {
    case 'MultiStepLR':
      return { kind: 'multistep', milestones: s.milestones, gamma: s.gamma };
    case 'CosineAnnealingLR':
      return { kind: 'cosine-annealing', period: s.T_max, minimum: s.eta_min };
    case 'cosine':
      return {
        kind: 'cosine',
        period: s.t_initial,
        minimum: s.lr_min,
        warmup: s.warmup_t,
        warmupRate: s.warmup_lr_init,
        warmupPrefix: s.warmup_prefix,
      };
    default:
      return s satisfies never;
  }
}

function averageOf(e: z.infer<typeof emaSchema>): EmaConfig {
  if (e.type === 'ModelEmaV2') return { decay: e.decay };
  if (e.use_warmup) return { decay: e.decay, warmup: { gamma: e.warmup_gamma, power: e.warmup_power } };
  // ModelEmaV3 that is told the step copies the weights in the first one: a warm-up of no length.
  return { decay: e.decay, ...(e.step !== undefined && { warmup: { gamma: 1, power: Number.MAX_VALUE } }) };
}

/** A training step by a recipe: all parameters alike. */
export function stepOptions({ optimizer, decay, clipNorm }: Recipe): StepOptions {
  return { optimizer, settings: () => ({ decay }), ...(clipNorm !== undefined && { clipNorm }) };
}

import * as z from 'zod';
import { Fault } from '../core/fault.ts';

z.config({ jitless: true }); // asks for no `eval`

/** Folders of the corpus; the folder of a case decides what it checks and how closely. */
export const CASE_FOLDERS = [
  'backbones',
  'blocks',
  'detection',
  'metrics',
  'ops',
  'tracking',
  'training',
  'video',
] as const;

/** A folder of the corpus. */
export type CaseFolder = (typeof CASE_FOLDERS)[number];

/** What every case says of itself. */
export interface HeadJson {
  readonly name: string;
  readonly kind?: string | undefined;
  readonly source: string;
  readonly checks: string;
  readonly notes: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly [more: string]: unknown;
}

/** An input as the JSON tells it. */
export type InputJson =
  | { readonly from: 'unit' | 'stored'; readonly shape: readonly number[] }
  | { readonly from: 'file'; readonly shape: readonly number[]; readonly file: string };

/** A tensor of the reference's state dict. */
export interface StateEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: 'param' | 'buffer';
  /** Whether the formula gives its values; otherwise it is a constant that the network computes itself. */
  readonly filled: boolean;
}

/** An output as the JSON tells it: figures of the whole, and how it is stored. */
export interface OutputJson {
  readonly shape: readonly number[];
  readonly mean: number;
  readonly l2: number;
  readonly absmax: number;
  readonly stored: 'whole' | 'sampled';
}

/** What a case of tensors holds besides. */
export interface ArraysJson {
  readonly inputs: Readonly<Record<string, InputJson>>;
  readonly state: readonly StateEntry[];
  readonly outputs: Readonly<Record<string, OutputJson>>;
  readonly parameters: number;
}

/** The keys of `config` that say how a case is filled and judged, whatever it is about. */
export interface CaseRules {
  /** Outputs that are zero in exact arithmetic. */
  readonly zero: readonly string[];
  /** The same for entries of `grad_l2.step1`, by parameter. */
  readonly zeroGradients: readonly string[];
  /** Names of the entries of `grad_l2.step1` and `param_l2.after`. */
  readonly paramOrder: readonly string[];
  /** Bounds in an output's own unit, which replace the usual one. */
  readonly agree: ReadonlyMap<string, { readonly max_abs: number; readonly mean_abs?: number | undefined }>;
  /** The reference's relative error in float32 against float64, by output or one for all. */
  readonly referenceError: number | ReadonlyMap<string, number>;
  /** Factors of tensors, by name. */
  readonly scale: ReadonlyMap<string, number>;
  /** Factors of parameters, by the beginning and ending of the name, in this order. */
  readonly afterFill: readonly { readonly starting: string; readonly ending: string; readonly factor: number }[];
}

const size = z.number().int().nonnegative();
const shape = z.array(size);

const headSchema = z.looseObject({
  name: z.string(),
  kind: z.string().optional(),
  source: z.string(),
  checks: z.string(),
  notes: z.string().default(''),
  config: z.record(z.string(), z.unknown()).default({}),
});

const arraysSchema = z.object({
  inputs: z.record(
    z.string(),
    z.discriminatedUnion('from', [
      z.object({ from: z.enum(['unit', 'stored']), shape }),
      z.object({ from: z.literal('file'), shape, file: z.string() }),
    ]),
  ),
  state: z.array(z.object({ name: z.string(), shape, role: z.enum(['param', 'buffer']), filled: z.boolean() })),
  outputs: z.record(
    z.string(),
    z.object({ shape, mean: z.number(), l2: z.number(), absmax: z.number(), stored: z.enum(['whole', 'sampled']) }),
  ),
  parameters: size,
});

const errors = z.record(z.string(), z.number().nonnegative());

const rulesSchema = z.object({
  zero: z.array(z.string()).default([]),
  zero_gradients: z.array(z.string()).default([]),
  param_order: z.array(z.string()).default([]),
  agree: z.record(z.string(), z.object({ max_abs: z.number(), mean_abs: z.number().optional() })).default({}),
  reference_float32_error: z
    .union([z.object({ worst: z.string(), relative: z.number().nonnegative() }), errors])
    .default({}),
  scale: z.union([z.number(), z.record(z.string(), z.number())]).default({}),
  after_fill: z
    .array(z.object({ names_starting: z.string().default(''), names_ending: z.string(), multiply_by: z.number() }))
    .default([]),
});

/** Whether a JSON text is a golden case, and not data that lies beside one. */
export function isCase(text: string): boolean {
  try {
    return headSchema.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}

/** What every case says of itself, from its text. */
export function readHead(text: string): HeadJson {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Fault('data', 'golden case: expected JSON, got text that does not parse.', { cause });
  }
  return checked(headSchema, json, 'golden case');
}

/** The inputs, state and outputs of a case of tensors. */
export function readArrays(head: HeadJson): ArraysJson {
  return checked(arraysSchema, head, head.name);
}

/** The keys of `config` that are common to all cases. */
export function readRules(head: HeadJson): CaseRules {
  const r = checked(rulesSchema, head.config, `${head.name}: config`);
  const error = r.reference_float32_error;
  return {
    zero: r.zero,
    zeroGradients: r.zero_gradients,
    paramOrder: r.param_order,
    agree: new Map(Object.entries(r.agree)),
    referenceError: isOneForAll(error) ? error.relative : new Map(Object.entries(error)),
    scale: new Map(typeof r.scale === 'number' ? [] : Object.entries(r.scale)),
    afterFill: r.after_fill.map((a) => ({ starting: a.names_starting, ending: a.names_ending, factor: a.multiply_by })),
  };
}

type ErrorJson = z.infer<typeof rulesSchema>['reference_float32_error'];

function isOneForAll(error: ErrorJson): error is { worst: string; relative: number } {
  return typeof error.worst === 'string';
}

function checked<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new Fault('data', `${where}: ${issue?.path.map(String).join('.') || 'the case'}: ${issue?.message}.`);
}

/** The folder of the corpus that a path ends in or, elsewhere, the one where such a case belongs. */
export function folderOf(path: string | undefined, head: HeadJson): CaseFolder {
  const last = (path ?? '').split(/[\\/]/).findLast((part) => part !== '');
  const known = CASE_FOLDERS.find((f) => f === last);
  if (known) return known;
  const { model, optimizer } = head.config;
  if (optimizer !== undefined) return 'training';
  if (typeof model === 'string') {
    if (model.startsWith('slowfast.')) return 'video';
    if (/rcnn_|^retinanet_|detr$|^relation_|^duplicate_/.test(model)) return 'detection';
    if (model.includes('.') || model === 'simplified_nonlocal' || model === 'local_relation') return 'blocks';
    return 'backbones';
  }
  if ('models' in head) return 'detection';
  if (/^(mot_|linear_sum)/.test(head.name)) return 'tracking';
  return /^(accuracy|attention_distances|coco_)/.test(head.name) ? 'metrics' : 'ops';
}

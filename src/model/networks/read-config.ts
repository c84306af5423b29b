import * as z from 'zod';
import { Fault } from '../../core/fault.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { ContextSpec } from '../blocks/context.ts';
import type { NetworkConfig } from './named.ts';

// Without compiled validators no `eval` is asked for, which a strict content-security policy forbids.
z.config({ jitless: true });

const count = z.int().min(1).max(65536);
const ratio = z.number().gt(0).max(1);
const share = z.number().min(0).lt(1);

const NON_LOCAL = z.strictObject({
  kind: z.literal('non-local'),
  mode: z.enum(['embedded-gaussian', 'gaussian', 'dot-product', 'concatenation']).optional(),
  reduction: count.optional(),
  innerChannels: count.optional(),
  scale: z.enum(['none', 'D^-1/2', 'D^1/2', 'C^-1/2']).optional(),
  subSample: z
    .strictObject({ order: z.enum(['after-projection', 'before-projection']), kernel: z.array(count).optional() })
    .optional(),
  norm: z.enum(['batch', 'none']).optional(),
  residual: z.boolean().optional(),
  init: z.enum(['normal', 'he']).optional(),
  names: z.enum(['mmcv', 'timm', 'slowfast']).optional(),
});
const SIMPLIFIED = z.strictObject({ kind: z.literal('simplified-non-local') });
const SQUEEZE = z.strictObject({
  kind: z.literal('squeeze-excitation'),
  ratio: ratio.optional(),
  divisor: count.optional(),
  squeezeChannels: count.optional(),
});
const GLOBAL = z.strictObject({
  kind: z.literal('global-context'),
  ratio: ratio.optional(),
  hiddenChannels: count.optional(),
  pooling: z.enum(['attention', 'average']).optional(),
  fusions: z
    .array(z.enum(['add', 'multiply']))
    .min(1)
    .optional(),
  names: z.enum(['gcnet', 'timm']).optional(),
});
const CONTEXT = z.discriminatedUnion('kind', [NON_LOCAL, SIMPLIFIED, SQUEEZE, GLOBAL]);

const PLACEMENT = z.strictObject({
  context: CONTEXT,
  position: z.enum(['after-conv1', 'after-conv2', 'after-conv3', 'after-add', 'after-block', 'after-stage']),
  stages: z.array(count).optional(),
  blocks: z.array(z.int()).optional(),
  name: z.string().regex(/^\w+$/, { error: 'a name of letters, digits and _' }).optional(),
});

/** Options that every kind of network has. */
const COMMON = {
  shortcut: z.enum(['convolution', 'average']),
  inChannels: count,
  classes: z.int().min(0).max(1e6),
  zeroInitResidual: z.boolean(),
  dropPath: share,
  dropout: share,
  context: z.array(PLACEMENT),
};

const RESNET = z.strictObject({
  kind: z.literal('resnet'),
  block: z.enum(['basic', 'bottleneck']),
  layers: z.array(count).min(1).max(8),
  width: count,
  groups: count,
  widthPerGroup: count,
  stem: z.enum(['7x7', 'deep', 'deep-tiered', '3x3']),
  strideIn: z.enum(['3x3', '1x1']),
  ...COMMON,
});

const STAGE = z.strictObject({
  blocks: count,
  channels: count,
  stride: z.int().min(1).max(4),
  ratio: z.number().gt(0).max(16),
  groupSize: z.int().min(0).max(65536),
});

const BYOBNET = z.strictObject({
  kind: z.literal('byobnet'),
  stem: z.array(count).min(1).max(8),
  stemStride: z.enum(['maximum', 'convolution']),
  stages: z.array(STAGE).min(1).max(8),
  activation: z.enum(['relu', 'silu']),
  finalChannels: z.int().min(0).max(65536),
  ...COMMON,
});

const KINDS: { readonly [K in NetworkConfig['kind']]: z.ZodObject } = { resnet: RESNET, byobnet: BYOBNET };

/** Checks the options of a network; unknown keys and wrong values are told all at once, as a `config` fault. */
export function readNetworkConfig(kind: NetworkConfig['kind'], json: unknown, where: string): NetworkConfig {
  return read(KINDS[kind], json, where) as NetworkConfig;
}

/** Checks the options of a context block. */
export function readContextSpec(json: unknown, where: string): ContextSpec {
  return read(CONTEXT, json, where) as ContextSpec;
}

function read(schema: z.ZodType, json: unknown, where: string): unknown {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new Fault('config', parsed.error.issues.map((issue) => say(issue, json, { schema, where })).join(' '));
}

function say(issue: z.core.$ZodIssue, json: unknown, { schema, where }: { schema: z.ZodType; where: string }): string {
  const path = [where, ...issue.path.map(String)].join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys
      .map((key) => `${path}: unknown option "${key}". ${didYouMean(key, keysAt(schema, json, issue.path))}`)
      .join(' ');
  }
  const got = JSON.stringify(valueAt(json, issue.path)) ?? 'nothing';
  if (issue.code === 'invalid_value')
    return `${path}: expected ${issue.values.map((v) => JSON.stringify(v)).join(' or ')}, got ${got}.`;
  if (issue.code === 'invalid_type') return `${path}: expected ${issue.expected}, got ${got}.`;
  if (issue.code === 'invalid_union') {
    const kinds = CONTEXT.options.map((o) => `"${o.shape.kind.value}"`).join(', ');
    return `${path}: expected one of ${kinds}, got ${got}.`;
  }
  return `${path}: ${issue.message}, got ${got}.`;
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (v, key) => (v as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[key],
    json,
  );
}

/** The keys that the object at `path` may have. */
function keysAt(schema: z.ZodType, json: unknown, path: readonly PropertyKey[]): string[] {
  const network = Object.values(KINDS).find((k) => k === schema);
  if (path.length === 0 && network) return Object.keys(network.shape);
  const last = path[path.length - 1];
  if (last === 'subSample') return ['order', 'kernel'];
  if (typeof last === 'number') return Object.keys((path[0] === 'stages' ? STAGE : PLACEMENT).shape);
  const kind = (valueAt(json, path) as { readonly kind?: unknown }).kind;
  return Object.keys(CONTEXT.options.find((o) => o.shape.kind.value === kind)?.shape ?? {});
}

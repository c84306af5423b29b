import * as z from 'zod';
import { Fault } from '../core/fault.ts';
import { didYouMean } from '../core/suggest.ts';

// Without compiled validators no `eval` is asked for, which a strict content-security policy forbids.
z.config({ jitless: true });

/** A number of things: channels, blocks, groups. */
export const count: z.ZodInt = z.int().min(1).max(65536);
/** A width as a factor of another. */
export const ratio: z.ZodNumber = z.number().gt(0).max(1);
/** A probability below one. */
export const share: z.ZodNumber = z.number().min(0).lt(1);

/** Where a schema stands for others that depend on the value: the schema that checks `value`. */
export type SchemaOf = (value: unknown) => z.ZodType | undefined;

const BY_VALUE = new WeakMap<z.ZodType, SchemaOf>();

/** A schema whose checks are those of another, found by the value; `refuse` says what is wrong where there is none. */
export function byValue<T>(find: SchemaOf, refuse: (value: unknown) => RefusedValue): z.ZodType<T> {
  const schema = z.unknown().transform((value, context): T => {
    const found = find(value);
    if (!found) {
      const { path, message } = refuse(value);
      context.issues.push({ code: 'custom', path: [...path], message, input: value });
      return z.NEVER;
    }
    const parsed = found.safeParse(value);
    if (parsed.success) return parsed.data as T;
    for (const issue of parsed.error.issues) {
      context.issues.push({ ...issue, path: [...issue.path], input: value } as z.core.$ZodRawIssue);
    }
    return z.NEVER;
  });
  BY_VALUE.set(schema, find);
  return schema;
}

/** What no schema was found for: the key that is to blame, and what was expected there. */
export interface RefusedValue {
  readonly path: readonly string[];
  readonly message: string;
}

/** Checks options; unknown keys and wrong values are told all at once, as a `config` fault that says where. */
export function readOptions(schema: z.ZodType, json: unknown, where: string): unknown {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new Fault('config', parsed.error.issues.map((issue) => say(issue, json, { schema, where })).join(' '));
}

function say(issue: z.core.$ZodIssue, json: unknown, { schema, where }: { schema: z.ZodType; where: string }): string {
  const path = [where, ...issue.path.map(String)].join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = keysOf(schemaAt(schema, json, issue.path));
    return issue.keys.map((key) => `${path}: unknown option "${key}". ${didYouMean(key, known)}`).join(' ');
  }
  const got = JSON.stringify(valueAt(json, issue.path)) ?? 'nothing';
  if (issue.code === 'invalid_value') {
    return `${path}: expected ${issue.values.map((v) => JSON.stringify(v)).join(' or ')}, got ${got}.`;
  }
  if (issue.code === 'invalid_type') return `${path}: expected ${issue.expected}, got ${got}.`;
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    return `${path}: expected ${boundOf(issue)}, got ${got}.${shareFor(issue, valueAt(json, issue.path))}`;
  }
  if (issue.code === 'invalid_union') {
    const values = literalsOf(schemaAt(schema, json, issue.path, true));
    if (values.length > 0) return `${path}: expected ${values.join(' or ')}, got ${got}.`;
    const kinds = kindsOf(schemaAt(schema, json, issue.path.slice(0, -1), true));
    if (kinds.length > 0) return `${path}: expected one of ${kinds.join(', ')}, got ${got}.`;
  }
  return `${path}: ${issue.message}, got ${got}.`;
}

type Bound = Extract<z.core.$ZodIssue, { readonly code: 'too_small' | 'too_big' }>;

/** `at least 1`, `below 1`, `at least 1 entry`. */
function boundOf(issue: Bound): string {
  const [bound, words] =
    issue.code === 'too_small' ? [issue.minimum, ['at least', 'more than']] : [issue.maximum, ['at most', 'below']];
  const text = `${words[issue.inclusive === false ? 1 : 0]} ${bound}`;
  if (issue.origin !== 'array') return text;
  return `${text} ${Number(bound) === 1 ? 'entry' : 'entries'}`;
}

/** What a share of one is written as, where its divisor was given. */
function shareFor(issue: Bound, value: unknown): string {
  const isDivisor = issue.code === 'too_big' && issue.maximum === 1 && Number.isInteger(value);
  return isDivisor && issue.inclusive !== false ? ` Write 1/${value} as ${1 / (value as number)}.` : '';
}

/** The values of a union of literals; none for another schema. */
function literalsOf(schema: z.ZodType): readonly string[] {
  if (!(schema instanceof z.ZodUnion)) return [];
  const options = schema.options as readonly z.ZodType[];
  return options.every((o) => o instanceof z.ZodLiteral) ? options.map((o) => JSON.stringify(o.value)) : [];
}

function valueAt(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (v, key) => (v as Readonly<Record<PropertyKey, unknown>> | null | undefined)?.[key],
    json,
  );
}

/** The schema of the value at `path`; a union stays one where `union` says so. */
function schemaAt(schema: z.ZodType, json: unknown, path: readonly PropertyKey[], union = false): z.ZodType {
  let at = schema;
  path.forEach((key, i) => {
    const object = resolved(at, valueAt(json, path.slice(0, i)), false);
    const { shape } = object as { readonly shape?: Readonly<Record<PropertyKey, z.ZodType>> };
    at = (object instanceof z.ZodArray ? (object.element as z.ZodType) : shape?.[key]) ?? z.unknown();
  });
  return resolved(at, valueAt(json, path), union);
}

/** What a schema is for one value: without `optional`, and of alternatives the one that the value's `kind` tells. */
function resolved(schema: z.ZodType, value: unknown, union: boolean): z.ZodType {
  const found = BY_VALUE.get(schema)?.(value);
  if (found) return resolved(found, value, union);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    return resolved(schema.def.innerType as z.ZodType, value, union);
  }
  if (schema instanceof z.ZodUnion && !union) {
    const kind = JSON.stringify((value as { readonly kind?: unknown } | null)?.kind);
    const options = schema.options as readonly z.ZodType[];
    const meant = options.find((o) => kindOf(o) === kind) ?? options.find((o) => o instanceof z.ZodObject);
    return meant ? resolved(meant, value, union) : schema;
  }
  return schema;
}

function keysOf(schema: z.ZodType): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function kindsOf(schema: z.ZodType): readonly string[] {
  if (!(schema instanceof z.ZodUnion)) return [];
  return (schema.options as readonly z.ZodType[]).flatMap((o) => kindOf(o) ?? []);
}

/** The `kind` that a schema is of, in quotes. */
function kindOf(schema: z.ZodType): string | undefined {
  const kind = schema instanceof z.ZodObject ? (schema.shape as Readonly<Record<string, unknown>>).kind : undefined;
  return kind instanceof z.ZodLiteral ? JSON.stringify(kind.value) : undefined;
}

import type * as z from 'zod';

type Json = Readonly<Record<PropertyKey, unknown>>;
type Shape = Readonly<Record<string, z.core.$ZodType>>;

/**
 * Names of the options that an object at a place of a configuration may have; of alternatives told apart by `kind`, those
 * of the kind that `json` says, or of all where it says none.
 */
export function optionNames(schema: z.core.$ZodType, path: readonly PropertyKey[], json: unknown): readonly string[] {
  const [key, ...rest] = path;
  const shapes = shapesOf(schema, json);
  if (key === undefined) return [...new Set(shapes.flatMap((s) => Object.keys(s)))];
  const inside = (json as Json | null | undefined)?.[key];
  const below = typeof key === 'number' ? elementsOf(schema) : shapes.flatMap((s) => s[String(key)] ?? []);
  return [...new Set(below.flatMap((s) => optionNames(s, rest, inside)))];
}

/** All places of a configuration, such as `data.batchSize`, whose last part is this name. */
export function placesNamed(schema: z.core.$ZodType, name: string): readonly string[] {
  const places = shapesOf(schema, undefined).flatMap((shape) =>
    Object.entries(shape).flatMap(([key, value]) => [
      ...(key === name ? [key] : []),
      ...placesNamed(value, name).map((place) => `${key}.${place}`),
    ]),
  );
  return [...new Set(places)];
}

/** The objects that a value may be, looking through defaults, null and alternatives. */
function shapesOf(schema: z.core.$ZodType, json: unknown): readonly Shape[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object':
      return [def.shape];
    case 'default':
    case 'prefault':
    case 'nullable':
    case 'optional':
      return shapesOf(def.innerType, json);
    case 'union': {
      const shapes = def.options.flatMap((option) => shapesOf(option, json));
      const named = shapes.filter((shape) => isOfKind(shape, (json as Json | null | undefined)?.['kind']));
      return named.length > 0 ? named : shapes;
    }
    default:
      return [];
  }
}

/** What the entries of a list may be. */
function elementsOf(schema: z.core.$ZodType): readonly z.core.$ZodType[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'array':
      return [def.element];
    case 'default':
    case 'prefault':
    case 'nullable':
    case 'optional':
      return elementsOf(def.innerType);
    default:
      return [];
  }
}

function isOfKind({ kind }: Shape, wanted: unknown): boolean {
  const def = (kind as z.core.$ZodTypes | undefined)?._zod.def;
  return def?.type === 'literal' && def.values.some((value) => value === wanted);
}

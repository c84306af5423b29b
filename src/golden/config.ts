import type { z } from 'zod';
import { Fault } from '../core/fault.ts';
import type { ArrayCase } from './case.ts';

/** What a family needs of a case's `config`; a fault that names the case and the key where it is missing or wrong. */
export function readConfig<T>(c: ArrayCase, schema: z.ZodType<T>): T {
  const result = schema.safeParse(c.config);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new Fault('data', `${c.name}: config.${issue?.path.map(String).join('.')}: ${issue?.message}.`);
}

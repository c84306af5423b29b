import * as z from 'zod';
import { SOURCE_DEFAULTS, type SourceOptions } from '../data/source.ts';

// Without compiled validators no `eval` is asked for, which a strict content-security policy forbids.
z.config({ jitless: true });

const path = z.string().min(1).max(4096);
const column = z.union([z.int().min(0), z.string().min(1).max(1024)], {
  error: 'the name of a column or its place from 0',
});
const { format, labels, sameContent } = SOURCE_DEFAULTS;

/** What may be said of where labelled pictures are and how they are kept: keys of a run's `data`. */
export const SOURCE: { readonly [K in Exclude<keyof SourceOptions, 'strict'>]: z.ZodType<SourceOptions[K]> } = {
  format: z.enum(['auto', 'folder', 'csv', 'webdataset']).default(format),
  validation: path.nullable().default(null),
  classes: z
    .union([path, z.array(z.string().min(1).max(1024)).min(1).max(100_000)], {
      error: 'a list of names, or a text file with one a line',
    })
    .nullable()
    .default(null),
  labels: z.enum(['auto', 'single', 'multi']).default(labels),
  labelSeparator: z.string().min(1).max(16).nullable().default(null),
  root: path.nullable().default(null),
  columns: z
    .strictObject({
      path: column.optional(),
      labels: z.union([column, z.array(column).min(1)], { error: 'one column, or a list of columns' }).optional(),
      split: column.optional(),
    })
    .default({}),
  separator: z.enum([',', ';', '\t']).nullable().default(null),
  sameContent: z.boolean().default(sameContent),
};

/** The part of a configuration's `data` that says how pictures are kept. */
export function sourceOptions(data: SourceOptions): SourceOptions {
  const { format, validation, classes, labels, labelSeparator, root, columns, separator, sameContent, strict } = data;
  return { format, validation, classes, labels, labelSeparator, root, columns, separator, sameContent, strict };
}

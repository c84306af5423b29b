import type { NameTable } from '../../../core/name-table.ts';
import { FAMILIES, type FamilyName } from '../families.ts';

/** Whose names weights of a kind of network may bear; of two that fit as well the first counts. */
export const NAME_TABLES: { readonly [K in FamilyName]: readonly NameTable[] } = Object.fromEntries(
  Object.values(FAMILIES).map(({ kind, names }) => [kind, names]),
) as { [K in FamilyName]: readonly NameTable[] };

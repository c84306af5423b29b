import type { NameTable } from '../../../core/name-table.ts';
import type { NetworkConfig } from '../named.ts';
import { BYOBNET_NAMES } from './byobnet.ts';
import { RESNET_NAMES } from './resnet.ts';

/** Whose names weights of a kind of network may bear; of two that fit as well the first counts. */
export const NAME_TABLES: { readonly [K in NetworkConfig['kind']]: readonly NameTable[] } = {
  resnet: RESNET_NAMES,
  byobnet: BYOBNET_NAMES,
};

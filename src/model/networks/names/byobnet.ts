import type { NameTable } from '../../../core/name-table.ts';

/** timm's, which are ours; transformers keeps them behind the prefix `timm_model.`, which needs no table. */
export const BYOBNET_NAMES: readonly NameTable[] = [{ source: "the network's own names", rules: [] }];

import type { ByobnetConfig } from './byobnet-config.ts';
import { BYOBNET_FAMILY } from './byobnet-family.ts';
import { BYOBNETS, type ByobnetName } from './byobnet-table.ts';
import { COTNETS, type CotnetName } from './cotnet-table.ts';
import type { Family } from './family.ts';
import type { ResnetConfig } from './resnet-config.ts';
import { RESNET_FAMILY } from './resnet-family.ts';
import { RESNETS, type ResnetName } from './resnet-table.ts';

/** The kinds of {@link FAMILIES}: configuration and names of each. */
export interface FamilyTable {
  readonly resnet: Family<ResnetConfig, ResnetName | CotnetName>;
  readonly byobnet: Family<ByobnetConfig, ByobnetName>;
}

/** Every kind of network with its named networks. */
export const FAMILIES: FamilyTable = {
  resnet: { ...RESNET_FAMILY, networks: { ...RESNETS, ...COTNETS } },
  byobnet: { ...BYOBNET_FAMILY, networks: { ...BYOBNETS } },
};

/** A kind of network. */
export type FamilyName = keyof FamilyTable;

/** The family of a kind. */
export function familyOf(kind: string): Family {
  return (FAMILIES as unknown as Readonly<Record<string, Family>>)[kind]!;
}

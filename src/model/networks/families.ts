import type { ByobnetConfig } from './byobnet-config.ts';
import { BYOBNET_FAMILY } from './byobnet-family.ts';
import { BYOBNETS, type ByobnetName } from './byobnet-table.ts';
import type { ContainerConfig } from './container-config.ts';
import { CONTAINER_FAMILY } from './container-family.ts';
import { CONTAINERS, type ContainerName } from './container-table.ts';
import { COTNETS, type CotnetName } from './cotnet-table.ts';
import type { Family } from './family.ts';
import { GCNETS, type GcnetName } from './gcnet-table.ts';
import { LRNETS, type LrnetName } from './lrnet-table.ts';
import { withPrinted } from './printed.ts';
import type { ResnetConfig } from './resnet-config.ts';
import { RESNET_FAMILY } from './resnet-family.ts';
import { RESNETS, type ResnetName } from './resnet-table.ts';
import type { VisionTransformerConfig } from './vision-transformer-config.ts';
import { VISION_TRANSFORMER_FAMILY } from './vision-transformer-family.ts';
import { VISION_TRANSFORMERS, type VisionTransformerName } from './vision-transformer-table.ts';

/** The kinds of {@link FAMILIES}: configuration and names of each. */
export interface FamilyTable {
  readonly resnet: Family<ResnetConfig, ResnetName | GcnetName | LrnetName | CotnetName>;
  readonly byobnet: Family<ByobnetConfig, ByobnetName>;
  readonly container: Family<ContainerConfig, ContainerName>;
  readonly 'vision-transformer': Family<VisionTransformerConfig, VisionTransformerName>;
}

/** Every kind of network with its named networks. */
export const FAMILIES: FamilyTable = {
  resnet: { ...RESNET_FAMILY, networks: withPrinted({ ...RESNETS, ...GCNETS, ...LRNETS, ...COTNETS }) },
  byobnet: { ...BYOBNET_FAMILY, networks: withPrinted({ ...BYOBNETS }) },
  container: { ...CONTAINER_FAMILY, networks: { ...CONTAINERS } },
  'vision-transformer': { ...VISION_TRANSFORMER_FAMILY, networks: { ...VISION_TRANSFORMERS } },
};

/** A kind of network. */
export type FamilyName = keyof FamilyTable;

/** The family of a kind. */
export function familyOf(kind: string): Family {
  return (FAMILIES as unknown as Readonly<Record<string, Family>>)[kind]!;
}

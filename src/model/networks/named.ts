import type { FamilyName, FamilyTable } from './families.ts';
import type { FamilyConfig, NamedNetwork as Named } from './family.ts';

/** A network's whole configuration, as plain JSON. */
export type NetworkConfig = Parameters<FamilyTable[FamilyName]['input']>[0];

/** A named network: its configuration, its number of trainable values, and the pictures that it is made for. */
export type NamedNetwork<C extends FamilyConfig = NetworkConfig> = Named<C>;

/** The name of a network in the table. */
export type NetworkName = { readonly [K in FamilyName]: keyof FamilyTable[K]['networks'] & string }[FamilyName];

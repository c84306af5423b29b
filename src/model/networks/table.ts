import { Fault } from '../../core/fault.ts';
import { didYouMean } from '../../core/suggest.ts';
import { allBlocks } from '../blocks/table.ts';
import type { Network } from '../scope.ts';
import { FAMILIES, type FamilyTable, familyOf } from './families.ts';
import type { NamedNetwork, NetworkConfig } from './named.ts';
import type { PictureInput } from './picture-input.ts';
import { readNetworkConfig } from './read-config.ts';

export type { NetworkName } from './named.ts';

/** Every network of the package by name. Names with a dash are ours; the others are torchvision's and timm's. */
export const NETWORKS: UnionToIntersection<FamilyTable[keyof FamilyTable]['networks']> = Object.assign(
  {},
  ...Object.values(FAMILIES).map(({ networks }) => networks),
);

type UnionToIntersection<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never;

/** A network with its whole configuration, ready to trace: input `x`, outputs as the network's own page says. */
export interface Model {
  readonly config: NetworkConfig;
  /** The pictures that it is made for. */
  readonly input: PictureInput;
  readonly network: Network;
}

/** Names of every network: those of the table, and those that blocks bring. */
export function allNetworkNames(): readonly string[] {
  const brought = allBlocks().flatMap(({ networks = {} }) => Object.keys(networks));
  return [...Object.keys(NETWORKS), ...brought];
}

/** What the table holds of a named network. */
export function namedNetwork(name: string): NamedNetwork {
  const table: Readonly<Record<string, NamedNetwork>> = NETWORKS;
  const named = Object.hasOwn(table, name) ? table[name] : broughtNetwork(name);
  if (named) return named;
  throw new Fault('config', `model: expected a known name, got "${name}". ${didYouMean(name, allNetworkNames())}`);
}

/** A network that a block brings: another of the table with some options changed. */
function broughtNetwork(name: string): NamedNetwork | undefined {
  for (const { networks = {} } of allBlocks()) {
    const brought = Object.hasOwn(networks, name) ? networks[name] : undefined;
    if (!brought) continue;
    const { base, changes, parameters, published } = brought;
    const { config, input } = createModel(base, changes);
    return { config, input, parameters, ...(published && { published }) };
  }
  return undefined;
}

/**
 * The named network with some options changed: plain JSON, of which unknown keys and wrong values are refused.
 * `features` are intermediates to give as outputs too.
 */
export function createModel(
  name: string,
  overrides: Readonly<Record<string, unknown>> = {},
  features: readonly string[] = [],
): Model {
  const named = namedNetwork(name);
  const config = readNetworkConfig(named.config.kind, { ...named.config, ...overrides }, `model ${name}`);
  const { input, network } = modelOf(config, features);
  const isUsual = JSON.stringify(input) === JSON.stringify(familyOf(config.kind).input(named.config));
  return { config, input: isUsual ? named.input : input, network };
}

/** The network of a configuration. */
export function modelOf(config: NetworkConfig, features: readonly string[] = []): Model {
  const family = familyOf(config.kind);
  return { config, input: family.input(config), network: (s, { x }) => family.build(s, x!, config, features) };
}

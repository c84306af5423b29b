import type { ContextSpec } from '../blocks/context.ts';
import { blockSpec } from '../blocks/table.ts';
import { readOptions } from '../read-options.ts';
import { familyOf } from './families.ts';
import type { NetworkConfig } from './named.ts';

/** Checks the options of a network; unknown keys and wrong values are told all at once, as a `config` fault. */
export function readNetworkConfig(kind: NetworkConfig['kind'], json: unknown, where: string): NetworkConfig {
  return readOptions(familyOf(kind).options, json, where) as NetworkConfig;
}

/** Checks the options of a block. */
export function readContextSpec(json: unknown, where: string): ContextSpec {
  return readOptions(blockSpec, json, where) as ContextSpec;
}

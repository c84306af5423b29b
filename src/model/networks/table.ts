import { Fault } from '../../core/fault.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { Network } from '../scope.ts';
import { byobnet } from './byobnet.ts';
import { BYOBNETS, type ByobnetName } from './byobnet-table.ts';
import type { NamedNetwork, NetworkConfig } from './named.ts';
import { type PictureInput, SMALL_INPUT, TORCHVISION_INPUT } from './picture-input.ts';
import { readNetworkConfig } from './read-config.ts';
import { resnet } from './resnet.ts';
import { RESNETS, type ResnetName } from './resnet-table.ts';

/** The name of a network in {@link NETWORKS}. */
export type NetworkName = ResnetName | ByobnetName;

/** Every network by name. Names with a dash are ours; the others are torchvision's and timm's. */
export const NETWORKS: typeof RESNETS & typeof BYOBNETS = { ...RESNETS, ...BYOBNETS };

/** A network with its whole configuration, ready to trace: input `x`, outputs as the network's own page says. */
export interface Model {
  readonly config: NetworkConfig;
  /** The pictures that it is made for. */
  readonly input: PictureInput;
  readonly network: Network;
}

/** What the table holds of a named network. */
export function namedNetwork(name: string): NamedNetwork {
  const named = (NETWORKS as Readonly<Record<string, NamedNetwork>>)[name];
  if (named && Object.hasOwn(NETWORKS, name)) return named;
  const names = Object.keys(NETWORKS);
  throw new Fault('config', `model: expected a known name, got "${name}". ${didYouMean(name, names)}`);
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
  const json = { ...named.config, ...overrides };
  const config = readNetworkConfig(named.config.kind, json, `model ${name}`);
  const { network } = modelOf(config, features);
  return { config, input: isSmall(config) === isSmall(named.config) ? named.input : usualInput(config), network };
}

/** The network of a configuration. */
export function modelOf(config: NetworkConfig, features: readonly string[] = []): Model {
  const network: Network = (s, { x }) => {
    switch (config.kind) {
      case 'resnet':
        return resnet(s, x!, config, features);
      case 'byobnet':
        return byobnet(s, x!, config, features);
      default:
        return config satisfies never;
    }
  };
  return { config, input: usualInput(config), network };
}

/** Whether a network sees small pictures, since its stem does not stride. */
function isSmall(config: NetworkConfig): boolean {
  return config.kind === 'resnet' && config.stem === '3x3';
}

function usualInput(config: NetworkConfig): PictureInput {
  return isSmall(config) ? SMALL_INPUT : TORCHVISION_INPUT;
}

import { Fault } from '../../core/fault.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { Network } from '../scope.ts';
import { type ResnetConfig, resnet } from './resnet.ts';

const RESNET: ResnetConfig = {
  kind: 'resnet',
  block: 'bottleneck',
  layers: [3, 4, 6, 3],
  width: 64,
  groups: 1,
  widthPerGroup: 64,
  stem: '7x7',
  strideIn: '3x3',
  inChannels: 3,
  classes: 1000,
  zeroInitResidual: false,
};
/** He et al. 2015, section 4.2, for 32 x 32 pictures: three stages of 16, 32 and 64 channels. */
const CIFAR: ResnetConfig = { ...RESNET, block: 'basic', layers: [3, 3, 3], width: 16, stem: '3x3', classes: 10 };

/** A named network: its configuration and the number of trainable values that its reference publishes. */
export interface NamedNetwork {
  readonly config: ResnetConfig;
  readonly parameters: number;
}

/** The name of a network in {@link NETWORKS}. */
export type NetworkName =
  | 'resnet18'
  | 'resnet34'
  | 'resnet50'
  | 'resnet101'
  | 'resnet152'
  | 'resnext50_32x4d'
  | 'resnext101_32x8d'
  | 'resnet20'
  | 'resnet32';

/** Every network by name. */
export const NETWORKS: { readonly [K in NetworkName]: NamedNetwork } = {
  resnet18: { config: { ...RESNET, block: 'basic', layers: [2, 2, 2, 2] }, parameters: 11_689_512 },
  resnet34: { config: { ...RESNET, block: 'basic' }, parameters: 21_797_672 },
  resnet50: { config: RESNET, parameters: 25_557_032 },
  resnet101: { config: { ...RESNET, layers: [3, 4, 23, 3] }, parameters: 44_549_160 },
  resnet152: { config: { ...RESNET, layers: [3, 8, 36, 3] }, parameters: 60_192_808 },
  resnext50_32x4d: { config: { ...RESNET, groups: 32, widthPerGroup: 4 }, parameters: 25_028_904 },
  resnext101_32x8d: {
    config: { ...RESNET, layers: [3, 4, 23, 3], groups: 32, widthPerGroup: 8 },
    parameters: 88_791_336,
  },
  resnet20: { config: CIFAR, parameters: 272_474 },
  resnet32: { config: { ...CIFAR, layers: [5, 5, 5] }, parameters: 466_906 },
};

/** A network with its whole configuration, ready to trace: input `x`, outputs as the network's own page says. */
export interface Model {
  readonly config: ResnetConfig;
  readonly network: Network;
}

/** The named network with some options changed. `features` are intermediates to give as outputs too. */
export function createModel(
  name: string,
  overrides: Partial<ResnetConfig> = {},
  features: readonly string[] = [],
): Model {
  const named = (NETWORKS as Readonly<Record<string, NamedNetwork>>)[name];
  if (!named)
    throw new Fault(
      'config',
      `model: expected a known name, got "${name}". ${didYouMean(name, Object.keys(NETWORKS))}`,
    );
  const known = Object.keys(named.config);
  for (const key of Object.keys(overrides)) {
    if (!known.includes(key))
      throw new Fault('config', `model ${name}: unknown option "${key}". ${didYouMean(key, known)}`);
  }
  const config: ResnetConfig = { ...named.config, ...overrides };
  return { config, network: (s, { x }) => resnet(s, x!, config, features) };
}

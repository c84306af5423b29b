import { Fault } from '../../core/fault.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { GlobalContextConfig } from '../blocks/global-context.ts';
import type { Network } from '../scope.ts';
import { readResnetConfig } from './read-config.ts';
import { resnet } from './resnet.ts';
import type { ContextPlacement, ResnetConfig } from './resnet-config.ts';

/** torchvision's ResNet-50. */
const RESNET: ResnetConfig = {
  kind: 'resnet',
  block: 'bottleneck',
  layers: [3, 4, 6, 3],
  width: 64,
  groups: 1,
  widthPerGroup: 64,
  stem: '7x7',
  strideIn: '3x3',
  shortcut: 'convolution',
  inChannels: 3,
  classes: 1000,
  zeroInitResidual: false,
  dropPath: 0,
  dropout: 0,
  context: [],
};
const BASIC: ResnetConfig = { ...RESNET, block: 'basic' };
const LAYERS_18 = [2, 2, 2, 2];
const LAYERS_101 = [3, 4, 23, 3];
const LAYERS_152 = [3, 8, 36, 3];
/** He et al. 2015, section 4.2, for 32 x 32 pictures: three stages of 16, 32 and 64 channels. */
const CIFAR: ResnetConfig = { ...BASIC, layers: [3, 3, 3], width: 16, stem: '3x3', classes: 10 };

/** timm's SE-ResNets: after the last norm of every block. */
const squeeze = (position: 'after-conv2' | 'after-conv3'): readonly ContextPlacement[] => [
  { context: { kind: 'squeeze-excitation' }, position },
];
/** GCNet's best: every block of c3, c4 and c5. */
const gc = (ratio: number): readonly ContextPlacement[] => [
  { context: { kind: 'global-context', ratio }, position: 'after-conv3', stages: [2, 3, 4] },
];
/** Five non-local blocks as in the paper's table 2c: after every other block of c3 and c4. */
const NON_LOCAL_5: readonly ContextPlacement[] = [
  { context: { kind: 'non-local', norm: 'batch' }, position: 'after-block', stages: [2], blocks: [1, 3] },
  { context: { kind: 'non-local', norm: 'batch' }, position: 'after-block', stages: [3], blocks: [1, 3, 5] },
];
const SMALL_GC: GlobalContextConfig = { kind: 'global-context', ratio: 1 / 4 };
const CIFAR_GC: readonly ContextPlacement[] = [{ context: SMALL_GC, position: 'after-conv2', stages: [2, 3] }];

/** A named network: its configuration and its number of trainable values, published or counted by hand. */
export interface NamedNetwork {
  readonly config: ResnetConfig;
  readonly parameters: number;
}

/** The name of a network in {@link NETWORKS}. */
export type NetworkName =
  | `resnet${18 | 26 | 34 | 50 | 101 | 152 | 14 | 20 | 32}`
  | `seresnet${18 | 34 | 50 | 101 | 152}`
  | 'resnext50_32x4d'
  | 'resnext101_32x8d'
  | 'resnet50d'
  | `resnet${50 | 101}-gc`
  | `resnet${50 | 101}-gc-r4`
  | 'resnet50-nl'
  | `resnet${14 | 20}-gc`;

/** Every network by name. Names with a dash are ours; the others are torchvision's and timm's. */
export const NETWORKS: { readonly [K in NetworkName]: NamedNetwork } = {
  resnet18: { config: { ...BASIC, layers: LAYERS_18 }, parameters: 11_689_512 },
  resnet26: { config: { ...RESNET, layers: LAYERS_18 }, parameters: 15_995_176 },
  resnet34: { config: BASIC, parameters: 21_797_672 },
  resnet50: { config: RESNET, parameters: 25_557_032 },
  resnet101: { config: { ...RESNET, layers: LAYERS_101 }, parameters: 44_549_160 },
  resnet152: { config: { ...RESNET, layers: LAYERS_152 }, parameters: 60_192_808 },
  resnext50_32x4d: { config: { ...RESNET, groups: 32, widthPerGroup: 4 }, parameters: 25_028_904 },
  resnext101_32x8d: {
    config: { ...RESNET, layers: LAYERS_101, groups: 32, widthPerGroup: 8 },
    parameters: 88_791_336,
  },
  resnet50d: { config: { ...RESNET, stem: 'deep', shortcut: 'average' }, parameters: 25_576_264 },
  seresnet18: { config: { ...BASIC, layers: LAYERS_18, context: squeeze('after-conv2') }, parameters: 11_779_624 },
  seresnet34: { config: { ...BASIC, context: squeeze('after-conv2') }, parameters: 21_960_416 },
  seresnet50: { config: { ...RESNET, context: squeeze('after-conv3') }, parameters: 28_088_024 },
  seresnet101: {
    config: { ...RESNET, layers: LAYERS_101, context: squeeze('after-conv3') },
    parameters: 49_326_872,
  },
  seresnet152: {
    config: { ...RESNET, layers: LAYERS_152, context: squeeze('after-conv3') },
    parameters: 66_821_848,
  },
  'resnet50-gc': { config: { ...RESNET, context: gc(1 / 16) }, parameters: 28_078_773 },
  'resnet50-gc-r4': { config: { ...RESNET, context: gc(1 / 4) }, parameters: 35_557_941 },
  'resnet101-gc': { config: { ...RESNET, layers: LAYERS_101, context: gc(1 / 16) }, parameters: 49_337_222 },
  'resnet101-gc-r4': { config: { ...RESNET, layers: LAYERS_101, context: gc(1 / 4) }, parameters: 63_510_854 },
  'resnet50-nl': { config: { ...RESNET, context: NON_LOCAL_5 }, parameters: 32_911_400 },
  resnet14: { config: { ...CIFAR, layers: [2, 2, 2] }, parameters: 175_258 },
  resnet20: { config: CIFAR, parameters: 272_474 },
  resnet32: { config: { ...CIFAR, layers: [5, 5, 5] }, parameters: 466_906 },
  'resnet14-gc': { config: { ...CIFAR, layers: [2, 2, 2], context: CIFAR_GC }, parameters: 180_910 },
  'resnet20-gc': { config: { ...CIFAR, context: CIFAR_GC }, parameters: 280_952 },
};

/** A network with its whole configuration, ready to trace: input `x`, outputs as the network's own page says. */
export interface Model {
  readonly config: ResnetConfig;
  readonly network: Network;
}

/** The configuration of a named network. */
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
  return modelOf(readResnetConfig({ ...namedNetwork(name).config, ...overrides }, `model ${name}`), features);
}

/** The network of a configuration. */
export function modelOf(config: ResnetConfig, features: readonly string[] = []): Model {
  return { config, network: (s, { x }) => resnet(s, x!, config, features) };
}

import type { ContainerMixConfig } from '../blocks/container-mix.ts';
import type { ContainerConfig } from './container-config.ts';
import type { NamedNetwork } from './family.ts';
import { type PictureInput, timmInput } from './picture-input.ts';

/** Both affinities, with one gate a block, as released; and its two halves. */
const MIX: ContainerMixConfig = { kind: 'container-mix', heads: 16 };
const STATIC: ContainerMixConfig = { ...MIX, affinity: 'static' };
const DYNAMIC: ContainerMixConfig = { ...MIX, affinity: 'dynamic' };

/** The paper's layout. */
const CONTAINER: ContainerConfig = {
  kind: 'container',
  widths: [128, 256, 320, 512],
  blocks: [2, 3, 8, 2],
  mlpRatios: [8, 8, 4, 4],
  patches: [4, 2, 2, 2],
  mixers: [MIX, MIX, MIX, MIX],
  position: 'depthwise',
  inChannels: 3,
  classes: 1000,
  dropPath: 0,
};
const LIGHT = [STATIC, STATIC, STATIC, MIX];

/** Pictures of the released validation: bicubic, 224 of 256. */
export const CONTAINER_INPUT: PictureInput = timmInput(224, 0.875, undefined);

const READING =
  'the paper gives depths and widths alone; ours has the released blocks there (16 heads, 5 x 5 kernels, ratios 8, 8, 4, 4)';

/** The name of a network in {@link CONTAINERS}. */
export type ContainerName =
  | 'container'
  | 'container_light'
  | 'container_v1_light'
  | 'container-free'
  | 'container-static'
  | 'container-dynamic';

/** Every network of the kind `container`: the paper's, the released one, and with a dash its ablations, which are ours. */
export const CONTAINERS: { readonly [K in ContainerName]: NamedNetwork<ContainerConfig> } = {
  container: {
    config: CONTAINER,
    parameters: 22_577_207,
    input: CONTAINER_INPUT,
    published: { parameters: 22.1e6, source: 'arXiv:2106.01401, table of ImageNet', difference: READING },
  },
  container_light: {
    config: { ...CONTAINER, mixers: LIGHT },
    parameters: 20_472_874,
    input: CONTAINER_INPUT,
    published: { parameters: 20.0e6, source: 'arXiv:2106.01401, table of ImageNet', difference: READING },
  },
  container_v1_light: {
    config: { ...CONTAINER, widths: [64, 128, 320, 512], blocks: [3, 4, 8, 3], mixers: LIGHT },
    parameters: 20_633_643,
    input: CONTAINER_INPUT,
    published: { parameters: 21e6, source: 'README of the authors’ repository' },
  },
  'container-free': {
    config: { ...CONTAINER, mixers: [{ ...MIX, weights: 'free' } satisfies ContainerMixConfig] },
    parameters: 22_577_222,
    input: CONTAINER_INPUT,
  },
  'container-static': { config: { ...CONTAINER, mixers: [STATIC] }, parameters: 19_422_248, input: CONTAINER_INPUT },
  'container-dynamic': { config: { ...CONTAINER, mixers: [DYNAMIC] }, parameters: 22_457_384, input: CONTAINER_INPUT },
};

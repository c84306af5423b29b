import type { ContextSpec } from '../blocks/context.ts';
import type { ByobnetConfig, ByobnetStage } from './byobnet-config.ts';
import type { NamedNetwork } from './named.ts';
import { type PictureInput, timmInput } from './picture-input.ts';

/** Stages of bottlenecks a quarter as wide inside, of which all but the first halve the picture. */
function stages(blocks: readonly number[], channels: readonly number[], groupSize: number): readonly ByobnetStage[] {
  return blocks.map((n, k) => ({
    blocks: n,
    channels: channels[k]!,
    stride: k === 0 ? 1 : 2,
    ratio: 1 / 4,
    groupSize,
  }));
}

const CHANNELS = [256, 512, 1024, 2048];

/** timm's `resnext26ts`. */
const RESNEXT_26: ByobnetConfig = {
  kind: 'byobnet',
  stem: [24, 32, 64],
  stemStride: 'maximum',
  stages: stages([2, 2, 2, 2], CHANNELS, 32),
  activation: 'silu',
  shortcut: 'convolution',
  finalChannels: 0,
  inChannels: 3,
  classes: 1000,
  zeroInitResidual: true,
  dropPath: 0,
  dropout: 0,
  context: [],
};
const RESNEXT_50: ByobnetConfig = { ...RESNEXT_26, stages: stages([3, 4, 6, 3], CHANNELS, 32) };
const RESNET_32: ByobnetConfig = {
  ...RESNEXT_26,
  stemStride: 'convolution',
  stages: stages([2, 3, 3, 2], [256, 512, 1536, 1536], 0),
};
const RESNET_33: ByobnetConfig = { ...RESNET_32, finalChannels: 1280 };
const RESNET_50T: ByobnetConfig = {
  ...RESNET_32,
  stages: stages([3, 4, 6, 3], CHANNELS, 0),
  activation: 'relu',
};

/** timm's context blocks: children `attn` behind the 3 x 3 convolution of every block. */
function attending(config: ByobnetConfig, context: ContextSpec): ByobnetConfig {
  return { ...config, context: [{ context, position: 'after-conv2', name: 'attn' }] };
}
const GC: ContextSpec = { kind: 'global-context', ratio: 1 / 8, fusions: ['add'], names: 'timm' };
const SE: ContextSpec = { kind: 'squeeze-excitation' };

/** The published weights of all of them: trained at 256, measured at 288 too. */
const INPUT: PictureInput = timmInput(256, 0.9, { size: 288, crop: 1 });

/** The name of a network in {@link BYOBNETS}. */
export type ByobnetName =
  | `${'' | 'se' | 'gc'}resnext26ts`
  | 'resnet32ts'
  | `${'' | 'se' | 'gc'}resnet33ts`
  | 'gcresnet50t'
  | 'gcresnext50ts';

/** Every network of the kind `byobnet`, by timm's names: `t` a tiered stem, `s` SiLU. */
export const BYOBNETS: { readonly [K in ByobnetName]: NamedNetwork<ByobnetConfig> } = {
  resnext26ts: { config: RESNEXT_26, parameters: 10_297_952, input: INPUT },
  seresnext26ts: { config: attending(RESNEXT_26, SE), parameters: 10_388_064, input: INPUT },
  gcresnext26ts: { config: attending(RESNEXT_26, GC), parameters: 10_476_600, input: INPUT },
  resnet32ts: { config: RESNET_32, parameters: 17_963_616, input: INPUT },
  resnet33ts: { config: RESNET_33, parameters: 19_676_256, input: INPUT },
  seresnet33ts: { config: attending(RESNET_33, SE), parameters: 19_779_200, input: INPUT },
  gcresnet33ts: { config: attending(RESNET_33, GC), parameters: 19_880_698, input: INPUT },
  gcresnet50t: { config: attending(RESNET_50T, GC), parameters: 25_897_080, input: INPUT },
  gcresnext50ts: { config: attending(RESNEXT_50, GC), parameters: 15_667_320, input: INPUT },
};

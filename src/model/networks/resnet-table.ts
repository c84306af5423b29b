import type { GlobalContextConfig } from '../blocks/global-context.ts';
import type { NamedNetwork } from './named.ts';
import { type PictureInput, SMALL_INPUT, TORCHVISION_INPUT, timmInput } from './picture-input.ts';
import type { ContextPlacement } from './placement.ts';
import type { ResnetConfig } from './resnet-config.ts';

/** torchvision's ResNet-50. */
const RESNET: ResnetConfig = {
  kind: 'resnet',
  block: 'bottleneck',
  layers: [3, 4, 6, 3],
  width: 64,
  groups: 1,
  widthPerGroup: 64,
  stem: '7x7',
  stemPool: true,
  firstStride: 1,
  strideIn: '3x3',
  shortcut: 'convolution',
  inChannels: 3,
  classes: 1000,
  zeroInitResidual: false,
  dropPath: 0,
  dropout: 0,
  context: [],
  operators: [],
};

type Changes = Partial<ResnetConfig>;

const BASIC: Changes = { block: 'basic' };
const L14: Changes = { layers: [1, 1, 1, 1] };
const L18: Changes = { layers: [2, 2, 2, 2] };
const L101: Changes = { layers: [3, 4, 23, 3] };
const L152: Changes = { layers: [3, 8, 36, 3] };
/** timm's variants: deep stem (C), and average pools in the shortcuts (D), and a tiered deep stem (T). */
const C: Changes = { stem: 'deep' };
const D: Changes = { stem: 'deep', shortcut: 'average' };
const T: Changes = { stem: 'deep-tiered', shortcut: 'average' };
/** ResNeXt: groups, and channels in each where the stage has 64. */
const next = (groups: number, widthPerGroup: number): Changes => ({ groups, widthPerGroup });
/** He et al. 2015, section 4.2, for 32 x 32 pictures: three stages of 16, 32 and 64 channels. */
const CIFAR: Changes = { ...BASIC, layers: [3, 3, 3], width: 16, stem: '3x3', classes: 10 };

/** timm's SE-ResNets: after the last norm of every block. */
const squeeze = (position: 'after-conv2' | 'after-conv3'): Changes => ({
  context: [{ context: { kind: 'squeeze-excitation' }, position }],
});
const SE: Changes = squeeze('after-conv3');
/** GCNet's best: every block of c3, c4 and c5. */
const gc = (ratio: number): Changes => ({
  context: [{ context: { kind: 'global-context', ratio }, position: 'after-conv3', stages: [2, 3, 4] }],
});
/** Five non-local blocks as in the paper's table 2c: after every other block of c3 and c4. */
const NON_LOCAL_5: readonly ContextPlacement[] = [
  { context: { kind: 'non-local', norm: 'batch' }, position: 'after-block', stages: [2], blocks: [1, 3] },
  { context: { kind: 'non-local', norm: 'batch' }, position: 'after-block', stages: [3], blocks: [1, 3, 5] },
];
const SMALL_GC: GlobalContextConfig = { kind: 'global-context', ratio: 1 / 4 };
const CIFAR_GC: Changes = { context: [{ context: SMALL_GC, position: 'after-conv2', stages: [2, 3] }] };

/** timm's default weights of the names that torchvision lacks, by how they were trained. */
const PLAIN: PictureInput = timmInput(224, 0.875, { size: 288, crop: 0.95 });
const HIGH: PictureInput = timmInput(224, 0.95, { size: 288, crop: 1 });
const GLUON: PictureInput = timmInput(224, 0.875, undefined);
const LARGE: PictureInput = timmInput(256, 0.95, { size: 320, crop: 1 });

function named(parameters: number, input: PictureInput, ...changes: readonly Changes[]): NamedNetwork<ResnetConfig> {
  return { config: Object.assign({}, RESNET, ...changes) as ResnetConfig, parameters, input };
}

/** The name of a network in {@link RESNETS}. */
export type ResnetName =
  | `resnet${18 | 26 | 34 | 50 | 101 | 152 | 14 | 20 | 32}`
  | `resnet${50 | 101 | 152}c`
  | `resnet${18 | 26 | 34 | 50 | 101 | 152}d`
  | `resnet${14 | 26 | 50}t`
  | `resnext${'50_32x4d' | '50d_32x4d' | '101_32x4d' | '101_32x8d' | '101_64x4d'}`
  | `wide_resnet${50 | 101}_2`
  | `seresnet${18 | 34 | 50 | 101 | 152 | '50t' | '152d'}`
  | `seresnext${'26d_32x4d' | '26t_32x4d' | '50_32x4d' | '101_32x4d' | '101_32x8d' | '101d_32x8d' | '101_64x4d'}`
  | `resnet${50 | 101}-gc`
  | `resnet${50 | 101}-gc-r4`
  | 'resnet50-nl'
  | `resnet${14 | 20}-gc`;

/** Every network of the kind `resnet`. Names with a dash are ours; the others are torchvision's and timm's. */
export const RESNETS: { readonly [K in ResnetName]: NamedNetwork<ResnetConfig> } = {
  resnet18: named(11_689_512, TORCHVISION_INPUT, BASIC, L18),
  resnet26: named(15_995_176, PLAIN, L18),
  resnet34: named(21_797_672, TORCHVISION_INPUT, BASIC),
  resnet50: named(25_557_032, TORCHVISION_INPUT),
  resnet101: named(44_549_160, TORCHVISION_INPUT, L101),
  resnet152: named(60_192_808, TORCHVISION_INPUT, L152),
  resnet50c: named(25_576_264, GLUON, C),
  resnet101c: named(44_568_392, GLUON, L101, C),
  resnet152c: named(60_212_040, GLUON, L152, C),
  resnet18d: named(11_708_744, PLAIN, BASIC, L18, D),
  resnet26d: named(16_014_408, PLAIN, L18, D),
  resnet34d: named(21_816_904, PLAIN, BASIC, D),
  resnet50d: named(25_576_264, PLAIN, D),
  resnet101d: named(44_568_392, LARGE, L101, D),
  resnet152d: named(60_212_040, LARGE, L152, D),
  resnet14t: named(10_081_632, timmInput(176, 0.875, { size: 224, crop: 0.95 }), L14, T),
  resnet26t: named(16_011_872, timmInput(256, 0.94, { size: 320, crop: 1 }), L18, T),
  resnet50t: named(25_573_728, PLAIN, T),
  resnext50_32x4d: named(25_028_904, TORCHVISION_INPUT, next(32, 4)),
  resnext50d_32x4d: named(25_048_136, PLAIN, next(32, 4), D),
  resnext101_32x4d: named(44_177_704, TORCHVISION_INPUT, L101, next(32, 4)),
  resnext101_32x8d: named(88_791_336, TORCHVISION_INPUT, L101, next(32, 8)),
  resnext101_64x4d: named(83_455_272, TORCHVISION_INPUT, L101, next(64, 4)),
  wide_resnet50_2: named(68_883_240, TORCHVISION_INPUT, next(1, 128)),
  wide_resnet101_2: named(126_886_696, TORCHVISION_INPUT, L101, next(1, 128)),
  seresnet18: named(11_779_624, PLAIN, BASIC, L18, squeeze('after-conv2')),
  seresnet34: named(21_960_416, PLAIN, BASIC, squeeze('after-conv2')),
  seresnet50: named(28_088_024, HIGH, SE),
  seresnet101: named(49_326_872, PLAIN, L101, SE),
  seresnet152: named(66_821_848, PLAIN, L152, SE),
  seresnet50t: named(28_104_720, PLAIN, T, SE),
  seresnet152d: named(66_841_080, LARGE, L152, D, SE),
  seresnext26d_32x4d: named(16_809_512, PLAIN, L18, next(32, 4), D, SE),
  seresnext26t_32x4d: named(16_806_976, PLAIN, L18, next(32, 4), T, SE),
  seresnext50_32x4d: named(27_559_896, PLAIN, next(32, 4), SE),
  seresnext101_32x4d: named(48_955_416, GLUON, L101, next(32, 4), SE),
  seresnext101_32x8d: named(93_569_048, HIGH, L101, next(32, 8), SE),
  seresnext101d_32x8d: named(93_588_280, HIGH, L101, next(32, 8), D, SE),
  seresnext101_64x4d: named(88_232_984, GLUON, L101, next(64, 4), SE),
  'resnet50-gc': named(28_078_773, TORCHVISION_INPUT, gc(1 / 16)),
  'resnet50-gc-r4': named(35_557_941, TORCHVISION_INPUT, gc(1 / 4)),
  'resnet101-gc': named(49_337_222, TORCHVISION_INPUT, L101, gc(1 / 16)),
  'resnet101-gc-r4': named(63_510_854, TORCHVISION_INPUT, L101, gc(1 / 4)),
  'resnet50-nl': named(32_911_400, TORCHVISION_INPUT, { context: NON_LOCAL_5 }),
  resnet14: named(175_258, SMALL_INPUT, CIFAR, { layers: [2, 2, 2] }),
  resnet20: named(272_474, SMALL_INPUT, CIFAR),
  resnet32: named(466_906, SMALL_INPUT, CIFAR, { layers: [5, 5, 5] }),
  'resnet14-gc': named(180_910, SMALL_INPUT, CIFAR, CIFAR_GC, { layers: [2, 2, 2] }),
  'resnet20-gc': named(280_952, SMALL_INPUT, CIFAR, CIFAR_GC),
};

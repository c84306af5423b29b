import type { ContextSpec } from '../blocks/context.ts';
import type { GlobalContextConfig } from '../blocks/global-context.ts';
import type { NonLocalConfig } from '../blocks/non-local.ts';
import type { NamedNetwork } from './family.ts';
import type { ContextPlacement, ContextPosition } from './placement.ts';
import type { ResnetConfig } from './resnet-config.ts';
import { RESNETS } from './resnet-table.ts';

/**
 * The ablations of NLNet (Wang et al., CVPR 2018, arXiv:1711.07971, tables 2a to 2c and 5) and of GCNet (Cao et al.,
 * ICCVW 2019, arXiv:1904.11492, tables 3 and 4) that are a matter of architecture, in classifiers. The best of them are
 * in `resnet-table.ts`: `resnet50-nl`, `resnet50-gc`, `resnet50-gc-r4` and those of ResNet-101.
 *
 * Keys and values of single non-local blocks are pooled before they are projected, as the costs that GCNet's tables
 * print ask for; `-full` has all of them. A single block stands before the last residual block of its stage.
 */

/** Where the blocks of one row stand. */
type Place = Omit<ContextPlacement, 'context'>;

const single = (stage: number): readonly Place[] => [{ position: 'after-block', stages: [stage], blocks: [-2] }];
/** c3, c4 and c5, every block, as GCNet's configurations put them. */
const everywhere = (position: ContextPosition = 'after-conv3', stages = [2, 3, 4]): readonly Place[] => [
  { position, stages },
];
/** Blocks of c3 and c4 by their numbers. */
const several = (c3: readonly number[], c4: readonly number[]): readonly Place[] => [
  { position: 'after-block', stages: [2], blocks: c3 },
  { position: 'after-block', stages: [3], blocks: c4 },
];
const FIVE = several([1, 3], [1, 3, 5]);
const TEN: readonly Place[] = [{ position: 'after-block', stages: [2, 3] }];
/** The authors' code puts a block after every seventh of c4 in ResNet-101. */
const FIVE_OF_101 = several([1, 3], [6, 13, 20]);
/** No code has ten blocks in ResNet-101; those between the five above are our reading. */
const TEN_OF_101 = several([0, 1, 2, 3], [3, 6, 10, 13, 17, 20]);

const NL: NonLocalConfig = { kind: 'non-local', subSample: { order: 'before-projection' } };
const NL_NORM: NonLocalConfig = { kind: 'non-local', norm: 'batch' };
const SNL: ContextSpec = { kind: 'simplified-non-local' };
const GC: GlobalContextConfig = { kind: 'global-context', ratio: 1 / 16 };

type Base = 'resnet50' | 'resnet101' | 'resnext50_32x4d' | 'resnext101_32x4d';

type Row = NamedNetwork<ResnetConfig>;

function row(base: Base, context: ContextSpec, places: readonly Place[], parameters: number): Row {
  const { config, input } = RESNETS[base];
  return { config: { ...config, context: places.map((place) => ({ context, ...place })) }, parameters, input };
}

/** GCNet's table of ImageNet, whose networks stride in the first 1 x 1 of a bottleneck. */
function onImageNet(network: Row, parameters: number, macs: number): Row {
  const source = 'arXiv:1904.11492, table of ImageNet';
  const difference = 'the paper strides in the first 1 x 1 of a bottleneck, `strideIn: "1x1"`, we in its 3 x 3';
  return { ...network, published: { parameters, macs, size: 224, source, difference } };
}

/** The name of a network in {@link GCNETS}. */
export type GcnetName =
  | `resnet50-nl1${'' | '-full' | '-after-projection' | '-gaussian' | '-dot' | '-concat' | '-c2' | '-c3' | '-c5'}`
  | 'resnet50-nl10'
  | `resnet101-${'nl1' | 'nl5' | 'nl10' | 'snl1' | 'gc1'}`
  | `resnet50-${'snl1' | 'gc1' | 'snl5' | 'gc5-r4' | 'snl'}`
  | `resnet50-gc-${'r8' | 'r32' | 'c2345' | 'c3' | 'c4' | 'c5' | 'after-add' | 'after-3x3'}`
  | `resnet50-gc-${'no-act' | 'relu' | 'avg' | 'scale' | 'avg-scale' | 'both'}`
  | `resnext${50 | 101}_32x4d-${'nl1' | 'gc' | 'gc-r4'}`;

/** Networks of the kind `resnet` that are rows of the ablations of NLNet and GCNet. */
export const GCNETS: { readonly [K in GcnetName]: NamedNetwork<ResnetConfig> } = {
  'resnet50-nl1': onImageNet(row('resnet50', NL, single(3), 27_656_744), 27.66e6, 4.11e9),
  'resnet50-nl1-full': row('resnet50', { kind: 'non-local' }, single(3), 27_656_744),
  'resnet50-nl1-after-projection': row(
    'resnet50',
    { kind: 'non-local', subSample: { order: 'after-projection' } },
    single(3),
    27_656_744,
  ),
  'resnet50-nl1-gaussian': row('resnet50', { ...NL, mode: 'gaussian' }, single(3), 26_607_144),
  'resnet50-nl1-dot': row('resnet50', { ...NL, mode: 'dot-product' }, single(3), 27_656_744),
  'resnet50-nl1-concat': row('resnet50', { ...NL, mode: 'concatenation' }, single(3), 27_657_768),
  'resnet50-nl1-c2': row('resnet50', NL, single(1), 25_688_744),
  'resnet50-nl1-c3': row('resnet50', NL, single(2), 26_082_600),
  'resnet50-nl1-c5': row('resnet50', NL, single(4), 33_950_760),
  'resnet50-nl10': row('resnet50', NL_NORM, TEN, 40_265_768),
  'resnet101-nl1': row('resnet101', NL, single(3), 46_648_872),
  'resnet101-nl5': row('resnet101', NL_NORM, FIVE_OF_101, 51_903_528),
  'resnet101-nl10': row('resnet101', NL_NORM, TEN_OF_101, 59_257_896),
  'resnet50-snl1': onImageNet(row('resnet50', SNL, single(3), 26_607_657), 26.61e6, 3.86e9),
  'resnet101-snl1': row('resnet101', SNL, single(3), 45_599_785),
  'resnet50-gc1': onImageNet(row('resnet50', GC, single(3), 25_690_345), 25.69e6, 3.86e9),
  'resnet101-gc1': row('resnet101', GC, single(3), 44_682_473),
  'resnet50-snl5': row('resnet50', SNL, FIVE, 29_235_245),
  'resnet50-gc5-r4': row('resnet50', { ...GC, ratio: 1 / 4 }, FIVE, 27_403_309),
  'resnet50-snl': row('resnet50', SNL, everywhere(), 45_508_661),
  'resnet50-gc-r8': row('resnet50', { ...GC, ratio: 1 / 8 }, everywhere(), 30_571_829),
  'resnet50-gc-r32': row('resnet50', { ...GC, ratio: 1 / 32 }, everywhere(), 26_832_245),
  'resnet50-gc-c2345': row('resnet50', GC, everywhere('after-conv3', [1, 2, 3, 4]), 28_105_032),
  'resnet50-gc-c3': row('resnet50', GC, everywhere('after-conv3', [2]), 25_692_588),
  'resnet50-gc-c4': row('resnet50', GC, everywhere('after-conv3', [3]), 26_356_910),
  'resnet50-gc-c5': row('resnet50', GC, everywhere('after-conv3', [4]), 27_143_339),
  'resnet50-gc-after-add': row('resnet50', GC, everywhere('after-add'), 28_078_773),
  'resnet50-gc-after-3x3': row('resnet50', GC, everywhere('after-conv2'), 25_720_533),
  'resnet50-gc-no-act': row('resnet50', { ...GC, between: 'nothing' }, everywhere(), 28_076_981),
  'resnet50-gc-relu': row('resnet50', { ...GC, between: 'relu' }, everywhere(), 28_076_981),
  'resnet50-gc-avg': row('resnet50', { ...GC, pooling: 'average' }, everywhere(), 28_064_424),
  'resnet50-gc-scale': row('resnet50', { ...GC, fusions: ['multiply'] }, everywhere(), 28_078_773),
  'resnet50-gc-avg-scale': row(
    'resnet50',
    { ...GC, pooling: 'average', fusions: ['multiply'] },
    everywhere(),
    28_064_424,
  ),
  'resnet50-gc-both': row('resnet50', { ...GC, fusions: ['add', 'multiply'] }, everywhere(), 30_586_165),
  'resnext50_32x4d-nl1': row('resnext50_32x4d', NL, single(3), 27_128_616),
  'resnext50_32x4d-gc': row('resnext50_32x4d', GC, everywhere(), 27_550_645),
  'resnext50_32x4d-gc-r4': row('resnext50_32x4d', { ...GC, ratio: 1 / 4 }, everywhere(), 35_029_813),
  'resnext101_32x4d-nl1': row('resnext101_32x4d', NL, single(3), 46_277_416),
  'resnext101_32x4d-gc': row('resnext101_32x4d', GC, everywhere(), 48_965_766),
  'resnext101_32x4d-gc-r4': row('resnext101_32x4d', { ...GC, ratio: 1 / 4 }, everywhere(), 63_139_398),
};

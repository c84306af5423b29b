import type { ContextSpec } from '../blocks/context.ts';
import type { LocalRelationConfig } from '../blocks/local-relation.ts';
import type { Published } from '../published.ts';
import type { NamedNetwork } from './named.ts';
import type { OperatorPlacement } from './operators.ts';
import type { ResnetConfig } from './resnet-config.ts';
import { RESNETS } from './resnet-table.ts';

/**
 * LR-Net (Hu et al., ICCV 2019, arXiv:1904.11491, table 1), and its baselines: ResNet-26 and ResNet-50 with standard and
 * with depthwise convolutions at the windows of its ablation, as wide as the multiply-adds of the 3 x 3 allow.
 */

const LR: LocalRelationConfig = { kind: 'local-relation' };

/**
 * Bottlenecks of width 100, 200, 400 and 800 as published. 8 channels share their weights where 8 divides the width; of
 * the divisors of 100 the nearest is 10.
 */
const LR_NET: Partial<ResnetConfig> = {
  widthPerGroup: 100,
  stem: 'operator',
  stemOperator: LR,
  operators: [
    { operator: { ...LR, share: 10 }, stages: [1], norm: true, stride: 'own' },
    { operator: LR, norm: true, stride: 'own' },
  ],
};

const READING =
  'no network was released, and 8 channels cannot share weights at the published width of 100: there 10 do';

function lrNet(base: 'resnet26' | 'resnet50' | 'resnet101', parameters: number, published: Published): Row {
  const { config, input } = RESNETS[base];
  return { config: { ...config, ...LR_NET }, parameters, input, published };
}

type Row = NamedNetwork<ResnetConfig>;

/** A ResNet whose bottlenecks have that operator and width; the stem is the convolution of ResNet. */
function baseline(base: 'resnet26' | 'resnet50', operator: ContextSpec, width: number, parameters: number): Row {
  const { config, input } = RESNETS[base];
  const operators: readonly OperatorPlacement[] = [{ operator, norm: true, stride: 'own' }];
  return { config: { ...config, widthPerGroup: width, operators }, parameters, input };
}

const standard = (window: number): ContextSpec => ({ kind: 'convolution', window });
const dw = (window: number): ContextSpec => ({ kind: 'depthwise', window, bias: false });

/** The name of a network in {@link LRNETS}. */
export type LrnetName =
  | `lrnet${26 | 50 | 101}`
  | `resnet${26 | 50}-conv${5 | 7 | 9}`
  | `resnet${26 | 50}-dw${3 | 5 | 7 | 9}`;

/** LR-Nets and their baselines, all of the kind `resnet`. */
export const LRNETS: { readonly [K in LrnetName]: Row } = {
  lrnet26: lrNet('resnet26', 14_602_782, {
    ...{ parameters: 14.7e6, macs: 2.6e9 },
    source: 'Hu et al. 2019, by Papers with Code',
    difference: `${READING}. The paper counts multiply-adds higher (ResNet-26: 2.6 G there, 2.34 G by ours).`,
  }),
  lrnet50: lrNet('resnet50', 23_365_754, {
    ...{ parameters: 23.3e6, macs: 4.3e9 },
    source: 'Hu et al. 2019, by Axial-DeepLab (Wang et al. 2020)',
    difference: `${READING}. The paper counts multiply-adds higher (ResNet-50: 4.3 G there, 4.09 G by ours).`,
  }),
  lrnet101: lrNet('resnet101', 40_777_936, {
    ...{ parameters: 42e6, macs: 8e9 },
    source: 'Hu et al. 2019, from memory',
    difference: `${READING}. The layout that gives 23.4 M in 50 layers gives no 42.0 M in 101.`,
  }),
  'resnet26-conv5': baseline('resnet26', standard(5), 44, 16_431_976),
  'resnet26-conv7': baseline('resnet26', standard(7), 33, 16_436_970),
  'resnet26-conv9': baseline('resnet26', standard(9), 27, 16_946_634),
  'resnet26-dw3': baseline('resnet26', dw(3), 126, 14_487_708),
  'resnet26-dw5': baseline('resnet26', dw(5), 125, 14_471_222),
  'resnet26-dw7': baseline('resnet26', dw(7), 122, 14_328_164),
  'resnet26-dw9': baseline('resnet26', dw(9), 119, 14_209_346),
  'resnet50-conv5': baseline('resnet50', standard(5), 44, 26_169_064),
  'resnet50-conv7': baseline('resnet50', standard(7), 33, 26_080_855),
  'resnet50-conv9': baseline('resnet50', standard(9), 27, 26_948_215),
  'resnet50-dw3': baseline('resnet50', dw(3), 130, 23_976_230),
  'resnet50-dw5': baseline('resnet50', dw(5), 129, 23_950_999),
  'resnet50-dw7': baseline('resnet50', dw(7), 126, 23_685_562),
  'resnet50-dw9': baseline('resnet50', dw(9), 123, 23_469_685),
};

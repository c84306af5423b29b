import type { ContextualTransformerConfig } from '../blocks/contextual-transformer.ts';
import type { SplitAttentionConfig } from '../blocks/split-attention.ts';
import type { SqueezeExcitationConfig } from '../blocks/squeeze-excitation.ts';
import type { NamedNetwork } from './family.ts';
import type { OperatorPlacement } from './operators.ts';
import { type PictureInput, TORCHVISION_INPUT, timmInput } from './picture-input.ts';
import type { ResnetConfig } from './resnet-config.ts';
import { RESNETS } from './resnet-table.ts';

/**
 * Contextual transformer networks (Li et al., TPAMI 2023, arXiv:2107.12292), the rows of their ablation that are a matter
 * of architecture and whose shape is known, and ResNeSt-50 (Zhang et al., CVPRW 2022, arXiv:2004.08955), their baseline.
 * Names with a dash are ours; the others are those of the authors' code and of timm.
 */

type Changes = Partial<ResnetConfig>;
type Cot = Omit<ContextualTransformerConfig, 'kind'>;

const cot = (changes: Cot, place: Omit<OperatorPlacement, 'operator'> = {}): OperatorPlacement => {
  const operator: ContextualTransformerConfig = { kind: 'contextual-transformer', ...changes };
  return { operator, stride: 'average-before', ...place };
};

/** A CoT layer in every bottleneck, whose last norm starts at zero. */
const COTNET: Changes = { zeroInitResidual: true, operators: [cot({})] };
/** CoXt layers, two groups of 48 channels in the first stage. */
const COTNEXT: Changes = { ...COTNET, groups: 2, widthPerGroup: 48, operators: [cot({ groups: 2 })] };
const only = (stages: readonly number[]): Changes => ({ ...COTNET, operators: [cot({}, { stages })] });
const layer = (changes: Cot): Changes => ({ ...COTNET, operators: [cot(changes)] });
const L101: Changes = { layers: [3, 4, 23, 3] };
const L152: Changes = { layers: [3, 8, 36, 3] };

const SE_CONV: SplitAttentionConfig = { kind: 'split-attention', radix: 1, activation: 'silu' };
const SQUEEZE: SqueezeExcitationConfig = { kind: 'squeeze-excitation', ratio: 1 / 4 };
const SPLITS: SplitAttentionConfig = { kind: 'split-attention' };

/** A ResNet-D that strides by 2 in its first stage instead of in a max pool. */
const D: Changes = { stem: 'deep', shortcut: 'average', stemPool: false, firstStride: 2, zeroInitResidual: true };

/** The baseline of the hybrid: squeeze-and-excitation to a quarter of the channels, before every addition. */
const SE_D: Changes = {
  ...D,
  context: [{ context: SQUEEZE, position: 'after-conv3' }],
};

/** SE-CoTNetD: CoT layers in all of c5 and in every other block of c4 (`blocks` in all), SE-convolutions elsewhere. */
export function hybrid(blocks: number, stemChannels: number, blur = false): Partial<ResnetConfig> {
  const others = Array.from({ length: Math.ceil(blocks / 2) }, (_, i) => 2 * i);
  const stride = blur ? ({ stride: 'blur-after' } as const) : {};
  const operators: readonly OperatorPlacement[] = [
    cot({}, { stages: [4], ...stride }),
    cot({}, { stages: [3], blocks: others, ...stride }),
    { operator: SE_CONV, ...stride },
  ];
  return { ...D, ...(stemChannels !== 64 && { stemChannels }), operators };
}

/** What the tables print: parameters in millions, multiply-adds in thousands of millions, why ours are others. */
type Printed = readonly [parameters: number, macs: number, difference?: string];

const COUNTED = 'the printed multiply-adds also count norms, activations and pools';
const rounded = (from: number): string => `the printed parameters are rounded twice, from ${from}`;

interface Row {
  readonly parameters: number;
  readonly printed: Printed;
  readonly source: string;
  readonly input: PictureInput;
}

type CotRow = NamedNetwork<ResnetConfig>;

function named({ parameters, printed, source, input }: Row, changes: readonly Changes[]): CotRow {
  const config = Object.assign({}, RESNETS.resnet50.config, ...changes) as ResnetConfig;
  const [millions, thousands, difference] = printed;
  const figures = { parameters: millions * 1e6, macs: thousands * 1e9, size: input.size, source };
  return { config, parameters, input, published: { ...figures, ...(difference !== undefined && { difference }) } };
}

const PAPER = 'arXiv:2107.12292';
/** timm's way of cutting pictures, 224 of 256; that of the deepest network, which its file asks for; and larger. */
const [USUAL, LARGE, LARGER] = [
  timmInput(224, 0.875, undefined),
  timmInput(256, 0.888, undefined),
  timmInput(320, 0.909, undefined),
] as const;

const row = (parameters: number, printed: Printed, ...changes: readonly Changes[]): CotRow =>
  named({ parameters, printed, source: `${PAPER}, tables of ImageNet`, input: USUAL }, changes);
const tested = (input: PictureInput, parameters: number, printed: Printed, ...changes: readonly Changes[]): CotRow =>
  named({ parameters, printed, source: `${PAPER}, tables of ImageNet`, input }, changes);
const ablation = (parameters: number, printed: Printed, changes: Changes): CotRow =>
  named({ parameters, printed, source: `${PAPER}, ablation of CoTNet-50`, input: USUAL }, [changes]);

/** The name of a network in {@link COTNETS}. */
export type CotnetName =
  | `cotnet${50 | 101}`
  | `cotnext${50 | 101}_2x48d`
  | `se_cotnetd_${50 | 101 | 152 | '152_L'}`
  | `cotnet50-${'static' | 'dynamic' | 'sum' | 'concatenate' | 'no-query' | 'no-key'}`
  | `cotnet50-${'key-1x1' | '5x5' | 'c5' | 'c4-c5' | 'c3-c5'}`
  | 'se_resnetd_50'
  | 'resnest50d';

/** Contextual transformer networks and their baselines. */
export const COTNETS: { readonly [K in CotnetName]: CotRow } = {
  cotnet50: row(22_222_416, [22.2, 3.3, COUNTED], COTNET),
  cotnet101: row(38_272_048, [38.3, 6.1], COTNET, L101),
  cotnext50_2x48d: row(30_046_276, [30.1, 4.3, rounded(30.05)], COTNEXT),
  cotnext101_2x48d: row(53_346_068, [53.4, 8.2, `${rounded(53.35)}; ${COUNTED}`], COTNEXT, L101),
  se_cotnetd_50: row(23_107_784, [23.1, 4.1, COUNTED], hybrid(6, 64)),
  se_cotnetd_101: row(40_912_392, [40.9, 8.5, COUNTED], L101, hybrid(23, 128)),
  // Printed beside 224, which the count does not fit: at 224 it is 13.0.
  se_cotnetd_152: tested(LARGE, 55_783_688, [55.8, 17.0, COUNTED], L152, hybrid(36, 128, true)),
  se_cotnetd_152_L: tested(LARGER, 55_783_688, [55.8, 26.5, COUNTED], L152, hybrid(36, 128, true)),
  'cotnet50-static': ablation(17_069_096, [17.1, 2.7], layer({ context: 'static' })),
  'cotnet50-dynamic': ablation(20_322_992, [20.3, 3.3, COUNTED], layer({ context: 'dynamic' })),
  'cotnet50-sum': ablation(20_322_992, [20.3, 3.3, COUNTED], layer({ fusion: 'sum' })),
  'cotnet50-concatenate': ablation(22_845_488, [22.8, 3.7], layer({ fusion: 'concatenate' })),
  'cotnet50-no-query': ablation(21_593_680, [21.6, 3.2, COUNTED], layer({ attention: 'key' })),
  'cotnet50-no-key': ablation(21_593_680, [21.6, 3.2, COUNTED], layer({ attention: 'query' })),
  'cotnet50-key-1x1': ablation(19_707_472, [19.7, 2.9, COUNTED], layer({ keyKernel: 1 })),
  'cotnet50-5x5': ablation(28_532_432, [28.5, 4.3], layer({ kernel: 5 })),
  'cotnet50-c5': ablation(23_461_736, [23.5, 4.0, COUNTED], only([4])),
  'cotnet50-c4-c5': ablation(22_423_208, [22.4, 3.7, COUNTED], only([3, 4])),
  'cotnet50-c3-c5': ablation(22_253_160, [22.3, 3.4], only([2, 3, 4])),
  se_resnetd_50: ablation(35_654_920, [35.7, 4.4], SE_D),
  resnest50d: named(
    {
      parameters: 27_483_240,
      printed: [27.5, 5.39, 'what is counted beside convolutions and classifier is not said'],
      source: 'arXiv:2004.08955, table 3',
      input: TORCHVISION_INPUT,
    },
    [{ stem: 'deep', shortcut: 'average', operators: [{ operator: SPLITS, stride: 'average-after' }] }],
  ),
};

import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { type Init, KAIMING_FAN_OUT, ONES, ZEROS } from '../init.ts';
import { conv2d } from '../layers/conv.ts';
import { linear } from '../layers/linear.ts';
import { batchNorm } from '../layers/norm.ts';
import { globalAveragePool, maxPool } from '../layers/pool.ts';
import type { Scope } from '../scope.ts';

/** Options of {@link resnet}. */
export interface ResnetConfig {
  readonly kind: 'resnet';
  /** Two 3 x 3 convolutions, or 1 x 1, 3 x 3, 1 x 1 with four times the width at the end. */
  readonly block: 'basic' | 'bottleneck';
  /** Blocks in each stage. */
  readonly layers: readonly number[];
  /** Channels of the first stage; each later stage doubles them. */
  readonly width: number;
  /** Groups of the 3 x 3 convolution of a bottleneck, and its channels a group in the first stage (ResNeXt). */
  readonly groups: number;
  readonly widthPerGroup: number;
  /** `7x7`: stride 2 and a max pool; `3x3`: stride 1 and no pool, for small pictures. */
  readonly stem: '7x7' | '3x3';
  /** Which convolution of a bottleneck strides: `3x3` (torchvision) or the first, `1x1` (He et al.). */
  readonly strideIn: '3x3' | '1x1';
  readonly inChannels: number;
  /** Classes of the classifier; 0: none, and the stage outputs c2, c3, .. are what the network gives. */
  readonly classes: number;
  /** Whether the last norm of each block starts at zero. */
  readonly zeroInitResidual: boolean;
}

interface BlockPlan {
  readonly planes: number;
  readonly stride: number;
}

type NamedValues = Record<string, Value>;

/**
 * Residual network.
 *
 *     y = ReLU(F(x) + P(x)),    P the identity, or a 1 x 1 convolution with norm where the shape changes
 *
 * He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv:1512.03385;
 * Xie et al., "Aggregated Residual Transformations", CVPR 2017, arXiv:1611.05431.
 * Departs from the paper: a bottleneck strides in its 3 x 3 convolution (torchvision) unless `strideIn` says `1x1`.
 *
 * x [N, inChannels, H, W] → `logits` [N, classes], or the stage outputs `c2`, `c3`, .. without a classifier; and every
 * intermediate that `features` names: `layerN`, and `layerN.i` for block i, from 0, of stage N.
 */
export function resnet(s: Scope, x: Value, config: ResnetConfig, features: readonly string[] = []): NamedValues {
  const out: NamedValues = {};
  const offer = (name: string, v: Value): void => {
    if (features.includes(name)) out[name] = v;
  };
  let y = stem(s, x, config);
  config.layers.forEach((blocks, stage) => {
    const layer = s.at(`layer${stage + 1}`);
    for (let i = 0; i < blocks; i++) {
      const plan = { planes: config.width * 2 ** stage, stride: stage > 0 && i === 0 ? 2 : 1 };
      y = residual(layer.at(i), y, plan, config);
      offer(`layer${stage + 1}.${i}`, y);
    }
    offer(`layer${stage + 1}`, y);
    if (config.classes === 0) out[`c${stage + 2}`] = y;
  });
  if (config.classes === 0) return out;
  const pooled = s.within(() => globalAveragePool(y)); // [N, C]
  return { logits: linear(s.at('fc'), pooled, { features: config.classes }), ...out };
}

function stem(s: Scope, x: Value, config: ResnetConfig): Value {
  const channels = config.width;
  const large = config.stem === '7x7';
  const kernel = large ? { kernel: 7, stride: 2, padding: 3 } : { kernel: 3, padding: 1 };
  const y = op.relu(batchNorm(s.at('bn1'), conv2d(s.at('conv1'), x, { channels, ...kernel })));
  return large ? s.module('maxpool', () => maxPool(y, { kernel: 3, stride: 2, padding: 1 })) : y;
}

function residual(s: Scope, x: Value, plan: BlockPlan, config: ResnetConfig): Value {
  return s.within(() => {
    const y = config.block === 'basic' ? basic(s, x, plan, config) : bottleneck(s, x, plan, config);
    const same = y.shape[1] === x.shape[1] && plan.stride === 1;
    return op.relu(op.add(y, same ? x : projection(s.at('downsample'), x, y.shape[1] as number, plan.stride)));
  });
}

function projection(s: Scope, x: Value, channels: number, stride: number): Value {
  return batchNorm(s.at(1), conv2d(s.at(0), x, { channels, kernel: 1, stride }));
}

function basic(s: Scope, x: Value, { planes, stride }: BlockPlan, config: ResnetConfig): Value {
  const a = conv2d(s.at('conv1'), x, { channels: planes, kernel: 3, stride, padding: 1 });
  const b = op.relu(batchNorm(s.at('bn1'), a));
  const c = conv2d(s.at('conv2'), b, { channels: planes, kernel: 3, padding: 1 });
  return batchNorm(s.at('bn2'), c, { init: lastScale(config) });
}

function bottleneck(s: Scope, x: Value, { planes, stride }: BlockPlan, config: ResnetConfig): Value {
  const { groups, widthPerGroup } = config;
  const width = Math.floor((planes * widthPerGroup) / 64) * groups;
  const [first, second] = config.strideIn === '1x1' ? [stride, 1] : [1, stride];
  const a = conv2d(s.at('conv1'), x, { channels: width, kernel: 1, stride: first });
  const b = op.relu(batchNorm(s.at('bn1'), a));
  const c = conv2d(s.at('conv2'), b, { channels: width, kernel: 3, stride: second, padding: 1, groups });
  const d = op.relu(batchNorm(s.at('bn2'), c));
  const e = conv2d(s.at('conv3'), d, { channels: 4 * planes, kernel: 1, init: KAIMING_FAN_OUT });
  return batchNorm(s.at('bn3'), e, { init: lastScale(config) });
}

function lastScale(config: ResnetConfig): Init {
  return config.zeroInitResidual ? ZEROS : ONES;
}

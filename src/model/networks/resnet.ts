import { Fault } from '../../core/fault.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { type Init, ONES, ZEROS } from '../init.ts';
import { conv2d } from '../layers/conv.ts';
import { dropout, dropPath, dropPathRates } from '../layers/drop.ts';
import { linear } from '../layers/linear.ts';
import { batchNorm } from '../layers/norm.ts';
import { averagePool, globalAveragePool } from '../layers/pool.ts';
import type { Scope } from '../scope.ts';
import { checkPictures, intermediates } from './intermediates.ts';
import { checkOperators, type OperatorPlacement, operate, operatorAt } from './operators.ts';
import { checkContext, contextAt, type PlaceContext } from './placement.ts';
import type { ResnetConfig } from './resnet-config.ts';
import { resnetStem } from './resnet-stem.ts';

/** What one block of a stage is. */
export interface ResidualPlan {
  readonly config: ResnetConfig;
  readonly planes: number;
  readonly stride: number;
  readonly context: PlaceContext;
  /** What stands at `conv2`; the convolution where absent. */
  readonly operator: OperatorPlacement | undefined;
  /** Probability that the block is skipped in training. */
  readonly dropPath: number;
}

/**
 * Residual network, with context blocks wherever `config.context` puts them, and other operators in place of its
 * 3 x 3 convolutions wherever `config.operators` does.
 *
 *     y = ReLU(F(x) + P(x)),    P the identity, or a 1 x 1 convolution with norm where the shape changes
 *
 * He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, arXiv:1512.03385;
 * Xie et al., "Aggregated Residual Transformations", CVPR 2017, arXiv:1611.05431;
 * He et al., "Bag of Tricks", CVPR 2019, arXiv:1812.01187 (deep stem, average pool in the shortcut);
 * Huang et al., "Deep Networks with Stochastic Depth", ECCV 2016, arXiv:1603.09382 (`dropPath`).
 * Departs from the paper: a bottleneck strides in its 3 x 3 convolution (torchvision) unless `strideIn` says `1x1`;
 * shortcuts of the small networks are projections, not padded identities.
 *
 * x [N, inChannels, H, W] → `logits` [N, classes], or the stage outputs `c2`, `c3`, .. without a classifier; and every
 * intermediate that `features` names: `layerN` or `c(N+1)`, and `layerN.i` for block i, from 0, of stage N.
 */
export function resnet(
  s: Scope,
  x: Value,
  config: ResnetConfig,
  features: readonly string[] = [],
): Record<string, Value> {
  checkPictures(x, config.inChannels);
  checkConfig(config);
  checkOperators(config);
  checkContext({ ...config, convolutions: config.block === 'basic' ? 2 : 3 });
  const { layers, classes } = config;
  const given = intermediates({ layers, classes, pathOf: (k) => `layer${k + 1}` }, features);
  const rates = dropPathRates(config.dropPath, layers);
  let y = resnetStem(s, x, config);
  layers.forEach((blocks, k) => {
    if (given.complete) return;
    const layer = s.at(`layer${k + 1}`);
    for (let i = 0; i < blocks; i++) {
      const [planes, stride] = [config.width * 2 ** k, i > 0 ? 1 : k > 0 ? 2 : config.firstStride];
      const plan: ResidualPlan = {
        ...{ config, planes, stride, context: contextAt(config, k + 1, i), dropPath: rates[k]![i]! },
        operator: operatorAt(config, k + 1, i),
      };
      y = residualBlock(layer.at(i), y, plan);
      given.block(k, i, y);
    }
    y = contextAt(config, k + 1, 0)(layer, y, 'after-stage');
    given.stage(k, y);
  });
  if (classes === 0) return given.outputs;
  const pooled = s.module('avgpool', () => globalAveragePool(y)); // [N, C]
  const kept = dropout(s, pooled, config.dropout);
  return { logits: linear(s.at('fc'), kept, { features: classes }), ...given.outputs };
}

function checkConfig({ block, groups, widthPerGroup }: ResnetConfig): void {
  if (block === 'basic' && (groups !== 1 || widthPerGroup !== 64)) {
    throw new Fault(
      'config',
      `groups: expected 1 group and widthPerGroup 64 in basic blocks, got ${groups} and ${widthPerGroup}.`,
    );
  }
}

/** One block: y = ReLU(F(x) + P(x)). x [N, C, H, W] → [N, planes or 4 planes, H', W']. */
export function residualBlock(s: Scope, x: Value, plan: ResidualPlan): Value {
  return s.within(() => {
    const y = dropPath(s, plan.config.block === 'basic' ? basic(s, x, plan) : bottleneck(s, x, plan), plan.dropPath);
    const same = y.shape[1] === x.shape[1] && plan.stride === 1;
    const sum = op.add(y, same ? x : projection(s.at('downsample'), x, y.shape[1] as number, plan));
    return plan.context(s, op.relu(plan.context(s, sum, 'after-add')), 'after-block');
  });
}

function projection(s: Scope, x: Value, channels: number, { stride, config }: ResidualPlan): Value {
  if (config.shortcut === 'convolution') {
    return batchNorm(s.at(1), conv2d(s.at(0), x, { channels, kernel: 1, stride }));
  }
  const pooled = stride === 1 ? x : s.module(0, () => averagePool(x, { kernel: 2, stride, ceil: true }));
  return batchNorm(s.at(2), conv2d(s.at(1), pooled, { channels, kernel: 1 }));
}

function basic(s: Scope, x: Value, { planes, stride, config, context, operator }: ResidualPlan): Value {
  const a = conv2d(s.at('conv1'), x, { channels: planes, kernel: 3, stride, padding: 1 });
  const b = context(s, op.relu(batchNorm(s.at('bn1'), a)), 'after-conv1');
  const c = operator
    ? operate(s.at('conv2'), b, operator, 1)
    : conv2d(s.at('conv2'), b, { channels: planes, kernel: 3, padding: 1 });
  return context(s, batchNorm(s.at('bn2'), c, { init: lastScale(config) }), 'after-conv2');
}

function bottleneck(s: Scope, x: Value, plan: ResidualPlan): Value {
  const { planes, stride, config, context } = plan;
  const { groups, widthPerGroup } = config;
  const width = Math.floor((planes * widthPerGroup) / 64) * groups;
  const [first, second] = config.strideIn === '1x1' ? [stride, 1] : [1, stride];
  const a = conv2d(s.at('conv1'), x, { channels: width, kernel: 1, stride: first });
  const b = context(s, op.relu(batchNorm(s.at('bn1'), a)), 'after-conv1');
  const c = plan.operator
    ? operate(s.at('conv2'), b, plan.operator, second)
    : conv2d(s.at('conv2'), b, { channels: width, kernel: 3, stride: second, padding: 1, groups });
  const bare = plan.operator && !plan.operator.norm;
  const d = context(s, bare ? c : op.relu(batchNorm(s.at('bn2'), c)), 'after-conv2');
  const e = conv2d(s.at('conv3'), d, { channels: 4 * planes, kernel: 1 });
  return context(s, batchNorm(s.at('bn3'), e, { init: lastScale(config) }), 'after-conv3');
}

function lastScale(config: ResnetConfig): Init {
  return config.zeroInitResidual ? ZEROS : ONES;
}

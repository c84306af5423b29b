import { Fault } from '../../core/fault.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { makeDivisible } from '../blocks/shape.ts';
import { type Init, ONES, ZEROS } from '../init.ts';
import { conv2d } from '../layers/conv.ts';
import { dropout, dropPath, dropPathRates } from '../layers/drop.ts';
import { linear } from '../layers/linear.ts';
import { batchNorm } from '../layers/norm.ts';
import { averagePool, globalAveragePool, maxPool } from '../layers/pool.ts';
import type { Scope } from '../scope.ts';
import type { ByobnetConfig, ByobnetStage } from './byobnet-config.ts';
import { checkPictures, intermediates } from './intermediates.ts';
import { checkContext, contextAt, type PlaceContext } from './placement.ts';

/** What one block of a stage is. */
interface Plan {
  readonly config: ByobnetConfig;
  readonly stage: ByobnetStage;
  readonly stride: number;
  readonly context: PlaceContext;
  readonly dropPath: number;
}

/**
 * timm's residual networks "bring your own blocks": bottlenecks of any width and grouping, context blocks wherever
 * `config.context` puts them.
 *
 *     y = f(F(x) + P(x)),    f = ReLU or SiLU, P the identity, or a 1 x 1 convolution with norm where the shape changes
 *     SiLU(x) = x σ(x)
 *
 * Wightman, "PyTorch Image Models", `byobnet`; SiLU: Elfwing et al. 2017, arXiv:1702.03118. No paper has this family;
 * its parts are those of `resnet` and of the context blocks.
 * Departs from timm: context blocks start as their own pages say, where timm sets their convolutions as all others.
 *
 * x [N, inChannels, H, W] → `logits` [N, classes], or the stage outputs `c2`, `c3`, .. without a classifier; and every
 * intermediate that `features` names: `stages.k` or `c(k+2)`, and `stages.k.i` for block i of stage k, both from 0.
 */
export function byobnet(
  s: Scope,
  x: Value,
  config: ByobnetConfig,
  features: readonly string[] = [],
): Record<string, Value> {
  const layers = config.stages.map((stage) => stage.blocks);
  const { classes } = config;
  checkPictures(x, config.inChannels);
  checkContext({ layers, context: config.context, convolutions: 3 });
  const given = intermediates({ layers, classes, pathOf: (k) => `stages.${k}` }, features);
  const rates = dropPathRates(config.dropPath, layers);
  let y = stem(s.at('stem'), x, config);
  config.stages.forEach((stage, k) => {
    if (given.complete) return;
    const place = s.at('stages').at(k);
    for (let i = 0; i < stage.blocks; i++) {
      const context = contextAt({ layers, context: config.context }, k + 1, i);
      const plan = { config, stage, stride: i === 0 ? stage.stride : 1, context, dropPath: rates[k]![i]! };
      y = bottleneck(place.at(i), y, plan);
      given.block(k, i, y);
    }
    y = contextAt({ layers, context: config.context }, k + 1, 0)(place, y, 'after-stage');
    given.stage(k, y);
  });
  return classes === 0 ? given.outputs : { logits: head(s, y, config), ...given.outputs };
}

function stem(s: Scope, x: Value, { stem: channels, stemStride, activation }: ByobnetConfig): Value {
  if (stemStride === 'convolution' && channels.length < 2) {
    throw new Fault('config', `stem: expected two convolutions to stride, got ${channels.length}. Set stemStride.`);
  }
  const strides = channels.map((_, i) =>
    i === 0 || (stemStride === 'convolution' && i === channels.length - 1) ? 2 : 1,
  );
  const y = channels.reduce((v, c, i) => {
    const conv = { channels: c, kernel: 3, stride: strides[i]! };
    return activated(s, convNorm(s.at(`conv${i + 1}`), v, conv), activation);
  }, x);
  if (stemStride === 'convolution') return y;
  return s.module('pool', () => maxPool(y, { kernel: 3, stride: 2, padding: 1 }));
}

function bottleneck(s: Scope, x: Value, plan: Plan): Value {
  const { config, stage, stride, context } = plan;
  const { activation } = config;
  const width = makeDivisible(stage.channels * stage.ratio, 8);
  const act = (v: Value): Value => activated(s, v, activation);
  const a = act(convNorm(s.at('conv1_1x1'), x, { channels: width, kernel: 1 }));
  const groups = groupsOf(s, width, stage.groupSize);
  const middle = { channels: width, kernel: 3, stride, groups };
  const b = act(convNorm(s.at('conv2_kxk'), context(s, a, 'after-conv1'), middle));
  const last = { channels: stage.channels, kernel: 1, scale: config.zeroInitResidual ? ZEROS : ONES };
  const c = context(s, convNorm(s.at('conv3_1x1'), context(s, b, 'after-conv2'), last), 'after-conv3');
  const same = stage.channels === x.shape[1] && stride === 1;
  const shortcut = same ? x : projection(s.at('shortcut'), x, plan);
  return s.within(() => {
    const sum = context(s, op.add(dropPath(s, c, plan.dropPath), shortcut), 'after-add');
    return context(s, act(sum), 'after-block');
  });
}

function groupsOf(s: Scope, width: number, groupSize: number): number {
  if (groupSize === 0) return 1;
  if (width % groupSize === 0) return width / groupSize;
  const message = `${s.path}: expected a groupSize that divides the ${width} channels inside, got ${groupSize}.`;
  throw new Fault('config', message);
}

function projection(s: Scope, x: Value, { config, stage, stride }: Plan): Value {
  const { channels } = stage;
  if (config.shortcut === 'convolution') return convNorm(s, x, { channels, kernel: 1, stride });
  const pooled = stride === 1 ? x : s.module('pool', () => averagePool(x, { kernel: 2, stride, ceil: true }));
  return convNorm(s.at('conv'), pooled, { channels, kernel: 1 });
}

function head(s: Scope, x: Value, config: ByobnetConfig): Value {
  const { finalChannels, activation, classes } = config;
  const final = s.at('final_conv');
  const y =
    finalChannels === 0 ? x : activated(final, convNorm(final, x, { channels: finalChannels, kernel: 1 }), activation);
  const pooled = s.module('head', () => globalAveragePool(y)); // [N, C]
  const kept = dropout(s.at('head'), pooled, config.dropout);
  return linear(s.at('head').at('fc'), kept, {
    features: classes,
    init: { kind: 'normal', std: 0.01 },
    biasInit: ZEROS,
  });
}

interface ConvNorm {
  readonly channels: number;
  readonly kernel: number;
  readonly stride?: number;
  readonly groups?: number;
  /** First scale of the norm; ones where absent. */
  readonly scale?: Init;
}

/** A convolution and its batch norm: children `conv` and `bn`. First weights: He's over the fan-out of a group. */
function convNorm(s: Scope, x: Value, { scale = ONES, groups = 1, ...conv }: ConvNorm): Value {
  const init: Init = { kind: 'kaiming-normal', fan: 'out', gain: Math.sqrt(2 * groups) };
  return batchNorm(s.at('bn'), conv2d(s.at('conv'), x, { ...conv, groups, padding: 'same', init }), { init: scale });
}

function activated(s: Scope, x: Value, activation: ByobnetConfig['activation']): Value {
  return s.within(() => (activation === 'relu' ? op.relu(x) : op.silu(x)));
}

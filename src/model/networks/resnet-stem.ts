import { Fault } from '../../core/fault.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { contextBlock } from '../blocks/context.ts';
import { allBlocks, blockOf } from '../blocks/table.ts';
import { KAIMING_FAN_OUT } from '../init.ts';
import { conv2d } from '../layers/conv.ts';
import { batchNorm } from '../layers/norm.ts';
import { maxPool } from '../layers/pool.ts';
import type { Scope } from '../scope.ts';
import { strided } from './operators.ts';
import type { ResnetConfig } from './resnet-config.ts';

/**
 * What a residual network reads pictures with: convolutions, a norm, a ReLU, and mostly a max pool.
 *
 * x [N, inChannels, H, W] → [N, stemChannels, H', W'], a quarter of the size, or a half without pool, or the same (`3x3`).
 */
export function resnetStem(s: Scope, x: Value, config: ResnetConfig): Value {
  const y = op.relu(batchNorm(s.at('bn1'), convolutions(s, x, config)));
  if (config.stem === '3x3' || !config.stemPool) return y;
  return s.module('maxpool', () => maxPool(y, { kernel: 3, stride: 2, padding: 1 }));
}

function convolutions(s: Scope, x: Value, config: ResnetConfig): Value {
  const { stem: kind, width, stemChannels: channels = width } = config;
  const [first, half] = [s.at('conv1'), channels / 2];
  if (kind.startsWith('deep') && channels % 2 !== 0) {
    const name = config.stemChannels === undefined ? 'width' : 'stemChannels';
    throw new Fault('config', `${name}: expected an even ${name} for stem "${kind}", got ${channels}.`);
  }
  switch (kind) {
    case '7x7':
      if (s.training && config.operators.length > 0 && config.inChannels <= 4)
        return colourByColour(first, x, channels);
      return conv2d(first, x, { channels, kernel: 7, stride: 2, padding: 3 });
    case '3x3':
      return conv2d(first, x, { channels, kernel: 3, padding: 1 });
    case 'deep':
      return deep(first, x, [half, half, channels]);
    case 'deep-tiered':
      return deep(first, x, [Math.floor((3 * channels) / 8), half, channels]);
    case 'operator':
      return operator(first, x, config);
    default:
      return kind satisfies never;
  }
}

/**
 * The 7 x 7 convolution as a sum over the picture's channels: sums of 49 products round by 0.6 of what sums of 147 do.
 * Operators that make their weights of the map carry that error on, and where it turns the sign of what a ReLU sees the
 * gradient jumps.
 */
function colourByColour(s: Scope, x: Value, channels: number): Value {
  const colours = x.shape[1] as number;
  return s.within(() => {
    const w = s.param('weight', [channels, colours, 7, 7], KAIMING_FAN_OUT);
    const of = (v: Value, i: number): Value => op.slice(v, { axes: [1], starts: [i], ends: [i + 1] });
    const attributes = { strides: [2, 2], pads: [3, 3, 3, 3], dilations: [1, 1], group: 1 };
    const parts = Array.from({ length: colours }, (_, i) => op.conv(of(x, i), of(w, i), attributes));
    return parts.reduce((a, b) => op.add(a, b));
  });
}

/** Three 3 x 3 convolutions at the places that timm's Sequential gives them. */
function deep(s: Scope, x: Value, [a, b, c]: readonly [number, number, number]): Value {
  const first = conv2d(s.at(0), x, { channels: a, kernel: 3, stride: 2, padding: 1 });
  const second = conv2d(s.at(3), op.relu(batchNorm(s.at(1), first)), { channels: b, kernel: 3, padding: 1 });
  return conv2d(s.at(6), op.relu(batchNorm(s.at(4), second)), { channels: c, kernel: 3, padding: 1 });
}

/** A 1 x 1 convolution with norm and ReLU, then the operator, which strides. */
function operator(s: Scope, x: Value, { width, stemChannels: channels = width, stemOperator }: ResnetConfig): Value {
  if (!stemOperator) throw new Fault('config', 'stemOperator: expected a block with stem "operator", got nothing.');
  if (!blockOf(stemOperator.kind, 'stemOperator').strides) {
    const others = allBlocks().flatMap((b) => (b.strides ? [`"${b.kind}"`] : []));
    const message = `stemOperator: expected a block that strides, got "${stemOperator.kind}". Use ${others.join(', ')}.`;
    throw new Fault('config', message);
  }
  const y = op.relu(batchNorm(s.at(1), conv2d(s.at(0), x, { channels, kernel: 1 })));
  return contextBlock(s.at(3), y, strided(stemOperator, 2));
}

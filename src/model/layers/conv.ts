import { Fault } from '../../core/fault.ts';
import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { type Init, KAIMING_FAN_OUT } from '../init.ts';
import type { Scope } from '../scope.ts';

/** Options of {@link conv2d} and {@link convNd}. One number stands for all axes. */
export interface ConvConfig {
  /** Output channels. */
  readonly channels: number;
  readonly kernel: number | readonly number[];
  readonly stride?: number | readonly number[];
  /** Zeros before and after each axis; `same` keeps the size at stride 1 (odd kernels). 0 where absent. */
  readonly padding?: number | readonly number[] | 'same';
  readonly dilation?: number | readonly number[];
  readonly groups?: number;
  /** Whether there is a bias; absent: false, as in networks where a norm follows. */
  readonly bias?: boolean;
  readonly init?: Init;
  readonly biasInit?: Init;
}

function each(value: number | readonly number[] | undefined, rank: number, otherwise: number): number[] {
  if (value === undefined) return new Array<number>(rank).fill(otherwise);
  return typeof value === 'number' ? new Array<number>(rank).fill(value) : [...value];
}

/** Convolution over all axes after the channels. x [N, C, ..] → [N, channels, ..]. State: `weight`, `bias`. */
export function convNd(s: Scope, x: Value, config: ConvConfig): Value {
  const rank = x.shape.length - 2;
  const kernel = each(config.kernel, rank, 1);
  const dilations = each(config.dilation, rank, 1);
  const group = config.groups ?? 1;
  const c = x.shape[1] as number;
  if (c % group !== 0 || config.channels % group !== 0) {
    const message = `${s.path}: expected ${group} groups to divide ${c} input and ${config.channels} output channels.`;
    throw new Fault('config', message);
  }
  const same = kernel.map((k, i) => ((k - 1) * dilations[i]!) / 2);
  if (config.padding === 'same') checkSame(s, kernel, same);
  const padding = config.padding === 'same' ? same : each(config.padding, rank, 0);
  return s.within(() => {
    const w = s.param('weight', [config.channels, c / group, ...kernel], config.init ?? KAIMING_FAN_OUT);
    const fanIn = (c / group) * kernel.reduce((a, b) => a * b, 1);
    const biasInit = config.biasInit ?? { kind: 'fan-in-uniform', fanIn };
    const attributes = { strides: each(config.stride, rank, 1), pads: [...padding, ...padding], dilations, group };
    if (!config.bias) return op.conv(x, w, attributes);
    return op.conv(x, w, { ...attributes, bias: s.param('bias', [config.channels], biasInit) });
  });
}

/** A fault where zeros before and after cannot be as many: an even kernel. */
function checkSame(s: Scope, kernel: readonly number[], padding: readonly number[]): void {
  const even = kernel.find((_, i) => !Number.isInteger(padding[i]));
  if (even === undefined) return;
  const use = even === 2 ? '1 or 3' : `${even - 1} or ${even + 1}`;
  throw new Fault('config', `${s.path}: expected an odd kernel to keep the size, got ${even}. Use ${use}.`);
}

/** Convolution over height and width. x [N, C, H, W] → [N, channels, H', W']. State: `weight`, `bias`. */
export function conv2d(s: Scope, x: Value, config: ConvConfig): Value {
  if (x.shape.length !== 4) throw new Fault('shape', `${s.path}: expected [N, C, H, W], got ${x.shape.length} axes.`);
  return convNd(s, x, config);
}

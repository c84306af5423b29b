import * as op from '../../graph/ops/index.ts';
import type { Value } from '../../graph/value.ts';
import { type Init, KAIMING_FAN_OUT, ONES, ZEROS } from '../init.ts';
import type { Scope } from '../scope.ts';

/** Options of {@link pointwise}. */
export interface PointwiseConfig {
  readonly channels: number;
  /** Axes after the channels that the weight has, all of size 1: those of the maps it comes from. */
  readonly axes: number;
  readonly init?: Init;
  readonly biasInit?: Init;
}

/**
 * A convolution with a kernel of 1 on a single position, as a matrix product. x [N, C] → [N, channels].
 * State as the convolution's: `weight` [channels, C, 1, ..], `bias`.
 */
export function pointwise(s: Scope, x: Value, config: PointwiseConfig): Value {
  const { channels, axes, init = { kind: 'fan-in-uniform' } } = config;
  const c = x.shape[1] as number;
  return s.within(() => {
    const ones = new Array<number>(axes).fill(1);
    const w = op.reshape(s.param('weight', [channels, c, ...ones], init), [channels, c]);
    const bias = s.param('bias', [channels], config.biasInit ?? { kind: 'fan-in-uniform', fanIn: c });
    return op.gemm(x, w, bias);
  });
}

/** A map per channel, [N, C] → [N, C, 1, ..] with `axes` axes of size 1, to broadcast over positions. */
export function overPositions(x: Value, axes: number): Value {
  return op.reshape(x, [...x.shape, ...new Array<number>(axes).fill(1)]);
}

/** Options of {@link layerNorm}. */
export interface LayerNormConfig {
  /** Added to the variance; 1e-5 where absent. */
  readonly epsilon?: number;
  /** Axes of size 1 that the parameters have after the channels; 0 where absent. */
  readonly axes?: number;
}

/** Layer norm over the last axis, the channels. x [.., C] → the same. State: `weight`, `bias` [C, 1, ..]. */
export function layerNorm(s: Scope, x: Value, { epsilon = 1e-5, axes = 0 }: LayerNormConfig = {}): Value {
  const last = x.shape.length - 1;
  const c = x.shape[last]!;
  return s.within(() => {
    const shape = [c, ...new Array<number>(axes).fill(1)];
    const scale = op.reshape(s.param('weight', shape, ONES), [c]);
    return op.layerNormalization(x, scale, op.reshape(s.param('bias', shape, ZEROS), [c]), last, epsilon);
  });
}

/** He's initialisation over fan-in, as GCNet's for its mask. */
export const KAIMING_FAN_IN: Init = { ...KAIMING_FAN_OUT, kind: 'kaiming-normal', fan: 'in' };

import { Fault } from '../../core/fault.ts';
import * as op from '../../graph/ops/index.ts';
import type { PoolAttributes } from '../../graph/ops/pool-window.ts';
import type { Value } from '../../graph/value.ts';

/** Options of {@link maxPool}. One number stands for all axes. */
export interface PoolConfig {
  readonly kernel: number | readonly number[];
  /** Step of the window; the kernel where absent. */
  readonly stride?: number | readonly number[];
  /** Places before and after each axis; 0 where absent. They never win a maximum. */
  readonly padding?: number | readonly number[];
  /** Whether a last, incomplete window counts; false where absent. */
  readonly ceil?: boolean;
}

/** Largest element of each window. x [N, C, ..] → [N, C, ..']. */
export function maxPool(x: Value, config: PoolConfig): Value {
  return op.maxPool(x, attributesOf(x, config));
}

/** Options of {@link averagePool}. */
export interface AveragePoolConfig extends PoolConfig {
  /** Whether padding counts as zeros; false where absent: only elements of x count. */
  readonly countPadding?: boolean;
}

/** Mean of each window. x [N, C, ..] → [N, C, ..']. */
export function averagePool(x: Value, config: AveragePoolConfig): Value {
  return op.averagePool(x, { ...attributesOf(x, config), count_include_pad: config.countPadding ? 1 : 0 });
}

/** Mean over all positions. x [N, C, ..] → [N, C]. */
export function globalAveragePool(x: Value): Value {
  return op.reduceMean(
    x,
    x.shape.flatMap((_, i) => (i > 1 ? [i] : [])),
    false,
  );
}

function attributesOf(x: Value, config: PoolConfig): PoolAttributes {
  const rank = x.shape.length - 2;
  const each = (v: number | readonly number[]): readonly number[] =>
    typeof v === 'number' ? new Array<number>(rank).fill(v) : v;
  const kernel_shape = each(config.kernel);
  const padding = each(config.padding ?? 0);
  if (kernel_shape.length !== rank || padding.length !== rank) {
    throw new Fault('config', `pool: expected ${rank} window sizes for [N, C, ..], got [${kernel_shape.join(', ')}].`);
  }
  const strides = each(config.stride ?? kernel_shape);
  return { kernel_shape, strides, pads: [...padding, ...padding], ceil_mode: config.ceil ? 1 : 0 };
}

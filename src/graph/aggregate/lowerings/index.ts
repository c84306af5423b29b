import { ASSOCIATIVE } from './associative.ts';
import { AVERAGE_POOL_OF_WINDOWS } from './average-pool.ts';
import { BEFORE_PROJECTION } from './before-projection.ts';
import { BLOCKED_SOFTMAX } from './blocked-softmax.ts';
import { BLOCKS_OF_ROWS } from './blocks-of-rows.ts';
import type { Lowering } from './lowering.ts';
import { MEAN } from './mean.ts';
import { PLAIN } from './plain.ts';
import { DEPTHWISE, STATIC_PRODUCT } from './static.ts';
import { COLUMNS, SHIFTS } from './windows.ts';

export type { Cost, Lowering, Target } from './lowering.ts';

/** The name of a lowering in {@link LOWERINGS}. */
export type LoweringName =
  | 'mean'
  | 'associative'
  | 'plain'
  | 'before-projection'
  | 'blocked-softmax'
  | 'blocks-of-rows'
  | 'average-pool'
  | 'depthwise'
  | 'static-product'
  | 'columns'
  | 'shifts';

/** Every lowering of `aggregate`. Where costs are equal the earlier one is taken. */
export const LOWERINGS: { readonly [K in LoweringName]: Lowering } = {
  mean: MEAN,
  associative: ASSOCIATIVE,
  plain: PLAIN,
  'before-projection': BEFORE_PROJECTION,
  'blocked-softmax': BLOCKED_SOFTMAX,
  'blocks-of-rows': BLOCKS_OF_ROWS,
  'average-pool': AVERAGE_POOL_OF_WINDOWS,
  depthwise: DEPTHWISE,
  'static-product': STATIC_PRODUCT,
  columns: COLUMNS,
  shifts: SHIFTS,
};

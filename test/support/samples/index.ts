import { AGGREGATE_SAMPLES } from './aggregate.ts';
import { ATTENTION_SAMPLES } from './attention.ts';
import { ELEMENTWISE_SAMPLES } from './elementwise.ts';
import { INDEXING_SAMPLES } from './indexing.ts';
import { LAYOUT_SAMPLES } from './layout.ts';
import { PRODUCT_SAMPLES } from './products.ts';
import { QUANTISE_SAMPLES } from './quantise.ts';
import { REDUCE_SAMPLES } from './reduce.ts';
import type { Sample } from './sampler.ts';
import { WINDOW_SAMPLES } from './windows.ts';
import { WINDOW_WORD_SAMPLES } from './windows-of-heads.ts';

/** Samples of every operator. The sweep fails when a record has none. */
export const SAMPLES: readonly Sample[] = [
  ...ELEMENTWISE_SAMPLES,
  ...LAYOUT_SAMPLES,
  ...REDUCE_SAMPLES,
  ...PRODUCT_SAMPLES,
  ...WINDOW_SAMPLES,
  ...INDEXING_SAMPLES,
  ...QUANTISE_SAMPLES,
  ...AGGREGATE_SAMPLES,
  ...ATTENTION_SAMPLES,
  ...WINDOW_WORD_SAMPLES,
];

import type { ContextSpec } from '../blocks/context.ts';

/** Options of `container`. Each list has an entry for each stage. */
export interface ContainerConfig {
  readonly kind: 'container';
  /** Channels of each stage. */
  readonly widths: readonly number[];
  readonly blocks: readonly number[];
  /** Hidden width of the feed-forward parts as a factor of the channels. */
  readonly mlpRatios: readonly number[];
  /** Side of the patches that each stage begins by embedding: by how much it strides. */
  readonly patches: readonly number[];
  /** What reads other positions in the blocks of each stage; one entry alone counts for all stages. */
  readonly mixers: readonly ContextSpec[];
  /** What tells positions apart: a depthwise 3 x 3 convolution in each block, or nothing. */
  readonly position: 'depthwise' | 'none';
  readonly inChannels: number;
  /** Classes of the classifier; 0: none, and the stage outputs c2, c3, .. are what the network gives. */
  readonly classes: number;
  /** Probability that a picture skips a branch of the last block in training; it grows from 0 with the blocks. */
  readonly dropPath: number;
}

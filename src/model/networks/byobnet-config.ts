import type { ContextPlacement } from './placement.ts';

/** Blocks of one stage of a `byobnet`. */
export interface ByobnetStage {
  readonly blocks: number;
  /** Channels that its blocks give. */
  readonly channels: number;
  /** Step of its first block. */
  readonly stride: number;
  /** Width inside a block as a factor of `channels`, rounded to a multiple of 8. */
  readonly ratio: number;
  /** Channels a group of the 3 x 3 convolution; 0: no groups. */
  readonly groupSize: number;
}

/** Options of `byobnet`. */
export interface ByobnetConfig {
  readonly kind: 'byobnet';
  /** Channels of the stem's 3 x 3 convolutions, of which the first strides. */
  readonly stem: readonly number[];
  /** What else strides in the stem: a 3 x 3 `maximum` pool, or its last `convolution`. */
  readonly stemStride: 'maximum' | 'convolution';
  readonly stages: readonly ByobnetStage[];
  readonly activation: 'relu' | 'silu';
  /** How a shortcut strides: in its 1 x 1 `convolution`, or by an `average` pool in front of it. */
  readonly shortcut: 'convolution' | 'average';
  /** Channels of a 1 x 1 convolution before the classifier; 0: none. */
  readonly finalChannels: number;
  readonly inChannels: number;
  /** Classes of the classifier; 0: none, and the stage outputs c2, c3, .. are what the network gives. */
  readonly classes: number;
  /** Whether the last norm of each block starts at zero. */
  readonly zeroInitResidual: boolean;
  /** Probability that a picture skips the last block in training; it grows from 0 with the blocks (stochastic depth). */
  readonly dropPath: number;
  /** Probability that a pooled feature is zeroed before the classifier in training. */
  readonly dropout: number;
  /** Context blocks, in the order in which they stand at one place. */
  readonly context: readonly ContextPlacement[];
}

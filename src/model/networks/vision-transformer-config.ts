import type { ContextSpec } from '../blocks/context.ts';

/** Options of `vision-transformer`. */
export interface VisionTransformerConfig {
  readonly kind: 'vision-transformer';
  /**
   * Side of the pictures that the table of positions is made for, in pixels, or height and width; other pictures resample
   * it. What is learned for each pair of positions fits this size alone.
   */
  readonly imgSize: number | readonly number[];
  /** Side of a patch, in pixels. */
  readonly patch: number;
  /** Channels of a token. */
  readonly width: number;
  /** Blocks. */
  readonly depth: number;
  /** Hidden width of the feed-forward parts as a factor of `width`. */
  readonly mlpRatio: number;
  /** What reads other tokens in every block. */
  readonly mixer: ContextSpec;
  /** Whether a learned token leads, which the classifier reads; else it reads the mean of all tokens. */
  readonly classToken: boolean;
  /** Whether positions are told apart by a learned table that is added to the tokens. */
  readonly positions: boolean;
  /** Whose names, and whose first weights: timm's `vision_transformer`, or timm's `mlp_mixer`. */
  readonly names: 'vision-transformer' | 'mlp-mixer';
  readonly inChannels: number;
  /** Classes of the classifier; 0: none, and the tokens as a map are what the network gives. */
  readonly classes: number;
  /** Probability that a picture skips a branch of the last block in training; it grows from 0 with the blocks. */
  readonly dropPath: number;
}

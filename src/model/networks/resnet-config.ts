import type { ContextSpec } from '../blocks/context.ts';
import type { OperatorPlacement } from './operators.ts';
import type { ContextPlacement } from './placement.ts';

/** Options of `resnet`. */
export interface ResnetConfig {
  readonly kind: 'resnet';
  /** Two 3 x 3 convolutions, or 1 x 1, 3 x 3, 1 x 1 with four times the width at the end. */
  readonly block: 'basic' | 'bottleneck';
  /** Blocks in each stage. */
  readonly layers: readonly number[];
  /** Channels of the first stage; each later stage doubles them. */
  readonly width: number;
  /** Groups of a bottleneck's 3 x 3 convolution, and its channels a group where `width` is 64 (ResNeXt). */
  readonly groups: number;
  readonly widthPerGroup: number;
  /**
   * `7x7`: stride 2 and a max pool; `deep`, `deep-tiered`: three 3 x 3 in its place (timm's ResNet-D and -T);
   * `3x3`: stride 1 and no pool, for small pictures; `operator`: `stemOperator`, which strides, after a 1 x 1.
   */
  readonly stem: '7x7' | 'deep' | 'deep-tiered' | '3x3' | 'operator';
  /** Channels that the stem gives; `width` where absent. */
  readonly stemChannels?: number;
  /** What reads the picture with stem `operator`: any block of ours that strides. */
  readonly stemOperator?: ContextSpec;
  /** Whether a 3 x 3 max pool of stride 2 follows the stem; never after `3x3`. */
  readonly stemPool: boolean;
  /** Stride of the first stage; later stages have 2. */
  readonly firstStride: 1 | 2;
  /** Which convolution of a bottleneck strides: `3x3` (torchvision) or the first, `1x1` (He et al.). */
  readonly strideIn: '3x3' | '1x1';
  /** How a shortcut strides: in its 1 x 1 `convolution`, or by an `average` pool in front of it (ResNet-D). */
  readonly shortcut: 'convolution' | 'average';
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
  /** What stands in place of a block's second 3 x 3 convolution, `conv2`; of two that fit the first counts. */
  readonly operators: readonly OperatorPlacement[];
}

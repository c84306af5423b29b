import type { ContainerMixConfig } from '../blocks/container-mix.ts';
import type { MlpMixerConfig } from '../blocks/mlp-mixer.ts';
import type { SelfAttentionConfig } from '../blocks/self-attention.ts';
import type { NamedNetwork } from './family.ts';
import { type PictureInput, timmInput } from './picture-input.ts';
import type { VisionTransformerConfig } from './vision-transformer-config.ts';

const attention = (heads: number): SelfAttentionConfig => ({ kind: 'self-attention', heads });

/** DeiT-S. */
const SMALL: VisionTransformerConfig = {
  kind: 'vision-transformer',
  imgSize: 224,
  patch: 16,
  width: 384,
  depth: 12,
  mlpRatio: 4,
  mixer: attention(6),
  classToken: true,
  positions: true,
  names: 'vision-transformer',
  inChannels: 3,
  classes: 1000,
  dropPath: 0,
};
const TINY: VisionTransformerConfig = { ...SMALL, width: 192, mixer: attention(3) };
const BASE: VisionTransformerConfig = { ...SMALL, width: 768, mixer: attention(12) };

/** MLP-Mixer: token mixing of half the width, no class token and no table of positions. */
const mixer = (width: number, depth: number): VisionTransformerConfig => ({
  ...SMALL,
  width,
  depth,
  mixer: { kind: 'mlp-mixer', positions: 196, hidden: width / 2 } satisfies MlpMixerConfig,
  classToken: false,
  positions: false,
  names: 'mlp-mixer',
});

/** DeiT-S without a class token, its attention exchanged for a static affinity between the same projections. */
const fixed = (change: Partial<ContainerMixConfig>): VisionTransformerConfig => ({
  ...SMALL,
  mixer: { kind: 'container-mix', affinity: 'static', ...change } as ContainerMixConfig,
  classToken: false,
});

/** Facebook's weights in timm. */
const DEIT_INPUT: PictureInput = timmInput(224, 0.9, undefined);
const MIXER_INPUT: PictureInput = { ...timmInput(224, 0.875, undefined), mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };
const DEIT = 'arXiv:2012.12877, table 1';
const MIXER = 'arXiv:2105.01601, table 1';

/** The name of a network in {@link VISION_TRANSFORMERS}. */
export type VisionTransformerName =
  | `deit_${'tiny' | 'small' | 'base'}_patch16_224`
  | 'deit_base_patch16_384'
  | `mixer_${'s' | 'b'}16_224`
  | 'container-pam'
  | `deit-small-${'depthwise' | 'mh-dw' | 'mlp' | 'mh-mlp'}`;

/** Every network of the kind `vision-transformer`, by timm's names; those with a dash are ours. */
export const VISION_TRANSFORMERS: { readonly [K in VisionTransformerName]: NamedNetwork<VisionTransformerConfig> } = {
  deit_tiny_patch16_224: {
    config: TINY,
    parameters: 5_717_416,
    input: DEIT_INPUT,
    published: { parameters: 5e6, source: DEIT, difference: 'the paper rounds down' },
  },
  deit_small_patch16_224: {
    config: SMALL,
    parameters: 22_050_664,
    input: DEIT_INPUT,
    published: { parameters: 22e6, source: DEIT },
  },
  deit_base_patch16_224: {
    config: BASE,
    parameters: 86_567_656,
    input: DEIT_INPUT,
    published: { parameters: 86e6, source: DEIT, difference: 'the paper rounds down' },
  },
  deit_base_patch16_384: {
    config: { ...BASE, imgSize: 384 },
    parameters: 86_859_496,
    input: timmInput(384, 1, undefined),
  },
  mixer_s16_224: {
    config: mixer(512, 8),
    parameters: 18_528_264,
    input: MIXER_INPUT,
    published: { parameters: 18e6, source: MIXER, difference: 'the paper leaves the classifier out' },
  },
  mixer_b16_224: {
    config: mixer(768, 12),
    parameters: 59_880_472,
    input: MIXER_INPUT,
    published: { parameters: 59e6, source: MIXER, difference: 'the paper leaves the classifier out' },
  },
  'container-pam': {
    config: { ...SMALL, mixer: { ...attention(6), static: 'dense', positions: 197 } satisfies SelfAttentionConfig },
    parameters: 24_844_912,
    input: DEIT_INPUT,
  },
  'deit-small-depthwise': { config: fixed({ window: 3 }), parameters: 18_547_816, input: DEIT_INPUT },
  'deit-small-mh-dw': { config: fixed({ window: 3, staticHeads: 6 }), parameters: 18_506_992, input: DEIT_INPUT },
  'deit-small-mlp': {
    config: fixed({ static: 'dense', staticHeads: 1, positions: [14, 14] }),
    parameters: 18_962_728,
    input: DEIT_INPUT,
  },
  'deit-small-mh-mlp': {
    config: fixed({ static: 'dense', staticHeads: 6, positions: [14, 14] }),
    parameters: 21_267_688,
    input: DEIT_INPUT,
  },
};

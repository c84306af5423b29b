import * as z from 'zod';
import { containerBlock } from '../model/blocks/container-block.ts';
import { type ContainerMixConfig, containerMix } from '../model/blocks/container-mix.ts';
import { patchEmbed } from '../model/blocks/patch-embed.ts';
import { attend, selfAttention } from '../model/blocks/self-attention.ts';
import { tokenBlock } from '../model/blocks/token-block.ts';
import { convMlp } from '../model/layers/mlp.ts';
import { createModel } from '../model/networks/table.ts';
import type { Network } from '../model/scope.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';
import type { ReadNetwork } from './read-network.ts';

z.config({ jitless: true }); // asks for no `eval`

const width = z.number().int().positive();
const blockSchema = z.object({ dim: width, num_heads: width.default(8), mlp_ratio: z.number().positive().default(4) });

/** A block around CONTAINER's mixture. */
function block(affinity: NonNullable<ContainerMixConfig['affinity']>): (c: ArrayCase) => Network {
  return (c) => {
    const { num_heads: heads, mlp_ratio: mlpRatio } = readConfig(c, blockSchema);
    const mixer = (s: Parameters<Network>[0], v: Parameters<typeof containerMix>[1]) =>
      containerMix(s, v, { kind: 'container-mix', affinity, heads });
    return (s, { x }) => ({ y: containerBlock(s, x!, { mixer, mlpRatio }) });
  };
}

/** The parts of the authors' networks, by `config.model`. */
export const CONTAINER_MODULES: Readonly<Record<string, (c: ArrayCase) => Network>> = {
  'container.PatchEmbed': (c) => {
    const config = readConfig(c, z.object({ patch_size: width, embed_dim: width }));
    return (s, { x }) => ({ y: patchEmbed(s, x!, { channels: config.embed_dim, patch: config.patch_size }) });
  },
  'container.CMlp': (c) => {
    const { hidden } = readConfig(c, z.object({ hidden: width }));
    return (s, { x }) => ({ y: convMlp(s, x!, { hidden }) });
  },
  'container.CBlock': block('static'),
  'container.MixBlock': block('both'),
  'container.Block': (c) => {
    const { dim, num_heads: heads, mlp_ratio: ratio } = readConfig(c, blockSchema);
    // the class's own defaults: no bias in `qkv` unless asked, layer norms with PyTorch's ε
    const qkvBias = c.state.some(({ name }) => name === 'attn.qkv.bias');
    const layout = 'channels-last';
    return (s, { x }) => ({
      y: tokenBlock(s, x!, {
        mixer: (place, v) => selfAttention(place, v, { kind: 'self-attention', heads, qkvBias, layout }),
        hidden: Math.floor(dim * ratio),
        epsilon: 1e-5,
      }),
    });
  },
  'container.Attention_pure': (c) => {
    const { num_heads: heads } = readConfig(c, blockSchema);
    return (s, { x }) => ({ y: attend(s, x!, { heads, layout: 'channels-last' }) });
  },
};

const networkSchema = z.object({
  embed_dim: z.array(width).min(1),
  depth: z.array(width).min(1),
  mlp_ratio: z.array(z.number().positive()).min(1),
  patch_size: z.array(width).optional(),
  num_heads: width,
  num_classes: width.default(1000),
  mix_stages: z.array(width).default([4]),
});

/** The authors' network, or their classes in other numbers: `MixBlock` in `mix_stages`, `CBlock` in all others. */
export const containerCase: ReadNetwork = (c, features) => {
  const config = readConfig(c, networkSchema);
  const mixer = (stage: number): ContainerMixConfig => ({
    kind: 'container-mix',
    affinity: config.mix_stages.includes(stage) ? 'both' : 'static',
    heads: config.num_heads,
  });
  const options = {
    widths: config.embed_dim,
    blocks: config.depth,
    mlpRatios: config.mlp_ratio,
    patches: config.patch_size ?? config.embed_dim.map((_, k) => (k === 0 ? 4 : 2)),
    mixers: config.embed_dim.map((_, k) => mixer(k + 1)),
    classes: config.num_classes,
  };
  return createModel('container', options, features).network;
};

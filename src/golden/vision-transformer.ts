import * as z from 'zod';
import type { SelfAttentionConfig } from '../model/blocks/self-attention.ts';
import { createModel } from '../model/networks/table.ts';
import type { Network } from '../model/scope.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';
import { networkInputs } from './forward.ts';
import type { ReadNetwork } from './read-network.ts';

z.config({ jitless: true }); // asks for no `eval`

const width = z.number().int().positive();
const schema = z.object({
  model: z.string(),
  embed_dim: width,
  depth: width,
  num_heads: width,
  num_classes: width.default(1000),
  mlp_ratio: z.number().positive().default(4),
  img_size: z.union([width, z.array(width).length(2)]).optional(),
});

/** timm's DeiT, `deit_SIZE_patchP_S`; its features are `patch_embed` and `blockN`. */
export const deitCase: ReadNetwork = (c, features) => {
  const config = readConfig(c, schema);
  const [, patch = '16', side = '224'] = /_patch(\d+)_(\d+)/.exec(config.model) ?? [];
  const options = {
    imgSize: config.img_size ?? pictures(c, { patch: Number(patch), side: Number(side) }),
    patch: Number(patch),
    width: config.embed_dim,
    depth: config.depth,
    mlpRatio: config.mlp_ratio,
    mixer: { kind: 'self-attention', heads: config.num_heads } satisfies SelfAttentionConfig,
    classes: config.num_classes,
  };
  const ours = (name: string): string => name.replace(/^block(\d+)$/, 'blocks.$1');
  const { network } = createModel('deit_small_patch16_224', options, features.map(ours));
  const renamed: Network = (s, inputs) => {
    const outputs = network(s, inputs);
    return {
      ...outputs,
      ...Object.fromEntries(features.flatMap((f) => (outputs[ours(f)] ? [[f, outputs[ours(f)]!]] : []))),
    };
  };
  return renamed;
};

/** The pictures that a case's table of positions is made for: its input where the table has as many rows, else `side`. */
function pictures(c: ArrayCase, { patch, side }: { readonly patch: number; readonly side: number }): number | number[] {
  const [height, width] = networkInputs(c).x.shape.slice(2) as [number, number];
  const rows = c.state.find(({ name }) => name === 'pos_embed')?.shape[1];
  const fits = rows === 1 + Math.floor(height / patch) * Math.floor(width / patch);
  return fits ? [height, width] : side;
}

import * as z from 'zod';
import { Fault } from '../core/fault.ts';
import type { BlockSpec } from '../model/blocks/block.ts';
import type { ContextPlacement } from '../model/networks/placement.ts';
import type { ResnetConfig } from '../model/networks/resnet-config.ts';
import { createModel, NETWORKS } from '../model/networks/table.ts';
import { notSupported } from './attempt.ts';
import { readBlock } from './blocks.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';
import type { NamedCase, ReadNetwork } from './read-network.ts';

z.config({ jitless: true }); // asks for no `eval`

/** torchvision's and timm's residual networks, with mmcv's non-local and GCNet's context blocks where a case puts them. */
export function resnetCase(c: ArrayCase, { name, classes, features }: NamedCase): ReturnType<ReadNetwork> {
  const config = createModel(name).config as ResnetConfig;
  const more = [nonLocalBlocks(c, config), contextBlocks(c)];
  const missing = more.find((m) => typeof m === 'string');
  if (missing !== undefined) return notSupported(missing);
  const context = [...config.context, ...(more as ContextPlacement[][]).flat()];
  return createModel(name, { classes, context }, features).network;
}

const nonLocalSchema = z.object({
  non_local: z.looseObject({ blocks: z.array(z.string()), mode: z.string() }).optional(),
});

/** mmcv's blocks at `config.non_local.blocks`, each as the child `non_local_block` of the block it follows. */
function nonLocalBlocks(c: ArrayCase, config: ResnetConfig): ContextPlacement[] | string {
  const { non_local: options } = readConfig(c, nonLocalSchema);
  if (!options) return [];
  const placements: ContextPlacement[] = [];
  for (const path of options.blocks) {
    const place = /^layer(\d+)\.(\d+)$/.exec(path);
    if (!place) {
      throw new Fault('data', `${c.name}: config.non_local.blocks: expected layerN.i, got ${JSON.stringify(path)}.`);
    }
    const [stage, block] = [Number(place[1]), Number(place[2])];
    const channels = config.width * 2 ** (stage - 1) * (config.block === 'bottleneck' ? 4 : 1);
    const json = { ...options, in_channels: channels, nonlocal_mode: options.mode };
    const context = readBlock(c, 'mmcv.NonLocal2d', json);
    if (typeof context === 'string') return context;
    placements.push({ context, position: 'after-block', stages: [stage], blocks: [block], name: 'non_local_block' });
  }
  return placements;
}

const stages = z.looseObject({ stages: z.array(z.number().int().positive()).optional() });
const contextSchema = z.object({ context_block: stages.optional() });

/** GCNet's blocks as the child `gc` after the last block of each stage in `config.context_block.stages`. */
function contextBlocks(c: ArrayCase): ContextPlacement[] | string {
  const { context_block: options } = readConfig(c, contextSchema);
  if (!options) return [];
  const context = gcnetContext(c, options);
  if (typeof context === 'string') return context;
  return [{ context, position: 'after-stage', name: 'gc', ...(options.stages && { stages: options.stages }) }];
}

function gcnetContext(c: ArrayCase, json: Readonly<Record<string, unknown>>): BlockSpec | string {
  return readBlock(c, 'gcnet.ContextBlock', json);
}

const gcnetSchema = z.object({
  depth: z.number().int(),
  gcb: z.looseObject({}).nullish(),
  stage_with_gcb: z.array(z.boolean()).length(4).default([false, false, false, false]),
});

/** GCNet's ResNet: no classifier; every bottleneck of the chosen stages has a `context_block` before its addition. */
export function gcnetCase(c: ArrayCase, features: readonly string[]): ReturnType<ReadNetwork> {
  const { depth, gcb, stage_with_gcb: flags } = readConfig(c, gcnetSchema);
  const name = `resnet${depth}`;
  if (!Object.hasOwn(NETWORKS, name)) return notSupported(`GCNet's ResNet of depth ${depth}`);
  const chosen = flags.flatMap((on, i) => (on ? [i + 1] : []));
  const config = createModel(name).config as ResnetConfig;
  const position = config.block === 'basic' ? 'after-conv2' : 'after-conv3';
  const block = gcb ? gcnetContext(c, gcb) : null;
  if (typeof block === 'string') return notSupported(block);
  const context =
    block && chosen.length > 0 ? [{ context: block, position, stages: chosen, name: 'context_block' }] : [];
  return createModel(name, { classes: 0, context }, features).network;
}

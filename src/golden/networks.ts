import * as z from 'zod';
import { Fault } from '../core/fault.ts';
import type { ContextPlacement } from '../model/networks/placement.ts';
import type { ResnetConfig } from '../model/networks/resnet-config.ts';
import { createModel, NETWORKS } from '../model/networks/table.ts';
import type { Network } from '../model/scope.ts';
import { type Attempt, notSupported } from './attempt.ts';
import { contextOptions, gcnetContext, mmcvNonLocal, nonLocalOptions } from './block-options.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';

z.config({ jitless: true }); // asks for no `eval`

const schema = z.object({ model: z.string(), num_classes: z.number().int().positive().default(1000) });

/** The network that a case's `config` names, or why not; `features` are the intermediates to give as outputs too. */
export function networkOf(c: ArrayCase, features: readonly string[]): Network | (Attempt & { kind: 'unsupported' }) {
  const { model, num_classes: classes } = readConfig(c, schema);
  if (model === 'ResNet') return gcnet(c, features);
  if (!Object.hasOwn(NETWORKS, model)) return notSupported(`the network "${model}"`);
  if (c.config.layers !== undefined) return notSupported(`${model} with other numbers of blocks`);
  const { config } = createModel(model);
  if (config.kind !== 'resnet') return createModel(model, { classes }, features).network;
  const context = [...config.context, ...nonLocalBlocks(c, config), ...contextBlocks(c)];
  return createModel(model, { classes, context }, features).network;
}

const nonLocalSchema = z.object({
  non_local: z.intersection(nonLocalOptions, z.object({ blocks: z.array(z.string()) })).optional(),
});

/** mmcv's blocks at `config.non_local.blocks`, each as the child `non_local_block` of the block it follows. */
function nonLocalBlocks(c: ArrayCase, config: ResnetConfig): ContextPlacement[] {
  const { non_local: options } = readConfig(c, nonLocalSchema);
  if (!options) return [];
  return options.blocks.map((path): ContextPlacement => {
    const place = /^layer(\d+)\.(\d+)$/.exec(path);
    if (!place) {
      throw new Fault('data', `${c.name}: config.non_local.blocks: expected layerN.i, got ${JSON.stringify(path)}.`);
    }
    const [stage, block] = [Number(place[1]), Number(place[2])];
    const channels = config.width * 2 ** (stage - 1) * (config.block === 'bottleneck' ? 4 : 1);
    const context = mmcvNonLocal(options, channels);
    return { context, position: 'after-block', stages: [stage], blocks: [block], name: 'non_local_block' };
  });
}

const stages = z.object({ stages: z.array(z.number().int().positive()).optional() });
const contextSchema = z.object({ context_block: z.intersection(contextOptions, stages).optional() });

/** GCNet's blocks as the child `gc` after the last block of each stage in `config.context_block.stages`. */
function contextBlocks(c: ArrayCase): ContextPlacement[] {
  const { context_block: options } = readConfig(c, contextSchema);
  if (!options) return [];
  const where = options.stages && { stages: options.stages };
  return [{ context: gcnetContext(options), position: 'after-stage', name: 'gc', ...where }];
}

const gcnetSchema = z.object({
  depth: z.number().int(),
  gcb: contextOptions.nullish(),
  stage_with_gcb: z.array(z.boolean()).length(4).default([false, false, false, false]),
});

/** GCNet's ResNet: no classifier; every bottleneck of the chosen stages has a `context_block` before its addition. */
function gcnet(c: ArrayCase, features: readonly string[]): ReturnType<typeof networkOf> {
  const { depth, gcb, stage_with_gcb: flags } = readConfig(c, gcnetSchema);
  const name = `resnet${depth}`;
  if (!Object.hasOwn(NETWORKS, name)) return notSupported(`GCNet's ResNet of depth ${depth}`);
  const chosen = flags.flatMap((on, i) => (on ? [i + 1] : []));
  const { config } = createModel(name);
  const position = config.kind === 'resnet' && config.block === 'basic' ? 'after-conv2' : 'after-conv3';
  const placement = gcb && { context: gcnetContext(gcb), position, stages: chosen, name: 'context_block' };
  const context = placement && chosen.length > 0 ? [placement] : [];
  return createModel(name, { classes: 0, context }, features).network;
}

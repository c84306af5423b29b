import { Fault } from '../../core/fault.ts';
import type { Value } from '../../graph/value.ts';
import { containerBlock } from '../blocks/container-block.ts';
import { type ContextSpec, contextBlock } from '../blocks/context.ts';
import { patchEmbed } from '../blocks/patch-embed.ts';
import { blockOf } from '../blocks/table.ts';
import { type Init, ZEROS } from '../init.ts';
import { dropPathRates } from '../layers/drop.ts';
import { linear } from '../layers/linear.ts';
import { batchNorm } from '../layers/norm.ts';
import { globalAveragePool } from '../layers/pool.ts';
import type { Scope } from '../scope.ts';
import type { ContainerConfig } from './container-config.ts';
import { checkPictures, intermediates } from './intermediates.ts';

/** First weights of the classifier, as released; every convolution keeps PyTorch's own. */
const HEAD: Init = { kind: 'truncated-normal', std: 0.02 };

/**
 * CONTAINER: four stages of patch embedding and blocks, whose mixers are whatever `config.mixers` says.
 *
 *     x_k = LN(patches of x_k−1);    blocks: u = x + pos(x),  v = u + mixer(BN(u)),  y = v + MLP(BN(v))
 *     logits = W mean(BN(x_4)) + b
 *
 * Gao et al., "Container: Context Aggregation Network", NeurIPS 2021, arXiv:2106.01401; the released network is
 * CONTAINER-LIGHT alone.
 * Departs from the released code: pictures of any size (it asserts 224); a side that a patch does not divide loses its
 * last rows or columns.
 *
 * x [N, inChannels, H, W] → `logits` [N, classes], or the stage outputs `c2`, `c3`, .. without a classifier; and every
 * intermediate that `features` names: `patch_embedK`, `blocksK` or `c(K+1)`, and `blocksK.i` for block i, from 0.
 */
export function container(
  s: Scope,
  x: Value,
  config: ContainerConfig,
  features: readonly string[] = [],
): Record<string, Value> {
  checkPictures(x, config.inChannels);
  checkConfig(config);
  const { blocks, classes } = config;
  const others = blocks.map((_, k) => `patch_embed${k + 1}`);
  const given = intermediates({ layers: blocks, classes, pathOf: (k) => `blocks${k + 1}`, others }, features);
  const rates = dropPathRates(config.dropPath, blocks);
  let y = x;
  blocks.forEach((count, k) => {
    if (given.complete) return;
    y = patchEmbed(s.at(`patch_embed${k + 1}`), y, { channels: config.widths[k]!, patch: config.patches[k]! });
    given.other(`patch_embed${k + 1}`, y);
    const stage = s.at(`blocks${k + 1}`);
    const spec = config.mixers[k] ?? config.mixers[0]!;
    for (let i = 0; i < count; i++) {
      y = containerBlock(stage.at(i), y, {
        mixer: (place, v) => mixed(place, v, spec),
        mlpRatio: config.mlpRatios[k]!,
        position: config.position === 'depthwise',
        dropPath: rates[k]![i]!,
      });
      given.block(k, i, y);
    }
    given.stage(k, y);
  });
  if (classes === 0) return given.outputs;
  const pooled = s.within(() => globalAveragePool(batchNorm(s.at('norm'), y))); // [N, C]
  const logits = linear(s.at('head'), pooled, { features: classes, init: HEAD, biasInit: ZEROS });
  return { logits, ...given.outputs };
}

/** A mixer in its child; CONTAINER's own mixture owns its tensors in the block itself, as released. */
function mixed(s: Scope, x: Value, spec: ContextSpec): Value {
  const inPlace = spec.kind === 'container-mix';
  const place = inPlace ? s : s.at(blockOf(spec.kind, `${s.path}.mixer`).child.block);
  const y = place.within(() => contextBlock(place, x, spec));
  const same = y.shape.every((d, i) => d === x.shape[i] || typeof d !== 'number');
  if (same) return y;
  throw new Fault('config', `${place.path}: expected a mixer that keeps the shape, got "${spec.kind}" with a stride.`);
}

function checkConfig({ blocks, widths, mlpRatios, patches, mixers }: ContainerConfig): void {
  const stages = blocks.length;
  for (const [name, list] of Object.entries({ widths, mlpRatios, patches })) {
    if (list.length === stages) continue;
    const message = `${name}: expected an entry for each of the ${stages} stages that blocks has, got ${list.length}.`;
    throw new Fault('config', message);
  }
  if (mixers.length === stages || mixers.length === 1) return;
  throw new Fault('config', `mixers: expected one, or one for each of ${stages} stages, got ${mixers.length}.`);
}

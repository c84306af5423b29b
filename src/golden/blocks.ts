import * as z from 'zod';
import { type ContextSpec, contextBlock } from '../model/blocks/context.ts';
import type { Network } from '../model/scope.ts';
import { type Attempt, type GoldenEnvironment, notSupported } from './attempt.ts';
import { contextOptions, gcnetContext, mmcvNonLocal, nonLocalOptions } from './block-options.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';
import { runForward } from './forward.ts';

z.config({ jitless: true }); // asks for no `eval`

const width = z.number().int().positive();

/** One block on its input, with its gradients. */
export async function runBlock(c: ArrayCase, env: GoldenEnvironment): Promise<Attempt> {
  const { model } = readConfig(c, z.object({ model: z.string() }));
  const read = BLOCKS.get(model);
  if (!read) return notSupported(`the block "${model}"`);
  const spec = read(c);
  if (typeof spec === 'string') return notSupported(spec);
  const network: Network = (s, { x }) => ({ y: contextBlock(s, x!, spec) });
  return runForward(c, env, network, 'y');
}

/** A block of ours from a case's `config`; text says what of it is not built. */
type ReadBlock = (c: ArrayCase) => ContextSpec | string;

/** Blocks of the references by `config.model`. */
const BLOCKS: ReadonlyMap<string, ReadBlock> = new Map([
  ['mmcv.NonLocal1d', nonLocal],
  ['mmcv.NonLocal2d', nonLocal],
  ['mmcv.NonLocal3d', nonLocal],
  ['gcnet.NonLocal2D', gcnetNonLocal],
  ['gcnet.ContextBlock', (c) => gcnetContext(readConfig(c, contextOptions))],
  ['simplified_nonlocal', () => ({ kind: 'simplified-non-local' })],
  ['torchvision.SqueezeExcitation', torchvisionSqueeze],
  ['timm.SEModule', timmSqueeze],
  ['timm.GlobalContext', timmContext],
  ['timm.NonLocalAttn', timmNonLocal],
]);

/** In block cases `mode` is that of the norms, and the mode of comparison has a key of its own. */
const nonLocalCase = z.looseObject({ in_channels: width, nonlocal_mode: z.string() });

function nonLocal(c: ArrayCase): (ContextSpec & { readonly kind: 'non-local' }) | string {
  const { in_channels, nonlocal_mode, ...rest } = readConfig(c, nonLocalCase);
  const options = nonLocalOptions.safeParse({ ...rest, mode: nonlocal_mode });
  return options.success ? mmcvNonLocal(options.data, in_channels) : `a non-local block of mode "${nonlocal_mode}"`;
}

/** GCNet's plugin multiplies by the square root of the inner width where mmcv divides. */
function gcnetNonLocal(c: ArrayCase): ContextSpec | string {
  const spec = nonLocal(c);
  return typeof spec === 'string' || spec.scale !== 'D^-1/2' ? spec : { ...spec, scale: 'D^1/2' };
}

const torchvisionSchema = z.object({
  squeeze: width,
  activation: z.string().default('relu'),
  gate: z.string().default('sigmoid'),
});

function torchvisionSqueeze(c: ArrayCase): ContextSpec | string {
  const { squeeze, activation, gate } = readConfig(c, torchvisionSchema);
  if (activation !== 'relu' || gate !== 'sigmoid') return `squeeze-excitation with ${activation} and ${gate}`;
  return { kind: 'squeeze-excitation', squeezeChannels: squeeze };
}

const timmSqueezeSchema = z.object({
  rd_channels: width.optional(),
  rd_ratio: z.number().positive().optional(),
  rd_divisor: width.optional(),
});

function timmSqueeze(c: ArrayCase): ContextSpec {
  const { rd_channels, rd_ratio, rd_divisor } = readConfig(c, timmSqueezeSchema);
  return {
    kind: 'squeeze-excitation',
    ...(rd_channels !== undefined && { squeezeChannels: rd_channels }),
    ...(rd_ratio !== undefined && { ratio: rd_ratio }),
    ...(rd_divisor !== undefined && { divisor: rd_divisor }),
  };
}

const timmContextSchema = z.object({
  rd_channels: width,
  use_attn: z.boolean().default(true),
  fuse_add: z.boolean().default(false),
  fuse_scale: z.boolean().default(true),
});

function timmContext(c: ArrayCase): ContextSpec {
  const { rd_channels, use_attn, fuse_add, fuse_scale } = readConfig(c, timmContextSchema);
  return {
    kind: 'global-context',
    hiddenChannels: rd_channels,
    pooling: use_attn ? 'attention' : 'average',
    fusions: [...(fuse_add ? ['add' as const] : []), ...(fuse_scale ? ['multiply' as const] : [])],
    names: 'timm',
  };
}

function timmNonLocal(c: ArrayCase): ContextSpec {
  const { rd_channels } = readConfig(c, z.object({ rd_channels: width }));
  return { kind: 'non-local', innerChannels: rd_channels, scale: 'C^-1/2', norm: 'batch', names: 'timm' };
}

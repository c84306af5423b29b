import type * as z from 'zod';
import { Fault } from '../../core/fault.ts';
import { didYouMean } from '../../core/suggest.ts';
import { byValue } from '../read-options.ts';
import type { AnyBlockSpec, Block, BlockSpec } from './block.ts';
import { CONTAINER_MIX } from './container-mix.ts';
import { CONTEXTUAL_TRANSFORMER } from './contextual-transformer.ts';
import { CONVOLUTION } from './convolution.ts';
import { DEPTHWISE } from './depthwise.ts';
import { GLOBAL_CONTEXT } from './global-context.ts';
import { LOCAL_RELATION } from './local-relation.ts';
import { LOCAL_SELF_ATTENTION } from './local-self-attention.ts';
import { MLP_MIXER } from './mlp-mixer.ts';
import { NON_LOCAL_MEANS } from './non-local-means.ts';
import { NON_LOCAL } from './non-local-record.ts';
import { SELF_ATTENTION } from './self-attention.ts';
import { SIMPLIFIED_NON_LOCAL } from './simplified-non-local.ts';
import { SPLIT_ATTENTION } from './split-attention.ts';
import { SQUEEZE_EXCITATION } from './squeeze-excitation.ts';

/** Every block of the package; a line each is all that a block needs beside its file. */
export const BLOCKS: readonly Block[] = [
  NON_LOCAL,
  SIMPLIFIED_NON_LOCAL,
  SQUEEZE_EXCITATION,
  GLOBAL_CONTEXT,
  CONTEXTUAL_TRANSFORMER,
  SPLIT_ATTENTION,
  LOCAL_SELF_ATTENTION,
  LOCAL_RELATION,
  CONVOLUTION,
  DEPTHWISE,
  NON_LOCAL_MEANS,
  SELF_ATTENTION,
  CONTAINER_MIX,
  MLP_MIXER,
];

const added: Block[] = [];

/** Every block there is: the package's, and those that {@link addBlocks} brought. */
export function allBlocks(): readonly Block[] {
  return [...BLOCKS, ...added];
}

/** Adds blocks for the rest of this process; one whose kind there is already is refused unless it is the same record. */
export function addBlocks(blocks: readonly Block[]): void {
  for (const block of blocks) {
    const before = findBlock(block.kind);
    if (before === block) continue;
    if (before) {
      throw new Fault('config', `blocks: expected a kind of its own, got "${block.kind}", which is ${before.title}.`);
    }
    added.push(block);
  }
}

/** The block of a kind, or nothing. */
export function findBlock(kind: unknown): Block | undefined {
  return BLOCKS.find((b) => b.kind === kind) ?? added.find((b) => b.kind === kind);
}

/** The block of a kind; a fault that names the nearest where there is none. */
export function blockOf(kind: string, where: string): Block {
  const block = findBlock(kind);
  if (block) return block;
  const kinds = allBlocks().map((b) => b.kind);
  const own = 'A block of your own is brought by --blocks FILE.';
  const message = `${where}: expected a known block, got "${kind}". ${didYouMean(kind, kinds)} ${own}`;
  throw new Fault('config', message);
}

/** Checks the options of any block by its own schema. */
export const blockSpec: z.ZodType<BlockSpec | AnyBlockSpec> = byValue(
  (value) => findBlock((value as { readonly kind?: unknown } | null | undefined)?.kind)?.options,
  () => {
    const kinds = allBlocks().map((b) => `"${b.kind}"`);
    return { path: ['kind'], message: `expected one of ${kinds.join(', ')} (or a block brought by --blocks FILE)` };
  },
);

import * as z from 'zod';
import { Fault } from '../core/fault.ts';
import type { BlockSpec } from '../model/blocks/block.ts';
import { contextBlock } from '../model/blocks/context.ts';
import { allBlocks } from '../model/blocks/table.ts';
import type { Network } from '../model/scope.ts';
import { type Attempt, type GoldenEnvironment, notSupported } from './attempt.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';
import { CONTAINER_MODULES } from './container.ts';
import { COT_MODULES } from './cotnet.ts';
import { runForward } from './forward.ts';

z.config({ jitless: true }); // asks for no `eval`

/** One block on its input, with its gradients. */
export async function runBlock(c: ArrayCase, env: GoldenEnvironment): Promise<Attempt> {
  const { model } = readConfig(c, z.object({ model: z.string() }));
  const module = Object.hasOwn(MODULES, model) ? MODULES[model] : undefined;
  if (module) return runForward(c, env, module(c), 'y');
  const spec = readBlock(c, model, c.config);
  if (typeof spec === 'string') return notSupported(spec);
  const network: Network = (s, { x }) => ({ y: contextBlock(s, x!, spec) });
  return runForward(c, env, network, 'y');
}

/** Parts of networks that are no blocks, by `config.model`: they give `y`. */
const MODULES: Readonly<Record<string, (c: ArrayCase) => Network>> = { ...CONTAINER_MODULES, ...COT_MODULES };

/** A reference's block as options of ours, by the records of blocks; text says what of it is not built. */
export function readBlock(c: ArrayCase, model: string, config: Readonly<Record<string, unknown>>): BlockSpec | string {
  for (const { references = {} } of allBlocks()) {
    const read = Object.hasOwn(references, model) ? references[model] : undefined;
    if (!read) continue;
    try {
      return read(config);
    } catch (error) {
      if (error instanceof Fault) throw new Fault(error.code, `${c.name}: ${error.message}`, { cause: error });
      throw error;
    }
  }
  return `the block "${model}"`;
}

import { z } from 'zod';
import { createModel, NETWORKS } from '../model/networks/table.ts';
import type { Network } from '../model/scope.ts';
import { notSupported } from './attempt.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';

type Unsupported = ReturnType<typeof notSupported>;

const base = z.object({ model: z.string(), num_classes: z.number().int().positive().default(1000) });

/** Keys of `config` that change the network; one that is not read here must not be passed over. */
const PARTS = ['non_local', 'context_block', 'gcb', 'layers'] as const;

/** The network that a case's `config` names; `features` are the intermediates to give as outputs too. */
export function networkOf(c: ArrayCase, features: readonly string[]): Network | Unsupported {
  const { model, num_classes: classes } = readConfig(c, base);
  if (!(model in NETWORKS)) return notSupported(`the network "${model}"`);
  const extra = PARTS.find((key) => c.config[key] !== undefined);
  if (extra) return notSupported(`${model} with ${extra}`);
  return createModel(model, { classes }, features).network;
}

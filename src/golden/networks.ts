import * as z from 'zod';
import type { FamilyName } from '../model/networks/families.ts';
import { createModel, NETWORKS } from '../model/networks/table.ts';
import { notSupported } from './attempt.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';
import { containerCase } from './container.ts';
import { cotnetCase, seCotnetdCase } from './cotnet.ts';
import type { NamedCase, ReadNamed, ReadNetwork } from './read-network.ts';
import { gcnetCase, resnetCase } from './resnet.ts';
import { deitCase } from './vision-transformer.ts';

z.config({ jitless: true }); // asks for no `eval`

const schema = z.object({ model: z.string(), num_classes: z.number().int().positive().default(1000) });

/** Readers of networks that are not in our table under the case's `config.model`; the first that fits counts. */
const READERS: readonly (readonly [model: RegExp, read: ReadNetwork])[] = [
  [/^ResNet$/, gcnetCase],
  [/^container(_v1_light)?$/, containerCase],
  [/^deit_/, deitCase],
  [/^cotnet$/, cotnetCase],
  [/^se_cotnetd$/, seCotnetdCase],
];

/** Readers of named networks, by their family. */
const FAMILY_READERS: { readonly [K in FamilyName]: ReadNamed } = {
  resnet: resnetCase,
  byobnet: plainCase,
  container: plainCase,
  'vision-transformer': plainCase,
};

/** The network that a case's `config` names, or why not; `features` are the intermediates to give as outputs too. */
export function networkOf(c: ArrayCase, features: readonly string[]): ReturnType<ReadNetwork> {
  const { model, num_classes: classes } = readConfig(c, schema);
  const reader = READERS.find(([pattern]) => pattern.test(model));
  if (reader) return reader[1](c, features);
  if (!Object.hasOwn(NETWORKS, model)) return notSupported(`the network "${model}"`);
  if (c.config.layers !== undefined) return notSupported(`${model} with other numbers of blocks`);
  const { config } = createModel(model);
  return FAMILY_READERS[config.kind](c, { name: model, classes, features });
}

function plainCase(_: ArrayCase, { name, classes, features }: NamedCase): ReturnType<ReadNetwork> {
  return createModel(name, { classes }, features).network;
}

import * as z from 'zod';
import { hybrid } from '../model/networks/cotnet-table.ts';
import { operatorAt } from '../model/networks/operators.ts';
import { residualBlock } from '../model/networks/resnet.ts';
import type { ResnetConfig } from '../model/networks/resnet-config.ts';
import { createModel } from '../model/networks/table.ts';
import type { Network } from '../model/scope.ts';
import type { ArrayCase } from './case.ts';
import { readConfig } from './config.ts';
import type { ReadNetwork } from './read-network.ts';

z.config({ jitless: true }); // asks for no `eval`

const count = z.number().int().positive();
const network = z.object({ layers: z.array(count).length(4), num_classes: count.default(1000) });

/** The authors' CoTNet with other numbers of blocks. */
export const cotnetCase: ReadNetwork = (c, features) => {
  const { layers, num_classes: classes } = readConfig(c, network);
  return createModel('cotnet50', { layers, classes }, features).network;
};

/** The authors' hybrid with the options of SE-CoTNetD-50 and other numbers of blocks. */
export const seCotnetdCase: ReadNetwork = (c, features) => {
  const { layers, num_classes: classes, stem_width } = readConfig(c, network.extend({ stem_width: count.default(32) }));
  const changes = hybrid(layers[2]!, 2 * stem_width);
  return createModel('se_cotnetd_50', { ...changes, layers, classes }, features).network;
};

const bottleneckCase = z.object({ inplanes: count, planes: count, stride: count.default(1) });

/** The authors' bottleneck alone; its shortcut is a convolution where the shape changes, as `downsample` says in words. */
function bottleneck(c: ArrayCase): Network {
  const { planes, stride } = readConfig(c, bottleneckCase);
  const config = createModel('cotnet50').config as ResnetConfig;
  const plan = { config, planes, stride, operator: operatorAt(config, 1, 0), dropPath: 0 };
  return (s, { x }) => ({ y: residualBlock(s, x!, { ...plan, context: (_, v) => v }) });
}

/** Parts of the authors' code that are no blocks of ours. */
export const COT_MODULES: Readonly<Record<string, (c: ArrayCase) => Network>> = { 'cot.Bottleneck': bottleneck };

import { Command } from 'commander';
import { type CommonFlags, say, sayJson, table } from './terminal.ts';
import { number } from './train-options.ts';

interface ModelsFlags extends CommonFlags {
  readonly size?: number;
}

const HELP = `
Multiply-adds are for one picture of the size that the network is made for.

Examples:
  farsight models
  farsight models "resnet50*" --size 256
  farsight models --json`;

/** `farsight models`. */
export function modelsCommand(): Command {
  return new Command('models')
    .description('list the networks that have a name')
    .argument('[pattern]', 'names to list; * stands for anything')
    .option('--size <pixels>', 'side of the pictures that multiply-adds are counted for', number)
    .option('--json', 'one JSON object a network instead of text')
    .option('--debug', 'show where an error arose')
    .addHelpText('after', HELP)
    .action(runModels);
}

async function runModels(pattern: string | undefined, flags: ModelsFlags): Promise<void> {
  const door = await import('../node.ts');
  const names = door.networkNames(pattern);
  const rows: string[][] = [];
  for (const name of names) {
    const facts = door.describeNetwork(name, flags.size);
    if (flags.json) sayJson(facts);
    const { parameters, published, macs, size } = facts;
    rows.push([
      name,
      door.formatCount(parameters),
      published === parameters ? 'as published' : `published ${door.formatCount(published)}`,
      door.formatShort(macs),
      `${size} x ${size}`,
    ]);
  }
  if (flags.json) return;
  const head = ['network', 'parameters', '', 'multiply-adds', 'picture'];
  for (const line of table([head, ...rows], [1, 3])) say(line);
}

import { Command, InvalidArgumentError, Option } from 'commander';
import type { Capability, NetworkFacts } from '../node.ts';
import { type CommonFlags, say, sayJson, table } from './terminal.ts';
import { collect, number } from './train-options.ts';

interface ModelsFlags extends CommonFlags {
  readonly size?: number;
  readonly family?: string;
  readonly with: readonly string[];
  /** Files that bring blocks; an empty name asks for the blocks alone. */
  readonly blocks: readonly string[];
}

const HELP = `
Multiply-adds are for one picture of the size that the network is made for. A star marks a figure that is not the
published one; why is said below the table.

--with takes what a network can be asked for (features, any-size, context, operators, taps), weights (published ones are
known), and the kind of a block that it is made of.

Examples:
  farsight models
  farsight models "resnet50*" --size 256
  farsight models --family resnet --with non-local
  farsight models --with any-size --with operators --json
  farsight models --blocks                 the blocks that networks are made of
  farsight models --blocks my-block.mjs    with a block of your own`;

/** `farsight models`. */
export function modelsCommand(): Command {
  return new Command('models')
    .description('list the networks that have a name, and the blocks')
    .argument('[pattern]', 'names to list; * stands for anything')
    .option('--family <kind>', 'networks of one kind')
    .option('--with <what>', 'networks that can be asked for this, or hold this block; may be repeated', collect, [])
    .option('--size <pixels>', 'side of the pictures that multiply-adds are counted for', number)
    .addOption(
      new Option('--blocks [file]', 'list the blocks; with a file: bring the blocks that it exports')
        .preset('')
        .argParser(collect)
        .default([]),
    )
    .option('--json', 'one JSON object a network, or a block, instead of text')
    .option('--debug', 'show where an error arose')
    .addHelpText('after', HELP)
    .action(runModels);
}

type Door = typeof import('../node.ts');

async function runModels(pattern: string | undefined, flags: ModelsFlags): Promise<void> {
  const door = await import('../node.ts');
  if (flags.blocks.includes('')) {
    listBlocks(door, flags);
    return;
  }
  const { family, size } = flags;
  const filter = { ...(pattern !== undefined && { pattern }), ...(family !== undefined && { family }) };
  const wanted = flags.with.map((what) => wish(door, what));
  const facts: NetworkFacts[] = [];
  for (const name of door.networkNames(filter)) {
    const fact = door.describeNetwork(name, size);
    if (!wanted.every((holds) => holds(fact))) continue;
    if (flags.json) sayJson({ ...fact, weights: door.weightsOf(name) });
    facts.push(fact);
  }
  if (facts.length === 0) throw new InvalidArgumentError(`--with: no network has ${flags.with.join(' and ')}.`);
  if (flags.json) {
    if (pattern === undefined && wanted.length === 0 && !family)
      for (const b of door.blockNames()) sayJson(door.describeBlock(b));
    return;
  }
  for (const line of networkLines(door, facts)) say(line);
  if (pattern === undefined && wanted.length === 0 && !family) {
    say();
    say(`Blocks (farsight models --blocks tells more): ${door.blockNames().join(', ')}`);
  }
}

/** Whether a network has what `--with` asks for. */
function wish(door: Door, what: string): (facts: NetworkFacts) => boolean {
  if (what === 'weights') return ({ name }) => door.weightsOf(name).length > 0;
  if (Object.hasOwn(door.CAPABILITIES, what)) return ({ can }) => can.includes(what as Capability);
  const known = [...Object.keys(door.CAPABILITIES), 'weights', ...door.blockNames()];
  if (door.blockNames().includes(what)) return ({ blocks }) => blocks.includes(what);
  throw new InvalidArgumentError(`--with: expected a known word, got "${what}". ${door.didYouMean(what, known)}`);
}

function* networkLines(door: Door, facts: readonly NetworkFacts[]): Generator<string> {
  const rows = facts.map(({ name, family, parameters, macs, size, published, can, blocks }) => {
    const mark = (figure: 'parameters' | 'macs'): string => (published?.differs.includes(figure) ? '*' : '');
    return [
      name,
      family,
      door.formatCount(parameters),
      published ? `${door.formatPrinted(published.parameters, 1e6)} M${mark('parameters')}` : '',
      door.formatShort(macs),
      published?.macs === undefined ? '' : `${door.formatPrinted(published.macs, 1e9)} G${mark('macs')}`,
      `${size} x ${size}`,
      can.join(' '),
      blocks.join(' '),
    ];
  });
  const head = [
    'network',
    'family',
    'parameters',
    'published',
    'multiply-adds',
    'published',
    'picture',
    'can',
    'blocks',
  ];
  yield* table([head, ...rows], [2, 3, 4, 5]);
  const different = facts.filter(({ published }) => published && published.differs.length > 0);
  if (different.length > 0) yield '';
  for (const { name, published } of different) {
    yield `* ${name}: ${published!.difference ?? 'not explained'} (${published!.source})`;
  }
}

function listBlocks(door: Door, flags: ModelsFlags): void {
  const facts = door.blockNames().map((kind) => door.describeBlock(kind));
  if (flags.json) {
    for (const fact of facts) sayJson(fact);
    return;
  }
  const rows = facts.map(({ block, title, axes, strides, options, taps, algebra }) => [
    block,
    title,
    axes.map((n) => `${n}-D`).join(' '),
    strides ? 'yes' : '',
    taps.join(' '),
    String(algebra.length),
    options.join(' '),
  ]);
  for (const line of table([['block', 'what it is', 'positions', 'strides', 'taps', 'forms', 'options'], ...rows], [5]))
    say(line);
  say();
  say('farsight explain block:KIND shows how one is computed; docs/algebra.md holds them all in one equation.');
}

import { Command, InvalidArgumentError } from 'commander';
import type { ExplainedUse, ExplainedWay, Explanation } from '../node.ts';
import { withSettings } from './place.ts';
import { type CommonFlags, say, sayJson, table } from './terminal.ts';
import { collect, number } from './train-options.ts';

interface ExplainFlags extends CommonFlags {
  readonly set: readonly string[];
  readonly size?: number;
  readonly batch?: number;
  readonly training?: boolean;
  readonly provider?: string;
}

const HELP = `
MODEL is a network's name, or block:KIND for the small sample of a block; farsight models lists both.
KEY is a place in the configuration: context[0].context.ratio, operators[0].operator.kind, width.
VALUE is JSON, or text. So one option exchanges the affinity of a network:

  farsight explain resnet50 --set operators[0].operator.kind=local-relation

Costs are for one use. "1.7 x the time" is the estimate by which the cheapest was chosen.

Examples:
  farsight explain resnet50-nl
  farsight explain resnet50-gc --size 320 --batch 8 --training
  farsight explain block:non-local --set mode=dot-product --json`;

/** Places where a graph may be asked to run. */
const PROVIDERS = ['cpu', 'cuda', 'wasm', 'webgpu', 'portable'];

/** `farsight explain`. */
export function explainCommand(): Command {
  return new Command('explain')
    .description('show how each affinity of a network is computed, and what the other ways would cost')
    .argument('<model>', 'name of a network, or block:KIND')
    .option('--set <key=value>', 'change an option; may be repeated', collect, [])
    .option('--size <pixels>', 'side of the pictures', number)
    .option('--batch <n>', 'pictures at a time (default 1)', number)
    .option('--training', 'as a training step computes it')
    .option('--provider <name>', `where it runs: ${PROVIDERS.join(', ')} (default cpu)`)
    .option('--json', 'one JSON object instead of text')
    .option('--debug', 'show where an error arose')
    .addHelpText('after', HELP)
    .action(runExplain);
}

async function runExplain(model: string, flags: ExplainFlags): Promise<void> {
  const door = await import('../node.ts');
  const { provider = 'cpu', size, batch, training = false } = flags;
  if (!PROVIDERS.includes(provider)) {
    throw new InvalidArgumentError(`--provider: expected one of ${PROVIDERS.join(', ')}, got "${provider}".`);
  }
  if (batch !== undefined && !(Number.isInteger(batch) && batch > 0)) {
    throw new InvalidArgumentError(`--batch: expected a whole number of at least 1, got ${batch}.`);
  }
  const explanation = door.explainModel({
    ...{ model, training, overrides: withSettings(door.explainedOptions(model), flags.set).changed },
    provider: provider as Explanation['provider'],
    ...(size !== undefined && { size }),
    ...(batch !== undefined && { batch }),
  });
  if (flags.json) sayJson(explanation);
  else for (const line of lines(explanation, door)) say(line);
}

type Door = typeof import('../node.ts');

function* lines(e: Explanation, door: Door): Generator<string> {
  const doing = e.training ? 'a training step' : 'inference';
  yield `${e.model}, ${doing} on ${e.provider}, input ${e.input.join(' x ')}`;
  if (e.uses.length === 0) yield 'It has no affinity: only convolutions, pools and products.';
  for (const use of e.uses) {
    yield '';
    yield* useLines(use, door);
  }
  yield '';
  yield `parameters     ${door.formatCount(e.parameters)}`;
  yield `multiply-adds  ${door.formatShort(e.macs)}${e.training ? ', backward too' : ''}; affinities ${door.formatShort(e.affinityMacs)}${e.training ? ' forward' : ''}`;
  if (e.peakBytes !== null) yield `memory         ${door.formatBytes(e.peakBytes)} at most, weights among them`;
}

function* useLines(
  { paths, affinity, queries, positions, chosen, others }: ExplainedUse,
  door: Door,
): Generator<string> {
  yield paths.length === 1 ? paths[0] || 'graph' : `${paths.length} times: ${shortened(paths)}`;
  yield `  ${affinity}; ${door.formatCount(queries)} ${queries === 1 ? 'query' : 'queries'} of ${door.formatCount(positions)} positions`;
  const row = (mark: string, { lowering, macs, bytes, times }: ExplainedWay): string[] => [
    `  ${mark}`,
    lowering,
    `${door.formatShort(macs ?? 0)} multiply-adds`,
    door.formatBytes(bytes ?? 0),
    mark === '*' ? 'chosen' : `${times!.toPrecision(2)} x the time`,
  ];
  const open = others.filter((o) => o.refused === undefined);
  yield* table([row('*', chosen), ...open.map((o) => row(' ', o))], [2, 3]);
  const reasons = new Set(others.flatMap((o) => o.refused ?? []));
  for (const why of reasons) {
    const names = others.filter((o) => o.refused === why).map((o) => o.lowering);
    yield `     not ${names.join(', ')}: ${why}`;
  }
}

/** Paths, the middle of many left out. */
function shortened(paths: readonly string[]): string {
  return paths.length <= 6 ? paths.join(', ') : `${paths.slice(0, 3).join(', ')}, .., ${paths.slice(-2).join(', ')}`;
}

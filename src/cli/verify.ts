import { Command, InvalidArgumentError } from 'commander';
import colours from 'picocolors';
import type { ModuleParity, Provider, ProviderParity } from '../node.ts';
import { type CommonFlags, say, sayJson, table, workLine } from './terminal.ts';
import { number } from './train-flags.ts';

interface VerifyFlags extends CommonFlags {
  readonly run?: string;
  readonly provider?: readonly Provider[];
  readonly batch: number;
  readonly rows: number;
}

const HELP = `
Compares what each module of the network gives, and the logits of the graph as it is deployed, with our own forward on
the CPU. Of a run its network is traced for each provider; a model.onnx is run as it is and with its modules' outputs
added. Only models that farsight exported say which tensor is which module's.

Examples:
  farsight verify runs/birds
  farsight verify birds-int8.onnx --run runs/birds --provider cpu,wasm`;

const PROVIDERS: readonly string[] = ['cpu', 'wasm', 'webgpu', 'cuda'];

/** `farsight verify`. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('compare every layer on each provider with our own forward')
    .argument('<model>', "a run's folder, its weights.safetensors, or a model.onnx that farsight exported")
    .option('--run <run>', 'the run that the model.onnx was exported from')
    .option(
      '--provider <names>',
      'cpu, wasm, webgpu or cuda, several apart by commas (default: those that work)',
      providers,
    )
    .option('--batch <n>', 'pictures at once', number, 2)
    .option('--rows <n>', 'modules to show of each', number, 10)
    .option('--json', 'one JSON object with every module instead of text')
    .option('--debug', 'show where an error arose')
    .addHelpText('after', HELP)
    .action(runVerify);
}

function providers(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  const strange = names.find((name) => !PROVIDERS.includes(name));
  if (strange === undefined) return names;
  throw new InvalidArgumentError(`Expected some of ${PROVIDERS.join(', ')}, got "${strange}".`);
}

async function runVerify(path: string, flags: VerifyFlags): Promise<void> {
  const door = await import('../node.ts');
  const line = workLine();
  const { run, provider, batch } = flags;
  const request = { path, batch, ...(run !== undefined && { run }), ...(provider && { providers: provider }) };
  const result = await door.verify({ ...request, onProgress: line.show }).finally(line.clear);
  if (!result.passes) process.exitCode = 1;
  if (flags.json) {
    sayJson(result);
    return;
  }
  say(`On ${result.pictures}, compared with ${result.reference}.`);
  for (const report of result.reports) for (const text of lines(report, flags.rows)) say(text);
}

const mark = (passes: boolean): string => (passes ? colours.green('pass') : colours.red('FAIL'));

function lines(
  { subject, provider, precision, absent, failure, modules, passes }: ProviderParity,
  rows: number,
): string[] {
  const title = `${colours.bold(`${subject} on ${provider}`)} (${precision})`;
  if (absent !== undefined) return ['', `${title}: ${passes ? 'not here' : mark(false)}. ${absent}`];
  if (failure !== undefined) return ['', `${title}: ${mark(false)}. ${failure}`];
  const [logits, ...rest] = modules;
  const failed = modules.filter((m) => !m.passes).length;
  const shown = [logits!, ...rest.slice(0, Math.max(rows, rest.filter((m) => !m.passes).length))];
  const hidden = modules.length - shown.length;
  return [
    '',
    `${title}: ${mark(passes)}, ${modules.length - failed} of ${modules.length} within bounds`,
    ...table([['module', 'shape', 'largest error', 'mean error', ''], ...shown.map(row)], [2, 3]),
    ...(hidden > 0 ? [`and ${hidden} nearer ones`] : []),
  ];
}

function row({ module, shape, error, mean, passes }: ModuleParity): string[] {
  return [module, shape.join(' x '), error.toExponential(1), mean.toExponential(1), passes ? '' : mark(false)];
}

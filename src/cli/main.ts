#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import colours from 'picocolors';

/** A command: what the overview says of it, and how its module is loaded once it is asked for. */
interface Entry {
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  train: {
    summary: 'train a classifier on a folder of pictures, or on the embedded emoji',
    load: async () => (await import('./train.ts')).trainCommand(),
  },
  eval: {
    summary: 'score a trained classifier on held-out pictures',
    load: async () => (await import('./eval.ts')).evalCommand(),
  },
  predict: {
    summary: 'say what is on pictures',
    load: async () => (await import('./predict.ts')).predictCommand(),
  },
  export: {
    summary: 'write a trained classifier as an ONNX file',
    load: async () => (await import('./export.ts')).exportCommand(),
  },
  verify: {
    summary: 'compare every layer on each provider with our own forward',
    load: async () => (await import('./verify.ts')).verifyCommand(),
  },
  report: {
    summary: 'write the report of a finished run again',
    load: async () => (await import('./report.ts')).reportCommand(),
  },
  convert: {
    summary: 'write any weights as safetensors, by a network’s names if asked',
    load: async () => (await import('./convert.ts')).convertCommand(),
  },
  models: {
    summary: 'list the networks that have a name, and the blocks',
    load: async () => (await import('./models.ts')).modelsCommand(),
  },
  explain: {
    summary: 'show how each affinity of a network is computed, and at what cost',
    load: async () => (await import('./explain.ts')).explainCommand(),
  },
  golden: {
    summary: 'check against numbers of reference implementations',
    load: async () => (await import('./golden.ts')).goldenCommand(),
  },
  bench: {
    summary: 'measure speed and memory against other engines',
    load: async () => (await import('./bench.ts')).benchCommand(),
  },
};

const EXAMPLES = `
Examples:
  farsight train                          train on the embedded emoji: a minute or two, no download
  farsight train photos --epochs 30       photos/cats/*.jpg, photos/dogs/*.jpg, ..: one folder a class
  farsight predict runs/NAME cat.jpg      what is on a picture
  farsight models "resnet*"               names for --model

Each command explains itself: farsight train --help
Exit codes: 0 done, 1 something went wrong, 2 a wrong option or configuration, 130 interrupted.`;

/** Whether the command line asks for something other than text: then errors too are JSON. */
const asksJson = process.argv.includes('--json');

function version(): string {
  // Built, this file lies in dist/; from source in src/cli/.
  for (const up of ['../package.json', '../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as { version: string }).version;
    } catch {
      // not at this depth
    }
  }
  return 'unknown';
}

/** The command line, with the module of the command that is asked for, and only that one, loaded. */
async function commandLine(wanted: string | undefined): Promise<Command> {
  const program = new Command('farsight')
    .description('Vision networks that see context: train them, look into them, run them.')
    .version(version())
    .addHelpText('after', EXAMPLES);
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    program.addCommand(name === wanted ? withBlocks(await load()) : new Command(name).description(summary));
  }
  for (const command of [program, ...program.commands]) quiet(command);
  return program.hook('preAction', async (_, action) => bring(action.opts<BlocksFlag>()));
}

interface BlocksFlag {
  readonly blocks: readonly string[];
}

/** Every command takes blocks of the user's own; one that has more to say of the flag has it already. */
function withBlocks(command: Command): Command {
  if (command.options.some((o) => o.long === '--blocks')) return command;
  const collect = (file: string, before: readonly string[]): readonly string[] => [...before, file];
  return command.option('--blocks <file>', 'module whose blocks are added (docs/adding-a-block.md)', collect, []);
}

async function bring({ blocks }: BlocksFlag): Promise<void> {
  const files = blocks.filter((file) => file !== '');
  if (files.length === 0) return;
  const { loadBlocks } = await import('../node.ts');
  for (const file of files) await loadBlocks(file);
}

/** Lets errors come to {@link fail} instead of being printed by the parser. */
function quiet(command: Command): void {
  command.exitOverride().configureOutput({ outputError: () => undefined });
}

/** Says what went wrong in one sentence and gives the exit code. */
function fail(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    if (error.code === 'commander.help') return 2;
    return refuse(error.message.replace(/^error: /, '').replace(/\n\((.*)\)$/, '. $1'), 'usage', 2);
  }
  const fault = error instanceof Error && error.name === 'Fault' && 'code' in error ? String(error.code) : undefined;
  if (process.argv.includes('--debug')) process.stderr.write(`${withCauses(error)}\n`);
  const message = error instanceof Error ? error.message : String(error);
  return refuse(message, fault ?? 'internal', fault === 'config' ? 2 : 1);
}

function refuse(message: string, code: string, exit: number): number {
  const sentence = message.trim().replace(/\s*\n\s*/g, ' ');
  if (asksJson) process.stdout.write(`${JSON.stringify({ error: sentence, code })}\n`);
  process.stderr.write(`${colours.red('farsight:')} ${sentence}\n`);
  return exit;
}

function withCauses(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${withCauses(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

async function main(): Promise<void> {
  const wanted = process.argv.slice(2).find((a) => !a.startsWith('-'));
  try {
    const program = await commandLine(wanted);
    if (process.argv.length <= 2) program.help({ error: true });
    await program.parseAsync();
  } catch (error) {
    process.exitCode = fail(error);
  }
}

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
await main();

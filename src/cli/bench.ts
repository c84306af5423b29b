import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';

type BenchFlags = Readonly<Record<string, string | boolean | readonly string[]>>;

/** `farsight bench`: runs the benchmark of a checkout of the repository, in a process of its own. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('measure against PyTorch, ONNX Runtime and TensorFlow.js; needs a checkout of the repository')
    .option('--only <pattern>', 'rows to measure: ids, apart by commas, with * for anything')
    .option('--rounds <n>', 'turns of each side (default 15)')
    .option('--threads <n>', 'threads of every side (default: all cores)')
    .option('--json', 'one object a line instead of text')
    .option('--list', 'print the ids and measure nothing')
    .option('--networks', 'count what the named networks hold and cost, for the results page, and measure nothing')
    .action(async ({ blocks: _ofAllCommands, ...options }: BenchFlags) => {
      process.exitCode = await runBench(benchArguments(options as Readonly<Record<string, string | boolean>>));
    });
}

/** The options as the benchmark's own arguments. */
export function benchArguments(options: Readonly<Record<string, string | boolean>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === false) return [];
    return value === true ? [`--${name}`] : [`--${name}`, String(value)];
  });
}

/** Runs bench/run.ts and gives its exit status; a fault where there is no such file. */
async function runBench(args: readonly string[]): Promise<number> {
  const script = ['../bench/run.ts', '../../bench/run.ts']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  if (!script) {
    const { Fault } = await import('../index.ts');
    throw new Fault(
      'engine',
      'bench: the benchmark is not part of the published package. Clone the repository and run npm run bench there.',
    );
  }
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), script, ...args], {
    stdio: 'inherit',
  });
  return new Promise((resolve) => {
    child.on('error', () => resolve(1));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

import { basename, dirname } from 'node:path';
import { Command, Option } from 'commander';
import colours from 'picocolors';
import type { CaseResult, FoundCase, GoldenEnvironment, Runtime } from '../node.ts';
import { type CommonFlags, note, say, sayJson, statusLine } from './terminal.ts';
import { number } from './train-options.ts';

type ProviderName = 'cpu' | 'wasm' | 'webgpu';

interface GoldenFlags extends CommonFlags {
  readonly provider: ProviderName;
  readonly only?: string;
  readonly threads?: number;
}

const HELP = `
A case is NAME.json with NAME.safetensors beside it; folders are searched to any depth, other files are passed over.
Cases of kinds that are not built are skipped, never passed. Exit code 1 if a case fails.

Examples:
  farsight golden ../shared/golden/blocks
  farsight golden cases --only "nonlocal2d_*,training/resnet18*" --json
  farsight golden cases --provider wasm`;

/** `farsight golden`. */
export function goldenCommand(): Command {
  return new Command('golden')
    .description('check networks, operators and training against numbers of reference implementations')
    .argument('<folder...>', 'folders that hold cases')
    .addOption(new Option('--provider <name>', 'where graphs run').choices(['cpu', 'wasm', 'webgpu']).default('cpu'))
    .option('--only <pattern>', 'cases to run: part of FOLDER/NAME, or with * for anything; several apart by commas')
    .option('--threads <n>', 'threads of an operator', number)
    .option('--json', 'one JSON object a line, a case each, instead of text')
    .option('--debug', 'show where an error arose')
    .addHelpText('after', HELP)
    .action(runGolden);
}

async function runGolden(folders: readonly string[], flags: GoldenFlags): Promise<void> {
  const door = await import('../node.ts');
  const cases = await collect(folders, flags.only);
  const runtime: Runtime = flags.provider === 'wasm' ? door.wasmRuntime() : door.nodeRuntime();
  const status = statusLine();
  let doing = '';
  const env: GoldenEnvironment = {
    runtime,
    provider: flags.provider,
    decoder: door.sharpDecoder,
    progress: (what) => status.show(`${doing}, ${what}`),
    ...(flags.threads !== undefined && { threads: flags.threads }),
  };
  await door.checkEnvironment(env);
  const counts = { pass: 0, fail: 0, skip: 0 };
  for (const [i, { path, text, open }] of cases.entries()) {
    doing = `${i + 1}/${cases.length}  ${label(path)}`;
    status.show(doing);
    const result = await door.runCaseText(text, await open(), env);
    counts[result.status] += 1;
    status.clear();
    if (flags.json) sayJson(result);
    else say(row(path, result));
  }
  const summary = `${counts.pass} passed, ${counts.fail} failed, ${counts.skip} skipped`;
  if (flags.json) note(summary);
  else say(summary);
  if (counts.fail > 0) process.exitCode = 1;
}

/** The cases that are meant, in the order of the folders; a fault where a folder holds none or the pattern means none. */
async function collect(folders: readonly string[], only: string | undefined): Promise<FoundCase[]> {
  const door = await import('../node.ts');
  const cases: FoundCase[] = [];
  for (const folder of folders) {
    const before = cases.length;
    for await (const found of door.findCases(door.nodeFiles, folder)) cases.push(found);
    if (cases.length === before) {
      throw new door.Fault(
        'data',
        `${folder}: expected golden cases (NAME.json with "source" and "checks"), got none.`,
      );
    }
  }
  const meant = only === undefined ? cases : cases.filter((c) => door.isMeant(c.path, only));
  if (meant.length > 0) return meant;
  throw new door.Fault('config', `--only: expected a pattern that means one of ${cases.length} cases, got "${only}".`);
}

/** `training/resnet18_sgd` */
function label(path: string): string {
  return `${basename(dirname(path))}/${basename(path, '.json')}`;
}

const MARKS = { pass: colours.green('pass'), fail: colours.red('fail'), skip: colours.yellow('skip') };

/** One case: how it stands, its largest error and what is allowed, and what is wrong or missing. */
function row(path: string, { status, error, bound, why }: CaseResult): string {
  const figure = (value: number | null): string => (value === null ? '-' : value.toExponential(1)).padStart(8);
  return `${MARKS[status]}  ${label(path).padEnd(48)} ${figure(error)} of ${figure(bound)}  ${why}`.trimEnd();
}

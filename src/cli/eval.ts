import { Command } from 'commander';
import colours from 'picocolors';
import type { EvaluateResult } from '../node.ts';
import { type CommonFlags, note, say, sayJson, table, workLine } from './terminal.ts';
import { profileLines } from './train.ts';
import { number } from './train-options.ts';

interface EvalFlags extends CommonFlags {
  readonly batch?: number;
  readonly threads?: number;
  readonly strict?: boolean;
  readonly profile?: boolean;
}

const HELP = `
RUN is a run's folder or its weights.safetensors. Without FOLDER the run's own held-out pictures are used.

Examples:
  farsight eval runs/birds
  farsight eval runs/birds other-photos --json`;

/** `farsight eval`. */
export function evalCommand(): Command {
  return new Command('eval')
    .description('score a trained classifier on held-out pictures')
    .argument('<run>', "a run's folder or its weights")
    .argument('[folder]', "folder of pictures, one sub-folder a class that the run's network knows")
    .option('--batch <n>', 'pictures at a time (default 64)', number)
    .option('--threads <n>', 'threads of an operator', number)
    .option('--strict', 'end at the first picture that cannot be read, instead of skipping it')
    .option('--profile', 'tell where the time went, by module')
    .option('--json', 'one JSON object instead of text')
    .option('--debug', 'show where an error arose')
    .addHelpText('after', HELP)
    .action(runEval);
}

async function runEval(run: string, folder: string | undefined, flags: EvalFlags): Promise<void> {
  const door = await import('../node.ts');
  const temporary = flags.profile ? await door.temporaryFolder() : null;
  const line = workLine();
  try {
    const result = await door.evaluate({
      run,
      ...(folder !== undefined && { folder }),
      ...(flags.batch !== undefined && { batch: flags.batch }),
      ...(flags.threads !== undefined && { engine: { threads: flags.threads } }),
      ...(flags.strict && { strict: true }),
      ...(temporary && { profile: `${temporary.path}/profile` }),
      onProgress: line.show,
    });
    line.clear();
    const profile = temporary && (await door.readProfile(temporary.path, 2));
    if (flags.json) {
      const { classes, evaluation, skipped } = result;
      sayJson({ ...evaluation.result, classes, parts: evaluation.parts, skipped, ...(profile && { profile }) });
      return;
    }
    for (const line of [...lines(door.formatPercent, result), ...(profile ? profileLines(profile) : [])]) say(line);
    if (result.summary !== '') note(colours.yellow(result.summary));
  } finally {
    line.clear();
    await temporary?.remove();
  }
}

function lines(percent: (fraction: number) => string, { classes, evaluation }: EvaluateResult): string[] {
  const { balancedAccuracy, accuracy, topK, samples, loss, perClass } = evaluation.result;
  const rate = (value: number | null): string => (value === null ? '-' : percent(value));
  const rows = perClass.map((c, i) => [classes[i]!, String(c.support), rate(c.recall), rate(c.precision)]);
  return [
    `${colours.bold(`Balanced accuracy ${percent(balancedAccuracy)}`)} on ${samples} pictures (chance ${percent(1 / classes.length)})`,
    `accuracy ${percent(accuracy)}, among the first ${topK.k} ${percent(topK.accuracy)}, loss ${loss.toFixed(3)}`,
    ...evaluation.parts.map((p) => `${p.name}: ${percent(p.result.balancedAccuracy)} of ${p.result.samples} pictures`),
    '',
    ...table([['class', 'pictures', 'recall', 'precision'], ...rows], [1, 2, 3]),
  ];
}

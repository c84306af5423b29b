import { Command } from 'commander';
import { type CommonFlags, say, sayJson } from './terminal.ts';

const HELP = `
RUN is the folder of a run that has finished. Its weights are scored again on what the run held out.

Examples:
  farsight report runs/birds`;

/** `farsight report`. */
export function reportCommand(): Command {
  return new Command('report')
    .description('write the report of a finished run again')
    .argument('<run>', "a run's folder")
    .option('--json', 'one JSON object instead of text')
    .option('--debug', 'show where an error arose')
    .addHelpText('after', HELP)
    .action(runReport);
}

async function runReport(run: string, flags: CommonFlags): Promise<void> {
  const door = await import('../node.ts');
  const { path, evaluation } = await door.report(run);
  const { balancedAccuracy } = evaluation.result;
  if (flags.json) sayJson({ path, balancedAccuracy });
  else say(`Wrote ${path}: held-out balanced accuracy ${door.formatPercent(balancedAccuracy)}. Open it in a browser.`);
}

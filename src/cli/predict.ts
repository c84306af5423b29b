import { Command } from 'commander';
import colours from 'picocolors';
import { type CommonFlags, note, say, sayJson, table } from './terminal.ts';
import { number } from './train-options.ts';

interface PredictFlags extends CommonFlags {
  readonly top: number;
  readonly threads?: number;
}

const HELP = `
Examples:
  farsight predict runs/birds robin.jpg wren.jpg
  farsight predict birds.onnx photos/*.jpg --top 1 --json`;

/** `farsight predict`. */
export function predictCommand(): Command {
  return new Command('predict')
    .description('say what is on pictures')
    .argument('<run>', "a run's folder, its weights.safetensors, or a model.onnx that farsight exported")
    .argument('<images...>', 'pictures')
    .option('--top <k>', 'how many classes to name', number, 5)
    .option('--threads <n>', 'threads of an operator', number)
    .option('--json', 'one JSON object a picture instead of text')
    .option('--debug', 'show where an error arose')
    .addHelpText('after', HELP)
    .action(runPredict);
}

async function runPredict(run: string, images: readonly string[], flags: PredictFlags): Promise<void> {
  const door = await import('../node.ts');
  const model = await door.loadModel(run, { provider: 'cpu', threads: flags.threads ?? null });
  try {
    for (const image of images) {
      const [prediction] = await model.predict([image], flags.top);
      const { path, classes, reason } = prediction!;
      if (flags.json) sayJson(prediction);
      else if (reason !== undefined) note(colours.yellow(reason));
      else {
        say(colours.bold(path));
        for (const row of table(
          classes.map((c) => [`  ${c.name}`, door.formatPercent(c.probability)]),
          [1],
        )) {
          say(row);
        }
      }
      if (reason !== undefined) process.exitCode = 1;
    }
  } finally {
    await model.release();
  }
}

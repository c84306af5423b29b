import { Command } from 'commander';
import { type CommonFlags, say, sayJson } from './terminal.ts';

interface ExportFlags extends CommonFlags {
  readonly output: string;
}

const HELP = `
The file holds ONNX's own operators only, takes any batch, and says classes, preparation and licence in its metadata.
It is compared with our own forward before it is kept.

Example:
  farsight export runs/birds --output birds.onnx`;

/** `farsight export`. */
export function exportCommand(): Command {
  return new Command('export')
    .description('write a trained classifier as an ONNX file')
    .argument('<run>', "a run's folder or its weights.safetensors")
    .requiredOption('--output <file>', 'the ONNX file to write')
    .option('--json', 'one JSON object instead of text')
    .option('--debug', 'show where an error arose')
    .addHelpText('after', HELP)
    .action(async (run: string, flags: ExportFlags) => {
      const door = await import('../node.ts');
      const difference = await door.exportOnnx(run, flags.output);
      if (flags.json) sayJson({ output: flags.output, difference });
      else
        say(`${flags.output}: agrees with our own forward within ${difference.toExponential(1)} of the largest logit`);
    });
}

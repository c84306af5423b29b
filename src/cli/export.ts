import { Command, Option } from 'commander';
import type { CalibrationMethod, ExportedModel, ExportRequest, Precision } from '../node.ts';
import { type CommonFlags, say, sayJson, workLine } from './terminal.ts';
import { number } from './train-flags.ts';
import { collect } from './train-options.ts';

interface ExportFlags extends CommonFlags {
  readonly output: string;
  readonly format: 'onnx' | 'transformers.js';
  readonly dynamicSize?: boolean;
  readonly fp16?: boolean;
  readonly int8?: boolean;
  readonly data?: string;
  readonly calibration: number;
  readonly method: string;
  readonly keep: readonly string[];
  readonly judged: number;
  readonly maxLoss: number;
  readonly force?: boolean;
}

const HELP = `
The file holds ONNX's own operators only, takes any batch, and says classes, preparation and licence in its metadata.
It is compared with our own forward before it is kept. --fp16 and --int8 are judged on held-out pictures beside the
float32 model; what they lost is said, written into the file, and refused above --max-loss.

Examples:
  farsight export runs/birds --output birds.onnx
  farsight export runs/birds --output birds-int8.onnx --int8 --keep '^conv1$' --keep '^fc$'
  farsight export runs/birds --output web/birds --format transformers.js --fp16 --int8`;

/** `farsight export`. */
export function exportCommand(): Command {
  return new Command('export')
    .description('write a trained classifier for other programs')
    .argument('<run>', "a run's folder or its weights.safetensors")
    .requiredOption('--output <path>', 'the ONNX file to write, or the folder with --format transformers.js')
    .addOption(
      new Option('--format <name>', "a file, or the folder that pipeline('image-classification') loads")
        .choices(['onnx', 'transformers.js'])
        .default('onnx'),
    )
    .option('--dynamic-size', 'leave height and width open')
    .option('--fp16', 'half precision; sums, norms and softmax stay float32')
    .option('--int8', 'eight bits, with ranges from the training pictures')
    .option('--data <folder>', "pictures to calibrate with and to judge on (default: the run's own)")
    .option('--calibration <n>', 'pictures to calibrate with', number, 256)
    .option('--method <name>', 'range of what they show: min-max, or a percentage of it such as 99.99', '99.99')
    .option('--keep <pattern>', 'modules that stay float32, by a regular expression; may be given again', collect, [])
    .option('--judged <n>', 'held-out pictures to measure the loss on', number, 2000)
    .option('--max-loss <points>', 'points of a hundred that may be lost', number, 2)
    .option('--force', 'write it though more was lost')
    .option('--json', 'one JSON object instead of text')
    .option('--debug', 'show where an error arose')
    .addHelpText('after', HELP)
    .action(runExport);
}

async function runExport(run: string, flags: ExportFlags): Promise<void> {
  const door = await import('../node.ts');
  const line = workLine();
  try {
    const { models } = await door.exportModel({ ...requestOf(run, flags), onProgress: line.show });
    line.clear();
    if (flags.json) sayJson({ models });
    else for (const model of models) for (const text of lines(door, model)) say(text);
  } finally {
    line.clear();
  }
}

function requestOf(run: string, flags: ExportFlags): ExportRequest {
  const { output, format, data, calibration, keep, judged, maxLoss } = flags;
  const fewer: Precision[] = [
    ...(flags.fp16 ? (['float16'] as const) : []),
    ...(flags.int8 ? (['int8'] as const) : []),
  ];
  return {
    ...{ run, output, format, judged, maxLoss },
    precisions: fewer.length > 0 ? fewer : ['float32'],
    calibration: { pictures: calibration, method: methodOf(flags.method), keep },
    ...(data !== undefined && { folder: data }),
    ...(flags.dynamicSize && { dynamicSize: true }),
    ...(flags.force && { force: true }),
  };
}

function methodOf(text: string): CalibrationMethod {
  return text === 'min-max' ? { kind: 'min-max' } : { kind: 'percentile', share: number(text) / 100 };
}

type Door = typeof import('../node.ts');

function lines(door: Door, { path, precision, bytes, difference, loss }: ExportedModel): string[] {
  const agrees = `agrees with our own forward within ${difference.toExponential(1)} of the largest logit`;
  if (!loss) return [`${path}: ${door.formatBytes(bytes)}, ${agrees}`];
  const { metric, before, after, pictures, agreement } = loss;
  const lost = `${metric} ${door.formatPercent(before)} to ${door.formatPercent(after)} on ${pictures} held-out pictures`;
  return [
    `${path}: ${door.formatBytes(bytes)}, ${precision}: ${lost}; same answer for ${door.formatPercent(agreement)}`,
  ];
}

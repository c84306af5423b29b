import { readFileSync } from 'node:fs';
import { text as readText } from 'node:stream/consumers';
import { Command, InvalidArgumentError } from 'commander';
import colours from 'picocolors';
import type { GivenPicture, Prediction } from '../node.ts';
import { type CommonFlags, note, say, sayJson, table, workLine } from './terminal.ts';
import { number } from './train-flags.ts';

interface PredictFlags extends CommonFlags {
  readonly top: number;
  readonly batch: number;
  readonly threads?: number;
  readonly list?: string;
  readonly output?: string;
}

const HELP = `
A picture is a file, a folder with all below it, a pattern, an http(s) address, or - for a picture's bytes on standard
input. Where one cannot be read the others go on, and the exit code is 1.

Examples:
  farsight predict runs/birds robin.jpg wren.jpg
  farsight predict birds.onnx 'photos/**/*.jpg' --top 1 --json
  farsight predict runs/birds photos --output birds.csv
  curl -s https://example.org/robin.jpg | farsight predict runs/birds -
  find photos -name '*.png' | farsight predict runs/birds --list -`;

/** `farsight predict`. */
export function predictCommand(): Command {
  return new Command('predict')
    .description('say what is on pictures')
    .argument('<run>', "a run's folder, its weights.safetensors, or a model.onnx that farsight exported")
    .argument('[images...]', 'pictures, folders, patterns, addresses, or - for standard input')
    .option('--list <file>', 'a file with one picture a line; - for standard input')
    .option('--top <k>', 'how many classes to name', number, 5)
    .option('--batch <n>', 'pictures at a time', number, 8)
    .option('--threads <n>', 'threads of an operator', number)
    .option('--output <file>', 'write a .csv or .json file instead')
    .option('--json', 'one JSON object a picture instead of text')
    .option('--debug', 'show where an error arose')
    .addHelpText('after', HELP)
    .action(runPredict);
}

async function runPredict(run: string, images: readonly string[], flags: PredictFlags): Promise<void> {
  const { output, threads, top, batch } = flags;
  if (output !== undefined && !/\.(csv|json)$/i.test(output)) {
    throw new InvalidArgumentError(`--output: expected a name that ends in .csv or .json, got ${output}.`);
  }
  const door = await import('../node.ts');
  const pictures = await picturesOf(door, images, flags);
  const model = await door.loadModel(run, { provider: 'cpu', threads: threads ?? null });
  const line = workLine();
  const kept: Prediction[] = [];
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort(new door.Fault('engine', 'predict: interrupted.'));
  process.once('SIGINT', interrupt);
  try {
    const options = { top, batch, onProgress: line.show, signal: interrupted.signal };
    for await (const prediction of model.stream(pictures, options)) {
      if (prediction.reason !== undefined) process.exitCode = 1;
      if (output === undefined) line.clear();
      if (output === undefined) print(door, prediction, flags);
      else kept.push(prediction);
    }
    line.clear();
    if (output !== undefined) await save(door, output, { predictions: kept, top });
  } finally {
    process.off('SIGINT', interrupt);
    line.clear();
    await model.release();
  }
}

type Door = typeof import('../node.ts');

async function picturesOf(
  door: Door,
  images: readonly string[],
  flags: PredictFlags,
): Promise<readonly GivenPicture[]> {
  const { list } = flags;
  if (images.length === 0 && list === undefined) {
    throw new InvalidArgumentError('predict: expected pictures or --list, got none.');
  }
  if (list === '-' && images.includes('-')) {
    throw new InvalidArgumentError('predict: expected standard input to be a picture or a list, got both.');
  }
  const lines = list === undefined ? '' : list === '-' ? await readText(process.stdin) : readList(door, list);
  const listed = lines.split(/\r?\n/).filter((path) => path.trim() !== '');
  const given: GivenPicture[] = [];
  for (const image of images)
    given.push(image === '-' ? { name: 'standard input', bytes: await standardInput(door) } : image);
  return [...given, ...listed];
}

function readList(door: Door, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new door.Fault('data', `${file}: expected a list of pictures, got no readable file. Check the path.`, {
      cause,
    });
  }
}

/** The bytes on standard input, up to the size that a picture may have. */
async function standardInput({ Fault, MAX_FILE_BYTES }: Door): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of process.stdin as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > MAX_FILE_BYTES) {
      throw new Fault('data', `standard input: expected at most ${MAX_FILE_BYTES} bytes of a picture, got more.`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function print(door: Door, prediction: Prediction, flags: PredictFlags): void {
  const { path, classes, reason } = prediction;
  if (flags.json) {
    sayJson(prediction);
    return;
  }
  if (reason !== undefined) {
    note(colours.yellow(reason));
    return;
  }
  say(colours.bold(path));
  const rows = classes.map((c) => [`  ${c.name}`, door.formatPercent(c.probability)]);
  for (const row of table(rows, [1])) say(row);
}

async function save(
  door: Door,
  file: string,
  { predictions, top }: { readonly predictions: readonly Prediction[]; readonly top: number },
): Promise<void> {
  const csv = /\.csv$/i.test(file);
  await door.writeText(file, csv ? door.predictionsCsv(predictions, top) : `${JSON.stringify(predictions, null, 2)}\n`);
  const bad = predictions.filter((p) => p.reason !== undefined);
  for (const { reason } of bad.slice(0, 5)) note(colours.yellow(reason!));
  say(`${file}: ${predictions.length - bad.length} of ${predictions.length} pictures`);
}

import { Command, InvalidArgumentError } from 'commander';
import type { ConvertRequest, HubProgress, WeightsListing } from '../node.ts';
import { type CommonFlags, downloadLine, note, type StatusLine, say, sayJson, statusLine, table } from './terminal.ts';

interface ConvertFlags extends CommonFlags {
  readonly to?: string;
  readonly key?: string;
  readonly dtype?: 'float32' | 'float16';
  readonly maxShard?: number;
  readonly partial?: boolean;
  readonly list?: boolean;
  readonly offline?: boolean;
}

const HELP = `
IN is a file of weights (.safetensors, .pth, .pt, .bin), a folder or an index of shards, hf:OWNER/NAME[/FILE][@REVISION],
or the name of published weights such as timm/gcresnet50t.ra2_in1k. OUT ends in .safetensors.
With --to the tensors get a network's own names, and every one is checked; classes and channels are the file's.

Examples:
  farsight convert resnet50.pth resnet50.safetensors
  farsight convert gcnet.pth gcnet.safetensors --to resnet50-gc --partial
  farsight convert big.safetensors small.safetensors --dtype float16 --max-shard 500MB
  farsight convert checkpoint.pth --list`;

const UNITS: Readonly<Record<string, number>> = { '': 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9 };

/** A number of bytes: `500MB`, `2GB`, `1000000`. */
export function byteCount(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmg]?b)?$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(number) * (UNITS[unit.toUpperCase()] ?? Number.NaN));
  if (number === '' || !(bytes >= 1)) throw new InvalidArgumentError('Expected bytes such as 500MB or 2GB.');
  return bytes;
}

function dtype(text: string): 'float32' | 'float16' {
  if (text === 'float32' || text === 'float16') return text;
  throw new InvalidArgumentError('Expected float32 or float16.');
}

/** `farsight convert`. */
export function convertCommand(): Command {
  return new Command('convert')
    .description('write any weights as safetensors, by a network’s names if asked')
    .argument('<in>', 'weights: a file, a folder of shards, hf:OWNER/NAME or published ones')
    .argument('[out]', 'the .safetensors file to write')
    .option('--to <network>', 'give them the names of this network and check every one')
    .option('--key <name>', 'the part of a checkpoint that holds them, such as model_ema')
    .option('--dtype <name>', 'float32 or float16, for all floating tensors', dtype)
    .option('--max-shard <size>', 'most bytes of one file, such as 500MB or 2GB', byteCount)
    .option('--partial', 'leave out what does not fit the network')
    .option('--list', 'only list names, shapes and dtypes')
    .option('--offline', 'download nothing')
    .option('--json', 'one JSON object instead of text')
    .option('--debug', 'show where an error arose')
    .addHelpText('after', HELP)
    .action(runConvert);
}

async function runConvert(
  input: string,
  output: string | undefined,
  flags: ConvertFlags,
  command: Command,
): Promise<void> {
  if (output === undefined && !flags.list) command.error('out: expected a file to write, or --list.', { exitCode: 2 });
  const door = await import('../node.ts');
  const line = statusLine();
  const request = { input, ...optionsOf(flags), onProgress: (p: HubProgress) => line.show(downloadLine(p)) };
  try {
    if (flags.list) tellListing(await door.inspectWeights(request), { flags, line });
    else await tellConverted(door, { ...request, output: output! }, { flags, line });
  } finally {
    line.clear();
  }
}

function optionsOf(flags: ConvertFlags): Partial<ConvertRequest> {
  const { to, key, partial, offline, maxShard } = flags;
  return {
    ...(to !== undefined && { to }),
    ...(key !== undefined && { key }),
    ...(flags.dtype !== undefined && { dtype: flags.dtype }),
    ...(maxShard !== undefined && { maxShardBytes: maxShard }),
    ...(partial && { partial }),
    ...(offline && { offline }),
  };
}

interface Telling {
  readonly flags: ConvertFlags;
  readonly line: StatusLine;
}

async function tellConverted(
  door: typeof import('../node.ts'),
  request: ConvertRequest,
  { flags, line }: Telling,
): Promise<void> {
  const result = await door.convertWeights(request);
  line.clear();
  if (flags.json) {
    sayJson(result);
    return;
  }
  for (const text of result.notes) note(text);
  const files = result.files.length > 1 ? `, ${result.files.length} files` : '';
  say(`${result.path}: ${result.tensors} tensors, ${(result.bytes / 1e6).toFixed(1)} MB${files}`);
}

function tellListing(listing: WeightsListing, { flags, line }: Telling): void {
  line.clear();
  if (flags.json) {
    sayJson(listing);
    return;
  }
  const { path, format, entries, metadata, unwrapped, network } = listing;
  const rows = entries.map((e) => [e.name, e.stored, `[${e.shape.join(', ')}]`]);
  for (const text of table([['tensor', 'dtype', 'shape'], ...rows])) say(text);
  for (const [key, value] of Object.entries(metadata)) say(`${key}: ${value}`);
  for (const text of unwrapped) say(`took off ${text}`);
  const options =
    network && Object.keys(network.overrides).length > 0 ? ` with ${JSON.stringify(network.overrides)}` : '';
  say(`${path}: ${format}, ${entries.length} tensors${network ? `, looks like ${network.name}${options}` : ''}`);
}

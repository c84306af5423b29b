import { Fault } from '../core/fault.ts';
import type { Tensor } from '../core/tensor.ts';
import { type SafetensorsHead, safetensorsHead, specBytes, type TensorSpec, tensorBytes } from './safetensors-write.ts';

/** What is written: tensors that are read when their turn comes, so that no more than one is held at a time. */
export interface TensorSource {
  readonly entries: readonly TensorSpec[];
  read(name: string): Tensor | Promise<Tensor>;
}

/** What writing needs of a runtime's output; a file is written whole or not at all. */
export interface ShardOutput {
  write(path: string, pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void>;
}

/** Options of {@link writeShards}. */
export interface ShardOptions {
  /** Most bytes of tensors in one file; a tensor that is larger has one to itself. Without it all are in one. */
  readonly maxShardBytes?: number;
  /** Name of the files without its ending; `model` unless given. */
  readonly name?: string;
  /** Free text of every file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What was written. */
export interface WrittenShards {
  /** The file to open: the one of weights, or the index. */
  readonly path: string;
  readonly files: readonly string[];
  /** Bytes of all tensors. */
  readonly totalBytes: number;
}

/** Tensors of one file, in the order given. */
interface Plan {
  readonly specs: TensorSpec[];
  bytes: number;
}

/** Which tensors go together, at most `maxShardBytes` to a file, in the order given. */
function plan(specs: readonly TensorSpec[], maxShardBytes: number): readonly Plan[] {
  if (!(maxShardBytes >= 1)) {
    throw new Fault('config', `maxShardBytes: expected a number of bytes above 0, got ${maxShardBytes}.`);
  }
  const plans: Plan[] = [{ specs: [], bytes: 0 }];
  for (const spec of specs) {
    const bytes = specBytes(spec);
    let last = plans.at(-1)!;
    if (last.specs.length > 0 && last.bytes + bytes > maxShardBytes) {
      last = { specs: [], bytes: 0 };
      plans.push(last);
    }
    last.specs.push(spec);
    last.bytes += bytes;
  }
  return plans;
}

/**
 * Writes safetensors into a folder that exists: one file `NAME.safetensors`, or, where `maxShardBytes` says so,
 * `NAME-00001-of-00003.safetensors` and so on, with the index `NAME.safetensors.index.json` last, so that it never
 * names a file that is not there. Tensors are read one at a time, as they are written.
 */
export async function writeShards(
  output: ShardOutput,
  folder: string,
  source: TensorSource,
  options: ShardOptions = {},
): Promise<WrittenShards> {
  const { maxShardBytes = Number.POSITIVE_INFINITY, name = 'model', metadata = {} } = options;
  const plans = plan(source.entries, maxShardBytes);
  const at = (file: string): string => (/[/\\]$/.test(folder) ? folder + file : `${folder}/${file}`);
  const number = (i: number): string => String(i).padStart(5, '0');
  const heads = plans.map(({ specs }) => safetensorsHead(specs, metadata)); // refuses names before anything is written
  const files = plans.map((_, i) =>
    plans.length === 1 ? `${name}.safetensors` : `${name}-${number(i + 1)}-of-${number(plans.length)}.safetensors`,
  );
  for (const [i, file] of files.entries()) await output.write(at(file), pieces(heads[i]!, source));
  const totalBytes = plans.reduce((sum, { bytes }) => sum + bytes, 0);
  if (files.length === 1) return { path: at(files[0]!), files, totalBytes };
  const shardOf = plans.flatMap(({ specs }, i) => specs.map((spec): [string, string] => [spec.name, files[i]!]));
  const members = shardOf.map(([tensor, file]) => `${JSON.stringify(tensor)}:${JSON.stringify(file)}`);
  const text = `{"metadata":{"total_size":${totalBytes}},"weight_map":{${members.join(',')}}}\n`;
  const index = `${name}.safetensors.index.json`;
  await output.write(at(index), [new TextEncoder().encode(text)]);
  return { path: at(index), files: [...files, index], totalBytes };
}

async function* pieces({ head, order }: SafetensorsHead, source: TensorSource): AsyncGenerator<Uint8Array> {
  yield head;
  for (const spec of order) yield tensorBytes(spec, await source.read(spec.name));
}

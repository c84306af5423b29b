import { Fault } from '../core/fault.ts';
import { sizeOf } from '../core/shape.ts';
import { type HeaderValue, parseHeader } from './header-json.ts';
import { type FileContents, openFile } from './open-file.ts';
import type { PieceEntry } from './piece.ts';
import { SAFETENSORS_DTYPES, type SafetensorsDType, showName } from './safetensors-header.ts';
import type { OpenSource, SourceFiles } from './source.ts';

/** Which tensor lies in which file, as `model.safetensors.index.json` says it. */
export interface ShardIndex {
  /** Names of files beside the index, in its order. */
  readonly shards: readonly string[];
  /** The shard of each tensor. */
  readonly shardOf: ReadonlyMap<string, string>;
  /** Bytes of all tensors; undefined where the index does not say. */
  readonly totalBytes: number | undefined;
}

/** Largest index that is read, in bytes, and most files that it may name. */
const MOST_INDEX = 16 * 1024 ** 2;
const MOST_SHARDS = 512;

/** Reads the index of sharded weights; names that lead anywhere but beside it are refused. */
export function readShardIndex(text: string, where: string): ShardIndex {
  const root = parseHeader(text, where);
  const map = root.get('weight_map');
  if (!(map instanceof Map)) {
    throw new Fault('data', `${where}: expected an index of sharded weights, got JSON without a "weight_map".`);
  }
  const shardOf = new Map<string, string>();
  for (const [name, shard] of map as ReadonlyMap<string, HeaderValue>) {
    if (typeof shard !== 'string' || !isPlainName(shard)) {
      const got = typeof shard === 'string' ? showName(shard) : 'something else';
      throw new Fault('data', `${where}: expected ${showName(name)} in a file beside the index, got ${got}.`);
    }
    shardOf.set(name, shard);
  }
  const shards = [...new Set(shardOf.values())];
  if (shards.length === 0 || shards.length > MOST_SHARDS) {
    throw new Fault('data', `${where}: expected 1 to ${MOST_SHARDS} files, got ${shards.length}.`);
  }
  const metadata = root.get('metadata');
  const total = metadata instanceof Map ? metadata.get('total_size') : undefined;
  return { shards, shardOf, totalBytes: typeof total === 'number' ? total : undefined };
}

/** A file's name without a way to another folder: no slash, colon or control character, and no dot in front. */
function isPlainName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  return name.length <= 255 && /^[^./\\:\u0000-\u001f][^/\\:\u0000-\u001f]*$/.test(name);
}

/** Open shards as one. */
export interface OpenShards extends FileContents {
  readonly sources: readonly OpenSource[];
}

/** Opens the shards of an index; what each holds must be what the index says, and the sizes must add up. */
export async function openShards(files: SourceFiles, index: OpenSource, path: string): Promise<OpenShards> {
  if (index.size > MOST_INDEX) {
    throw new Fault('data', `${path}: expected an index of at most ${MOST_INDEX} bytes, got ${index.size}.`);
  }
  const bytes = await index.read(0, index.size);
  const { shards, shardOf, totalBytes } = readShardIndex(decode(bytes, path), path);
  const folder = /^(.*[/\\])?[^/\\]*$/s.exec(path)?.[1] ?? '';
  const sources: OpenSource[] = [];
  try {
    const entries: PieceEntry[] = [];
    let first: FileContents | undefined;
    for (const shard of shards) {
      const source = await files.open(folder + shard);
      sources.push(source);
      const contents = await openFile(source, folder + shard);
      checkShard(contents, { shard, shardOf, path });
      first ??= contents;
      entries.push(...contents.entries);
    }
    checkSizes(entries, { expected: shardOf.size, totalBytes, path });
    return { ...first!, entries, sources };
  } catch (error) {
    for (const source of sources) await source.close();
    throw error;
  }
}

/** Every tensor of a shard is one that the index puts there. */
function checkShard(
  contents: FileContents,
  index: { readonly shard: string; readonly shardOf: ReadonlyMap<string, string>; readonly path: string },
): void {
  for (const { name } of contents.entries) {
    const told = index.shardOf.get(name);
    if (told === index.shard) continue;
    const says = told === undefined ? 'does not name it' : `puts it into ${showName(told)}`;
    throw new Fault(
      'data',
      `${index.path}: expected the tensors of the index in ${showName(index.shard)}, got ${showName(name)}, but the index ${says}. Are the files of one download?`,
    );
  }
}

function checkSizes(
  entries: readonly PieceEntry[],
  {
    expected,
    totalBytes,
    path,
  }: { readonly expected: number; readonly totalBytes: number | undefined; readonly path: string },
): void {
  if (entries.length !== expected) {
    throw new Fault('data', `${path}: expected ${expected} tensors in its shards, got ${entries.length}.`);
  }
  const known = entries.every(({ stored }) => Object.hasOwn(SAFETENSORS_DTYPES, stored));
  if (totalBytes === undefined || !known) return;
  const bytes = entries.reduce(
    (sum, { stored, shape }) => sum + sizeOf(shape) * SAFETENSORS_DTYPES[stored as SafetensorsDType].bytes,
    0,
  );
  if (bytes === totalBytes) return;
  throw new Fault('data', `${path}: expected ${totalBytes} bytes of tensors, as the index says, got ${bytes}.`);
}

function decode(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Fault('data', `${where}: expected an index in UTF-8, got other bytes.`, { cause });
  }
}

import { Fault } from '../core/fault.ts';
import type { Tensor, TensorMap } from '../core/tensor.ts';
import { type FileContents, type FileFormat, openFile, sniff } from './open-file.ts';
import { checkTotal, type PieceEntry, readPiece, readPieces, type WeightEntry } from './piece.ts';
import { showName } from './safetensors-header.ts';
import { openShards } from './sharded.ts';
import type { OpenSource, SourceFiles } from './source.ts';
import { toFloat32, widerDType } from './widen.ts';

/** How weights are kept: one safetensors file, several with an index, or a checkpoint of torch.save of any age. */
export type WeightsFormat = FileFormat | 'safetensors-sharded' | 'torch-sharded';

/** Open weights, of which tensors are read one at a time. Whoever opened them closes them. */
export interface WeightsFile {
  readonly path: string;
  readonly format: WeightsFormat;
  /** In the file's order. */
  readonly entries: readonly WeightEntry[];
  /** Of safetensors its free text; of a checkpoint the numbers and short texts around the tensors: epoch, arch. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What was taken off to reach the tensors: `key "state_dict"`, `prefix "module."`. */
  readonly unwrapped: readonly string[];
  /** One tensor. Of a checkpoint the whole storage that it views is read, which most have to themselves. */
  read(name: string): Promise<Tensor>;
  /** Many tensors (all, unless named) in one pass over the file, in the order of the entries. */
  readAll(options?: ReadWeightsOptions): Promise<Map<string, Tensor>>;
  close(): Promise<void>;
}

/** Options of {@link openWeights}. */
export interface OpenWeightsOptions {
  /** Where in a checkpoint of PyTorch the tensors are, keys apart by dots; otherwise the usual keys are tried. */
  readonly key?: string;
}

/** Options of reading many tensors. */
export interface ReadWeightsOptions {
  /** Whether every floating tensor becomes float32; float16 and float64 stay as they are otherwise. */
  readonly toFloat32?: boolean;
  /** Tensors to read; all others are left in the file. */
  readonly names?: Iterable<string>;
}

/** All tensors of a file. */
export interface Weights {
  readonly tensors: TensorMap;
  readonly metadata: Readonly<Record<string, string>>;
  readonly format: WeightsFormat;
  /** What was taken off to reach the tensors, in words. */
  readonly unwrapped: readonly string[];
}

/**
 * Opens weights by their content, whatever their name: safetensors; the `index.json` of sharded ones or a folder that
 * holds it; what torch.save wrote as zip (1.6 on), as pickle (0.1.10 to 1.5) or as tar (before). Nested states and
 * the prefix `module.` are unwrapped, and what was is said. Tensors stay in the file until they are asked for.
 */
export async function openWeights(
  files: SourceFiles,
  path: string,
  options: OpenWeightsOptions = {},
): Promise<WeightsFile> {
  const { source, at } = await openPath(files, path);
  let sources: readonly OpenSource[] = [source];
  try {
    if ((await sniff(source, at)) === 'json') {
      const shards = await openShards(files, source, at);
      sources = [source, ...shards.sources];
      const format = shards.format === 'safetensors' ? 'safetensors-sharded' : 'torch-sharded';
      return weightsFile(at, { ...shards, format }, sources);
    }
    return weightsFile(at, await openFile(source, at, options.key), sources);
  } catch (error) {
    for (const open of sources) await open.close();
    throw error;
  }
}

/** Opens weights, reads their tensors and closes them; see {@link openWeights}. */
export async function readWeights(
  files: SourceFiles,
  path: string,
  options: OpenWeightsOptions & ReadWeightsOptions = {},
): Promise<Weights> {
  const file = await openWeights(files, path, options);
  try {
    const tensors = await file.readAll(options);
    return { tensors, metadata: file.metadata, format: file.format, unwrapped: file.unwrapped };
  } finally {
    await file.close();
  }
}

function weightsFile(
  path: string,
  contents: Omit<FileContents, 'format'> & { readonly format: WeightsFormat },
  sources: readonly OpenSource[],
): WeightsFile {
  const { format, entries, metadata, unwrapped } = contents;
  const byName = new Map(entries.map((entry) => [entry.name, entry]));
  const entryOf = (name: string): PieceEntry => {
    const entry = byName.get(name);
    if (entry) return entry;
    throw new Fault('data', `${path}: expected a tensor ${showName(name)}, got a file without it.`);
  };
  return {
    path,
    format,
    entries: entries.map(({ name, dtype, shape, stored }) => ({ name, dtype, shape, stored })),
    metadata,
    unwrapped,
    read: async (name) => readPiece(entryOf(name).piece),
    readAll: async ({ toFloat32: widen = false, names } = {}) => {
      const wanted = names === undefined ? entries : [...new Set(names)].map(entryOf);
      checkTotal(wanted, widen ? widerDType : (dtype) => dtype, path);
      const tensors = new Map<string, Tensor | null>(wanted.map(({ name }) => [name, null]));
      await readPieces(wanted, (read, alike) => {
        const tensor = widen ? toFloat32(read) : read;
        for (const { name } of alike) tensors.set(name, tensor);
      });
      return tensors as Map<string, Tensor>; // readPieces gives every one
    },
    close: async () => {
      for (const source of sources) await source.close();
    },
  };
}

/** Files that a folder of weights is known by, the first wins. */
const KNOWN: readonly RegExp[] = [
  /^model\.safetensors\.index\.json$/,
  /\.safetensors\.index\.json$/,
  /^(model|weights)\.safetensors$/,
  /\.safetensors$/,
  /^pytorch_model\.bin\.index\.json$/,
  /^pytorch_model\.bin$/,
  /\.(pth|pt|pth\.tar|bin|pyth|ckpt)$/,
];

/** The file at a path, or that of the folder there. */
async function openPath(
  files: SourceFiles,
  path: string,
): Promise<{ readonly source: OpenSource; readonly at: string }> {
  let refused: unknown;
  try {
    return { source: await files.open(path), at: path };
  } catch (error) {
    refused = error;
  }
  const names = await files.list(path).then(
    (entries) => entries.filter(({ kind }) => kind === 'file').map(({ name }) => name),
    () => {
      throw refused;
    },
  );
  const found = KNOWN.map((known) => names.filter((name) => known.test(name))).find((matches) => matches.length > 0);
  if (found?.length !== 1) {
    const got = found ? found.slice(0, 5).map(showName).join(', ') : 'none';
    throw new Fault('data', `${path}: expected a folder with one file of weights, or an index of several, got ${got}.`);
  }
  const at = /[/\\]$/.test(path) ? path + found[0] : `${path}/${found[0]}`;
  return { source: await files.open(at), at };
}

import { Fault } from '../core/fault.ts';
import type { PieceEntry } from './piece.ts';
import { decodeSafetensor, openSafetensors } from './safetensors.ts';
import { SAFETENSORS_DTYPES, showName } from './safetensors-header.ts';
import type { ByteSource } from './source.ts';
import { openArchive } from './torch/archive.ts';
import type { TorchFile } from './torch/file.ts';
import { openLegacy } from './torch/legacy.ts';
import { isTar, openTar } from './torch/tar.ts';
import { decodeTensor, spanOf } from './torch/tensor.ts';
import type { TorchTensor } from './torch/value.ts';
import { unwrap, withoutPrefixes } from './unwrap.ts';

/** How one file holds weights. */
export type FileFormat = 'safetensors' | TorchFile['format'];

/** What a file holds, its tensors not yet read. */
export interface FileContents {
  readonly format: FileFormat;
  readonly entries: readonly PieceEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  /** What was taken off to reach the tensors, in words. */
  readonly unwrapped: readonly string[];
}

/** What a file is, by its first bytes. */
export type Kind = 'safetensors' | 'zip' | 'pickle' | 'tar' | 'json';

/** Bytes that tell what a file is. */
const SNIFF = 512;

/** Other files that are taken for weights, by how they begin. */
const OTHERS: readonly (readonly [begins: string, what: string])[] = [
  ['version https://git-lfs', 'a pointer of Git LFS: download the file that it stands for'],
  ['<', 'a web page or XML: the download went wrong'],
  ['\u0089HDF', 'an HDF5 file of Keras: convert it first'],
  ['\u001f\u008b', 'a gzip archive: unpack it first'],
  ['RIFF', 'a RIFF file: choose the weights'],
  ['GGUF', 'a GGUF file: take the safetensors of the same model'],
];

/** Tells what a file is by its content. */
export async function sniff(source: ByteSource, where: string): Promise<Kind> {
  const start = await source.read(0, Math.min(SNIFF, source.size));
  const text = String.fromCharCode(...start.subarray(0, 32));
  if (text.startsWith('PK\u0003\u0004')) return 'zip';
  if (text[8] === '{' && start.length > 8 && start[7] === 0) return 'safetensors';
  if (/^\s*\{/.test(text)) return 'json';
  if (start[0] === 0x80) return 'pickle';
  if (isTar(start)) return 'tar';
  const other = OTHERS.find(([begins]) => text.startsWith(begins));
  const got = other ? `${other[1]}.` : `a file that begins with ${showName(text.slice(0, 8))}. Check the file.`;
  throw new Fault('data', `${where}: expected safetensors or a checkpoint of torch.save, got ${got}`);
}

/** Opens one file of weights; `key` says where in a checkpoint of PyTorch to look. */
export async function openFile(source: ByteSource, where: string, key?: string): Promise<FileContents> {
  const kind = await sniff(source, where);
  switch (kind) {
    case 'safetensors':
      return openOurs(source, where);
    case 'zip':
      return torchContents(source, await openArchive(source, where), { where, key });
    case 'pickle':
      return torchContents(source, await openLegacy(source, where), { where, key });
    case 'tar':
      return torchContents(source, await openTar(source, where), { where, key });
    case 'json':
      throw new Fault('data', `${where}: expected weights, got JSON. Choose the index of shards or the weights.`);
    default:
      return kind satisfies never;
  }
}

async function openOurs(source: ByteSource, where: string): Promise<FileContents> {
  const { entries, metadata } = await openSafetensors(source, where);
  const found = [...entries.values()].map((entry): PieceEntry => {
    const dtype = entry.dtype === 'F16' ? 'float16' : SAFETENSORS_DTYPES[entry.dtype].dtype;
    const decode = (bytes: Uint8Array) => decodeSafetensor(entry, bytes, { where, keepHalf: true });
    const piece = { source, offset: entry.offset, length: entry.bytes, origin: entry.offset, same: entry.name, decode };
    return { name: entry.name, dtype, shape: entry.shape, stored: entry.dtype, piece };
  });
  const own = ownState(found, metadata);
  const bare = withoutPrefixes(own.entries);
  const unwrapped = [...own.unwrapped, ...bare.prefixes.map(sayPrefix)];
  return { format: 'safetensors', entries: bare.entries, metadata, unwrapped };
}

/** Of a checkpoint of our own runs, the weights: their average where the run kept one. */
function ownState(
  entries: readonly PieceEntry[],
  metadata: Readonly<Record<string, string>>,
): { readonly entries: readonly PieceEntry[]; readonly unwrapped: readonly string[] } {
  if (metadata['farsight.checkpoint'] === undefined) return { entries, unwrapped: [] };
  const prefix = entries.some(({ name }) => name.startsWith('average/')) ? 'average/' : 'state/';
  const state = entries.filter(({ name }) => name.startsWith(prefix));
  return { entries: state.map((e) => ({ ...e, name: e.name.slice(prefix.length) })), unwrapped: [sayPrefix(prefix)] };
}

function sayPrefix(prefix: string): string {
  return `prefix ${showName(prefix)}`;
}

function torchContents(
  source: ByteSource,
  file: TorchFile,
  { where, key }: { readonly where: string; readonly key: string | undefined },
): FileContents {
  const { tensors, metadata, keys } = unwrap(file.root, where, key);
  const entries = [...tensors].map(([name, t]): PieceEntry => {
    const { type } = t.storage;
    return { name, dtype: type.dtype, shape: t.shape, stored: type.stored, piece: torchPiece(source, file, t, where) };
  });
  const bare = withoutPrefixes(entries);
  const unwrapped = [...keys.map((name) => `key ${showName(name)}`), ...bare.prefixes.map(sayPrefix)];
  return { format: file.format, entries: bare.entries, metadata, unwrapped };
}

function torchPiece(source: ByteSource, file: TorchFile, t: TorchTensor, where: string): PieceEntry['piece'] {
  const { storage } = t;
  const span = spanOf(t);
  const same = JSON.stringify([storage.key, span.first, t.shape, t.stride]);
  const at = `${where}: a tensor of storage ${showName(storage.key)}`;
  if (span.elements === 0) {
    const decode = () => decodeTensor(t, new Uint8Array(0), at);
    return { source, offset: 0, length: 0, origin: 0, same, decode };
  }
  const { offset, length, origin, data } = file.region(storage);
  const decode = (bytes: Uint8Array) => {
    const stored = data(bytes);
    const begin = span.first * storage.type.bytes;
    return decodeTensor(t, stored.subarray(begin, begin + span.elements * storage.type.bytes), at);
  };
  return { source, offset, length, origin, same, decode };
}

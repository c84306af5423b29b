import { DTYPES, type DType } from '../core/dtype.ts';
import { Fault } from '../core/fault.ts';
import { sizeOf } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { ByteSource } from './source.ts';

/** What is known of a tensor before it is read. */
export interface WeightEntry {
  readonly name: string;
  /** What it is when it is read; bfloat16 is float32 then. */
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The file's own name of the element type: `bfloat16`, `F16`. */
  readonly stored: string;
}

/** Where a tensor lies, and how it comes of the bytes there. */
export interface Piece {
  readonly source: ByteSource;
  readonly offset: number;
  readonly length: number;
  /** Two pieces of a file with the same name are one tensor. */
  readonly same: string;
  /** The tensor, of exactly the piece's bytes: a view of them where that can be. */
  decode(bytes: Uint8Array): Tensor;
}

/** An entry and its piece. */
export interface PieceEntry extends WeightEntry {
  readonly piece: Piece;
}

/** Pieces begin in memory as in the file up to a multiple of this many bytes, so that what is aligned there stays so. */
const ALIGN = 64;
/** Bytes that are read at once, where no single piece is longer. */
const BLOCK = 64 * 1024 ** 2;
/** Bytes between two pieces that are read over rather than skipped. */
const GAP = 64 * 1024;
/** What tensors may need beyond three times the file: tied and widened tensors of small files. */
const SLACK = 32 * 1024 ** 2;

/** Reads one piece. */
export async function readPiece(piece: Piece): Promise<Tensor> {
  const start = piece.offset - (piece.offset % ALIGN);
  const bytes = await piece.source.read(start, piece.offset - start + piece.length);
  return piece.decode(bytes.subarray(piece.offset - start));
}

/**
 * Reads many pieces, in the order in which they lie: neighbours in one go, so that small tensors cost no call each.
 * `take` sees each tensor once, with the entries that are it; tensors that share a block share its memory.
 */
export async function readPieces(
  entries: readonly PieceEntry[],
  take: (tensor: Tensor, entries: readonly PieceEntry[]) => void,
): Promise<void> {
  const sources = new Map<ByteSource, PieceEntry[]>();
  for (const entry of entries) {
    const of = sources.get(entry.piece.source);
    if (of) of.push(entry);
    else sources.set(entry.piece.source, [entry]);
  }
  for (const of of sources.values()) {
    for (const block of blocksOf(of)) {
      const bytes = await block.source.read(block.start, block.end - block.start);
      for (const alike of block.groups) {
        const { piece } = alike[0]!;
        const at = piece.offset - block.start;
        take(piece.decode(bytes.subarray(at, at + piece.length)), alike);
      }
    }
  }
}

interface Block {
  readonly source: ByteSource;
  readonly start: number;
  end: number;
  /** Entries that are the same tensor stand together. */
  readonly groups: PieceEntry[][];
}

function blocksOf(entries: readonly PieceEntry[]): readonly Block[] {
  const alike = new Map<string, PieceEntry[]>();
  for (const entry of entries) {
    const group = alike.get(entry.piece.same);
    if (group) group.push(entry);
    else alike.set(entry.piece.same, [entry]);
  }
  const blocks: Block[] = [];
  let block: Block | undefined;
  for (const group of [...alike.values()].sort((a, b) => a[0]!.piece.offset - b[0]!.piece.offset)) {
    const { source, offset, length } = group[0]!.piece;
    const end = offset + length;
    if (block && offset <= block.end + GAP && end - block.start <= BLOCK) {
      block.end = Math.max(block.end, end);
      block.groups.push(group);
    } else {
      block = { source, start: offset - (offset % ALIGN), end, groups: [group] };
      blocks.push(block);
    }
  }
  return blocks;
}

/**
 * Refuses a file whose tensors together, read as `as` says, would need more than three times its size and 32 MiB: no
 * honest file does, as the same tensor under two names counts once.
 */
export function checkTotal(entries: readonly PieceEntry[], as: (dtype: DType) => DType, where: string): void {
  const sources = new Set(entries.map(({ piece }) => piece.source));
  let held = 0;
  for (const source of sources) held += source.size;
  const counted = new Set<string>();
  let bytes = 0;
  for (const { piece, dtype, shape } of entries) {
    if (sources.size === 1 && counted.has(piece.same)) continue;
    counted.add(piece.same);
    bytes += sizeOf(shape) * DTYPES[as(dtype)].bytes;
  }
  const most = 3 * held + SLACK;
  if (bytes <= most) return;
  throw new Fault(
    'data',
    `${where}: expected tensors of at most ${most} bytes in a file of ${held}, got ${bytes}. Its tensors overlap: read them one at a time, or save them with .clone().`,
  );
}

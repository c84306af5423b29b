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
  /** A place of the file that is a multiple of 64 in memory, so that elements are aligned and need no copy. */
  readonly origin: number;
  /** Two pieces of a file with the same name are one tensor. */
  readonly same: string;
  /** The tensor, of exactly the piece's bytes: a view of them where that can be. */
  decode(bytes: Uint8Array): Tensor;
}

/** An entry and its piece. */
export interface PieceEntry extends WeightEntry {
  readonly piece: Piece;
}

/** What memory is aligned to: the widest element has 8 bytes, vector instructions have 64. */
const ALIGN = 64;
/**
 * Bytes that are read at once, where no single piece is longer. Small enough that the C library takes the memory from
 * its heap, where it is used again: pages that the system has to make anew cost three times as much as reading them.
 */
const BLOCK = 4 * 1024 ** 2;
/** Blocks that are read at the same time. */
const AHEAD = 3;
/** Bytes between two pieces that are read over rather than skipped. */
const GAP = 64 * 1024;
/** What tensors may need beyond three times the file: tied and widened tensors of small files. */
const SLACK = 32 * 1024 ** 2;

/** Reads one piece. */
export async function readPiece(piece: Piece): Promise<Tensor> {
  const start = startOf(piece);
  const bytes = await piece.source.read(start, piece.offset - start + piece.length);
  return piece.decode(bytes.subarray(piece.offset - start));
}

/** Where reading begins so that the piece's origin is aligned in memory. */
function startOf({ offset, origin }: Piece): number {
  const before = (((offset - origin) % ALIGN) + ALIGN) % ALIGN;
  return Math.max(0, offset - before);
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
  const blocks = [...sources.values()].flatMap(blocksOf);
  const reading: Promise<Uint8Array>[] = [];
  const begin = (i: number): void => {
    const block = blocks[i];
    if (!block) return;
    reading[i] = block.source.read(block.start, block.end - block.start);
    reading[i].catch(() => undefined); // it is told when its turn comes
  };
  for (let i = 0; i < AHEAD; i++) begin(i);
  try {
    for (const [i, block] of blocks.entries()) {
      const bytes = await reading[i]!;
      delete reading[i]; // the tensors hold on to it, or nothing does
      begin(i + AHEAD);
      for (const alike of block.groups) {
        const { piece } = alike[0]!;
        const at = piece.offset - block.start;
        take(piece.decode(bytes.subarray(at, at + piece.length)), alike);
      }
    }
  } finally {
    await Promise.allSettled(reading); // whoever closes the file then closes none that is being read
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
      block = { source, start: startOf(group[0]!.piece), end, groups: [group] };
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

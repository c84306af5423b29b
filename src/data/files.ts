import { Fault } from '../core/fault.ts';

/** One thing in a folder. */
export interface FileEntry {
  readonly name: string;
  readonly kind: 'file' | 'folder';
}

/** A file that is read in pieces, at any place. */
export interface OpenFile {
  /** Size in bytes when it was opened. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`; a fault, before anything is allocated, where they reach beyond the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** What a runtime offers to reach files; paths are joined with `/`. All throw a `data` fault that names the path. */
export interface Files {
  /** What is in a folder, in no order; links are followed. */
  list(folder: string): Promise<readonly FileEntry[]>;
  /** A file's bytes; a larger file than `maxBytes` is refused before it is read. */
  read(path: string, maxBytes: number): Promise<Uint8Array>;
  /** Opens a file to be read in pieces; whoever opens it closes it. */
  open(path: string): Promise<OpenFile>;
}

/** Refuses a piece that does not lie inside a file of `size` bytes; `where` (the file's name) begins the message. */
export function checkPiece(size: number, offset: number, length: number, where: string): void {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (whole && offset >= 0 && length >= 0 && offset + length <= size) return;
  throw new Fault(
    'data',
    `${where}: expected a piece inside its ${size} bytes, got ${length} bytes from byte ${offset}. The file is cut short or damaged.`,
  );
}

/** `a/b` of `a` and `b`, whatever slash ends `a`. */
export function joinPath(folder: string, name: string): string {
  return /[/\\]$/.test(folder) ? folder + name : `${folder}/${name}`;
}

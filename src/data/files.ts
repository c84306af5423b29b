/** One thing in a folder. */
export interface FileEntry {
  readonly name: string;
  readonly kind: 'file' | 'folder';
}

/** What a runtime offers to reach files; paths are joined with `/`. Both throw a `data` fault that names the path. */
export interface Files {
  /** What is in a folder, in no order; links are followed. */
  list(folder: string): Promise<readonly FileEntry[]>;
  /** A file's bytes; a larger file than `maxBytes` is refused before it is read. */
  read(path: string, maxBytes: number): Promise<Uint8Array>;
}

/** `a/b` of `a` and `b`, whatever slash ends `a`. */
export function joinPath(folder: string, name: string): string {
  return /[/\\]$/.test(folder) ? folder + name : `${folder}/${name}`;
}

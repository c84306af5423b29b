/** The bytes of a file, one part after the other; parts may be made while the file is written. */
export type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** What a runtime offers to write files; paths are joined with `/`. All throw a `data` fault that names the path. */
export interface Output {
  /** Makes a folder and those above it; one that exists stays as it is. */
  makeFolder(path: string): Promise<void>;
  /** Writes a whole file or nothing: an older one stays until the new one is safe on the disk. */
  write(path: string, pieces: Pieces): Promise<void>;
  /** Adds text or bytes to the end of a file, which is made if need be. */
  append(path: string, more: string | Uint8Array): Promise<void>;
  /** Gives a file another name in the same folder; a file of that name is replaced. */
  rename(from: string, to: string): Promise<void>;
  /** Whether there is a file or folder. */
  exists(path: string): Promise<boolean>;
  /** Removes a file; none there is fine. */
  remove(path: string): Promise<void>;
}

/** The bytes of a text, as UTF-8. */
export function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

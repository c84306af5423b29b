/** Bytes that are read in pieces. */
export interface ByteSource {
  /** Size in bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`; a `data` fault where they reach beyond the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** Bytes of an open file. */
export interface OpenSource extends ByteSource {
  close(): Promise<void>;
}

/** What reading weights needs of a runtime's files. */
export interface SourceFiles {
  list(folder: string): Promise<readonly { readonly name: string; readonly kind: 'file' | 'folder' }[]>;
  open(path: string): Promise<OpenSource>;
}

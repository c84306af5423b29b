import { Fault } from '../../src/core/fault.ts';
import { checkPiece, type FileEntry, type Files, type OpenFile } from '../../src/data/files.ts';

/** Files held in memory, by path; folders are what the paths say. */
export function memoryFiles(contents: Readonly<Record<string, Uint8Array>>, folders: readonly string[] = []): Files {
  const list = async (folder: string): Promise<readonly FileEntry[]> => {
    const entries = new Map<string, FileEntry['kind']>();
    for (const path of [...Object.keys(contents), ...folders.map((f) => `${f}/`)]) {
      if (!path.startsWith(`${folder}/`)) continue;
      const [name, ...rest] = path.slice(folder.length + 1).split('/');
      if (name) entries.set(name, rest.length > 0 ? 'folder' : 'file');
      else entries.set('', 'folder');
    }
    if (entries.size === 0) throw new Fault('data', `${folder}: expected a folder, got nothing.`);
    entries.delete('');
    return [...entries].map(([name, kind]) => ({ name, kind }));
  };
  const read = async (path: string): Promise<Uint8Array> => {
    const bytes = contents[path];
    if (bytes === undefined) throw new Fault('data', `${path}: expected a readable file, got nothing.`);
    return bytes;
  };
  const open = async (path: string): Promise<OpenFile> => {
    const bytes = await read(path);
    return {
      size: bytes.length,
      read: async (offset, length) => {
        checkPiece(bytes.length, offset, length, path);
        return bytes.slice(offset, offset + length);
      },
      close: async () => undefined,
    };
  };
  return { list, read, open };
}

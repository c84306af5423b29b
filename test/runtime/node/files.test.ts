import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { nodeFiles } from '../../../src/runtime/node/files.ts';

const folder = mkdtempSync(join(tmpdir(), 'farsight-files-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A file of `size` bytes, the byte at i is i mod 251. */
function made(name: string, size: number): string {
  const path = join(folder, name);
  writeFileSync(
    path,
    Uint8Array.from({ length: size }, (_, i) => i % 251),
  );
  return path;
}

describe('a file opened for pieces', () => {
  it('gives exactly the bytes of a piece, over the boundary of two calls too', async () => {
    const size = 9 * 1024 ** 2 + 3;
    const file = await nodeFiles.open(made('large', size));
    expect(file.size).toBe(size);
    expect([...(await file.read(300, 4))]).toEqual([49, 50, 51, 52]);
    const most = await file.read(5, size - 5);
    expect(most.length).toBe(size - 5);
    for (const i of [0, 8 * 1024 ** 2 - 1, 8 * 1024 ** 2, size - 6]) expect(most[i]).toBe((i + 5) % 251);
    expect((await file.read(size, 0)).length).toBe(0);
    await file.close();
  });

  it('refuses a piece beyond its end before it allocates', async () => {
    const file = await nodeFiles.open(made('small', 10));
    for (const [offset, length] of [
      [0, 11],
      [11, 0],
      [-1, 2],
      [0, 2 ** 52],
      [0.5, 1],
      [0, Number.NaN],
    ] as const) {
      await expect(file.read(offset, length)).rejects.toMatchObject({ code: 'data' });
    }
    await expect(file.read(8, 4)).rejects.toThrow(
      /small: expected a piece inside its 10 bytes, got 4 bytes from byte 8/,
    );
    await file.close();
  });

  it('tells that a file shrank since it was opened', async () => {
    const path = made('shrinks', 100);
    const file = await nodeFiles.open(path);
    truncateSync(path, 60);
    await expect(file.read(50, 20)).rejects.toThrow(/expected 10 more bytes at byte 60, got none/);
    await file.close();
  });

  it('names what is not a file', async () => {
    await expect(nodeFiles.open(folder)).rejects.toThrow(/expected a file, got something else/);
    await expect(nodeFiles.open(join(folder, 'none'))).rejects.toThrow(/expected a readable file, got nothing/);
  });
});

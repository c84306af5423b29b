import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { textBytes } from '../../../src/data/output.ts';
import { nodeOutput } from '../../../src/runtime/node/output.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'farsight-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Writes 4 MB to a file in a process that may write files of at most 1 MB: the disk is full in the middle. */
async function writeTooMuch(path: string): Promise<string> {
  const module = pathToFileURL(join(import.meta.dirname, '../../../src/runtime/node/output.ts')).href;
  const code = `const { nodeOutput } = await import('${module}');
    process.on('SIGXFSZ', () => undefined);
    await nodeOutput.write('${path}', [new Uint8Array(5e5), new Uint8Array(4e6)]).catch((e) => console.log(e.message));`;
  const tsx = createRequire(import.meta.url).resolve('tsx');
  const node = `"${process.execPath}" --import "${pathToFileURL(tsx).href}" --input-type=module -e "${code}"`;
  const { stdout } = await promisify(execFile)('bash', ['-c', `ulimit -f 1000; ${node}`]);
  return stdout;
}

describe('writing a file', () => {
  test('puts the pieces after each other and leaves nothing else', async () => {
    await mkdir(join(folder, 'a'));
    await nodeOutput.write(join(folder, 'a', 'x'), [textBytes('one '), textBytes('two')]);
    expect(await readFile(join(folder, 'a', 'x'), 'utf8')).toBe('one two');
    expect(await readdir(join(folder, 'a'))).toEqual(['x']);
  });
  test('keeps the older one, and no part of the new one, where the room ends in the middle', async () => {
    const path = join(folder, 'b', 'x');
    await mkdir(join(folder, 'b'));
    await writeFile(path, 'older');
    expect(await writeTooMuch(path)).toContain(`${path}: expected a file that can be written, got a file system`);
    expect(await readFile(path, 'utf8')).toBe('older');
    expect(await readdir(join(folder, 'b'))).toEqual(['x']);
  });
  test.each([
    ['no/such/folder/x', 'a folder that does not exist'],
    ['file/x', 'a path that leads through a file'],
  ])('to %s is refused with the reason', async (path, reason) => {
    await writeFile(join(folder, 'file'), '');
    await expect(nodeOutput.write(join(folder, path), [])).rejects.toMatchObject({
      code: 'data',
      message: expect.stringContaining(reason),
    });
  });
});

describe('adding to a file', () => {
  test('makes it and adds lines', async () => {
    await nodeOutput.append(join(folder, 'lines'), 'a\n');
    await nodeOutput.append(join(folder, 'lines'), 'b\n');
    expect(await readFile(join(folder, 'lines'), 'utf8')).toBe('a\nb\n');
  });
});

describe('a folder', () => {
  test('is made with those above it, once or twice', async () => {
    for (let i = 0; i < 2; i++) await nodeOutput.makeFolder(join(folder, 'x', 'y'));
    expect(await nodeOutput.exists(join(folder, 'x', 'y'))).toBe(true);
    await nodeOutput.remove(join(folder, 'lines'));
    expect(await nodeOutput.exists(join(folder, 'lines'))).toBe(false);
  });
});

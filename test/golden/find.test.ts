import { describe, expect, it } from 'vitest';
import type { Files } from '../../src/data/files.ts';
import { findCases, isMeant } from '../../src/golden/find.ts';
import { memoryFiles } from '../support/memory-files.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = (name: string): Uint8Array => bytes(JSON.stringify({ name, source: 'this test', checks: 'nothing' }));

async function paths(files: Files, folder: string): Promise<string[]> {
  const out: string[] = [];
  for await (const found of findCases(files, folder)) out.push(found.path);
  return out;
}

describe('findCases', () => {
  it('finds cases at any depth in the order of their paths, and passes over other files', async () => {
    const files = memoryFiles({
      'top/ops/nms.json': json('nms'),
      'top/ops/deep/er/pool.json': json('pool'),
      'top/a.json': json('a'),
      'top/ops/annotations.json': bytes('{"images": []}'),
      'top/ops/broken.json': bytes('{'),
      'top/ops/nms.safetensors': bytes('tensors'),
      'top/README.md': bytes('# Cases'),
    });
    expect(await paths(files, 'top')).toEqual(['top/a.json', 'top/ops/deep/er/pool.json', 'top/ops/nms.json']);
  });

  it('opens the tensors and files beside a case, and only those', async () => {
    const files = memoryFiles({
      'top/ops/nms.json': json('nms'),
      'top/ops/nms.safetensors': bytes('tensors'),
      'top/ops/cat.png': bytes('picture'),
    });
    const { value: found } = await findCases(files, 'top').next();
    const opened = await found!.open();
    expect(opened).toMatchObject({ folder: 'top/ops', name: 'nms', weights: bytes('tensors') });
    expect(await opened.readFile!('cat.png')).toEqual(bytes('picture'));
  });

  it('takes JSON that does not parse for a case when tensors of its name lie beside it', async () => {
    const files = memoryFiles({ 'top/torn.json': bytes('{"name": "to'), 'top/torn.safetensors': bytes('tensors') });
    expect(await paths(files, 'top')).toEqual(['top/torn.json']);
  });

  it('ends in folders that lead back into themselves', async () => {
    const looped: Files = { ...memoryFiles({}), list: async () => [{ name: 'again', kind: 'folder' }] };
    await expect(paths(looped, 'top')).rejects.toMatchObject({
      code: 'data',
      message: expect.stringContaining('link'),
    });
  });

  it('says which folder is missing', async () => {
    await expect(paths(memoryFiles({}), 'nowhere')).rejects.toMatchObject({ code: 'data' });
  });
});

describe('isMeant', () => {
  const path = '/corpus/blocks/nonlocal2d_dot_product.json';

  it.each(['nonlocal2d', 'blocks/nonlocal', 'nonlocal2d_*', 'blocks/*_product', 'x,*dot*', '*'])('%s means it', (p) => {
    expect(isMeant(path, p)).toBe(true);
  });

  it.each(['nonlocal3d', 'ops/nonlocal*', 'local2d_*', 'nonlocal2d.dot*', '', 'corpus'])('"%s" does not', (p) => {
    expect(isMeant(path, p)).toBe(false);
  });
});

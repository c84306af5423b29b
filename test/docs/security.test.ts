import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { messageOf } from '../../src/core/fault.ts';
import { readWeights } from '../../src/weights/open.ts';
import { CALLABLE } from '../../src/weights/torch/globals.ts';
import { STORAGE_TYPES } from '../../src/weights/torch/storage.ts';
import { memoryFiles } from '../support/memory-files.ts';
import { archive, pickle } from '../weights/torch/build.ts';

const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');
const flat = page.replace(/\s+/g, ' ');

describe('the page on security', () => {
  it('names every global that makes something, and every element type', () => {
    const names = CALLABLE.map((name) => name.replace(/^(torch\._utils|collections|builtins|__builtin__)\./, ''));
    const missing = names.filter((name) => !flat.includes(name.replace('numpy._core', 'numpy.core')));
    expect(missing).toEqual([]);
    expect([...STORAGE_TYPES.values()].filter(({ stored }) => !flat.includes(stored))).toEqual([]);
  });

  it('shows the message that a hostile pickle meets', async () => {
    const hostile = archive(pickle('cos\nsystem\n)R0cbuiltins\neval\n)R'));
    const said = await readWeights(memoryFiles({ 'w.pth': hostile }), 'w.pth').catch(messageOf);
    expect(flat).toContain(said);
  });
});

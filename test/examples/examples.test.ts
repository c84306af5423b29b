import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { colourFolder, scratch } from '../train/made.ts';

const root = join(import.meta.dirname, '../..');
const folder = scratch();

/** Runs an example from its source and gives what it prints. */
async function run(example: string, ...args: readonly string[]): Promise<string> {
  const node = ['--import', 'tsx', join(root, 'examples', example), ...args];
  return (await promisify(execFile)(process.execPath, node, { cwd: root })).stdout;
}

describe('the example', () => {
  test('that trains tells colours apart', async () => {
    const pictures = await colourFolder(join(folder, 'pictures'), 40);
    const out = await run('train.ts', pictures, join(pictures, 'green', '0.png'), join(folder, 'run'));
    expect(out).toMatch(/^epoch 1\nepoch 2\nepoch 3\nbalanced accuracy (0\.9|1\.0)/);
    expect(out).toContain('0.png: green');
  });
});

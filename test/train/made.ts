import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

export { colourFolder, smallRun } from './colours.ts';

/** A folder that is removed when the tests of a file are over; to be asked for at the top of the file. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'farsight-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

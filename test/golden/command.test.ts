import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { float32, type Tensor } from '../../src/core/tensor.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** Runs `farsight golden`. */
function golden(...args: readonly string[]): { status: number | null; lines: string[]; errors: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), MAIN, 'golden', ...args],
    { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } },
  );
  return { status, lines: stdout.trimEnd().split('\n'), errors: stderr };
}

/** Writes a case that pools two windows of two numbers. */
function writeCase(folder: string, name: string, expected: readonly number[]): void {
  const y = float32([1, 1, 2], expected);
  const json = {
    name,
    source: 'this test',
    checks: 'pooling',
    inputs: { x: { shape: [1, 1, 4], from: 'stored' } },
    state: [],
    outputs: { 'y.k2': { shape: y.shape, mean: 0, l2: 0, absmax: 4, stored: 'whole' } },
    parameters: 0,
  };
  const tensors = new Map<string, Tensor>([
    ['y.k2', y],
    ['input.x', float32([1, 1, 4], [1, 2, 4, 3])],
  ]);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(json));
  writeFileSync(join(folder, `${name}.safetensors`), writeSafetensors(tensors));
}

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'farsight-golden-'));
  writeCase(join(root, 'right/ops'), 'pool_right', [2, 4]);
  writeCase(join(root, 'mixed/ops'), 'pool_right', [2, 4]);
  writeCase(join(root, 'mixed/ops'), 'pool_wrong', [2, 5]);
  writeCase(join(root, 'mixed/ops'), 'unheard_of', [2, 4]);
  mkdirSync(join(root, 'empty'));
});
afterAll(() => rmSync(root, { recursive: true }));

describe('farsight golden', () => {
  it('prints a row a case and, last, the counts; exit code 0 if none fails', () => {
    const { status, lines } = golden(join(root, 'right'));
    expect(lines).toEqual([
      expect.stringMatching(/^pass {2}ops\/pool_right +0\.0e\+0 of +1\.0e-5$/),
      '1 passed, 0 failed, 0 skipped',
    ]);
    expect(status).toBe(0);
  });

  it('tells failed and skipped cases with why, and exits with 1', () => {
    const { status, lines } = golden(join(root, 'mixed'));
    expect(lines[1]).toMatch(/^fail {2}ops\/pool_wrong +2\.0e-1 of +1\.0e-5 {2}y\.k2: relative error 0\.2000 at/);
    expect(lines[2]).toMatch(
      /^skip {2}ops\/unheard_of +- of +- {2}not supported yet: operator cases named unheard_of$/,
    );
    expect(lines.at(-1)).toBe('1 passed, 1 failed, 1 skipped');
    expect(status).toBe(1);
  });

  it('prints one object a line with --json', () => {
    const { lines } = golden(join(root, 'mixed'), '--json', '--only', 'pool_*');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { case: 'pool_right', status: 'pass', error: 0, bound: 1e-5, why: '' },
      { case: 'pool_wrong', status: 'fail', error: 0.2, bound: 1e-5, why: expect.stringContaining('y.k2') },
    ]);
  });

  it('says in one sentence what is wrong with its arguments', () => {
    const missing = golden(join(root, 'nowhere'));
    expect(missing).toMatchObject({
      status: 1,
      errors: expect.stringMatching(/nowhere: expected a folder, got nothing/),
    });
    const empty = golden(join(root, 'right'), join(root, 'empty'));
    expect(empty).toMatchObject({ status: 1, errors: expect.stringMatching(/empty: expected golden cases/) });
    const pattern = golden(join(root, 'right'), '--only', 'conv*');
    expect(pattern).toMatchObject({ status: 2, errors: expect.stringMatching(/--only: .*got "conv\*"/) });
  });
});

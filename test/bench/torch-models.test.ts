import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findPython } from '../../bench/python.ts';

const python = findPython();
const SCRIPT = fileURLToPath(new URL('../../bench/peers/check_torch_models.py', import.meta.url));
const GOLDEN = fileURLToPath(new URL('../../../shared/golden', import.meta.url));
const WINDOWS = ['cotlayer_d32_k5', 'cot_bottleneck_s2', 'local_relation_k3_s2', 'local_relation_k7'];

interface Checked {
  readonly case: string;
  /** Relative error of each output. */
  readonly errors: Readonly<Record<string, number>>;
}

function check(way: string, cases: readonly string[] = []): readonly Checked[] {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  const args = [SCRIPT, GOLDEN, way, ...cases.map((name) => `blocks/${name}`)];
  const { stdout, stderr, status } = spawnSync(python!.path, args, { encoding: 'utf8', env });
  expect(status, stderr).toBe(0);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Checked);
}

/** Cases with an output beyond the bound of their kind, or with none. */
function beyond(checked: readonly Checked[]): readonly Checked[] {
  return checked.filter(({ case: name, errors }) => {
    const bound = name.startsWith('blocks/') ? 1e-5 : 1e-4;
    const found = Object.values(errors);
    return found.length === 0 || !found.every((error) => error <= bound);
  });
}

const missing = python ? `no golden cases in ${GOLDEN}` : 'no python3 with torch was found';
const there = python !== undefined && existsSync(GOLDEN);

describe.runIf(there)('the PyTorch models of the benchmark', () => {
  it('are the references: names, outputs and gradients of the golden cases', () => {
    const checked = check('unfold');
    expect(checked).toHaveLength(13);
    expect(beyond(checked)).toEqual([]);
  }, 120_000);

  it('give the same numbers where windows are read tap by tap', () => {
    expect(beyond(check('shifts', WINDOWS))).toEqual([]);
  }, 120_000);
});

const required = process.env['FARSIGHT_REQUIRE_TORCH'] === '1';
if (!there && required) it('has PyTorch and the golden cases', () => expect.fail(missing));
else if (!there) it.skip(`the PyTorch models are the references (skipped: ${missing})`, () => undefined);

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findPython } from '../../bench/python.ts';
import { fill, fillInput } from '../../src/golden/fill.ts';

const python = findPython();
const PEERS = fileURLToPath(new URL('../../bench/peers', import.meta.url));
const TENSORS: readonly (readonly [string, readonly number[]])[] = [
  ['layer1.0.conv1.weight', [8, 4, 3, 3]],
  ['bn1.running_var', [16]],
  ['bn1.running_mean', [16]],
  ['bn1.weight', [16]],
  ['context_block.channel_add_conv.1.weight', [16, 1, 1]],
  ['fc.bias', [10]],
  ['bn1.num_batches_tracked', []],
];
const PROGRAM = `
import json, sys
sys.path.insert(0, sys.argv[1])
import pytorch
filled = [pytorch.fill(name, shape).flatten().tolist() for name, shape in json.loads(sys.argv[2])]
pytorch.say(filled + [pytorch.fill_input("x", (5, 7)).flatten().tolist()])
`;

// Without a python3 with torch there is no PyTorch side that could be wrong.
describe.runIf(python)('the PyTorch side', () => {
  it('fills every kind of tensor with the bits of ours', () => {
    const args = ['-c', PROGRAM, PEERS, JSON.stringify(TENSORS)];
    const { stdout, stderr } = spawnSync(python!.path, args, { encoding: 'utf8' });
    expect(stdout, stderr).not.toBe('');
    const theirs = (JSON.parse(stdout) as number[][]).map((values) => Float32Array.from(values));
    const ours = [...TENSORS.map(([name, shape]) => fill(name, shape)), fillInput('x', [5, 7])];
    expect(theirs).toEqual(ours);
  });
});

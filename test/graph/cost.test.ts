import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/fault.ts';
import { costByModule, costOf, totalMacs } from '../../src/graph/cost.ts';
import { symbol } from '../../src/graph/dimension.ts';
import * as op from '../../src/graph/ops/index.ts';
import { printGraph, printModules } from '../../src/graph/print.ts';
import { input, within } from '../../src/graph/trace.ts';
import type { Value } from '../../src/graph/value.ts';

/** A convolution, ReLU, mean over positions and a linear layer, in modules. */
function small(batch = 2): Map<string, Value> {
  const x = input('x', 'float32', [batch, 3, 8, 8]);
  const w = input('stem.conv.weight', 'float32', [4, 3, 3, 3]);
  const fc = input('fc.weight', 'float32', [10, 4]);
  const y = within('stem.conv', () => op.conv(x, w, { pads: [1, 1, 1, 1], strides: [2, 2] })); // [2, 4, 4, 4]
  const z = within('stem', () => op.relu(y));
  const pooled = op.reduceMean(z, [2, 3], false);
  return new Map([['logits', within('fc', () => op.matMul(pooled, fc, { transB: true }))]]);
}
const parameters = new Set(['stem.conv.weight', 'fc.weight']);

describe('cost', () => {
  it('counts a product for each multiply-add of convolutions and linear layers', () => {
    expect(costOf(small()).macs).toEqual({ conv: 2 * 4 * 4 * 4 * 27, linear_mm: 2 * 10 * 4, batched_matmul: 0 });
  });
  it('counts products of batches apart from those with a matrix', () => {
    const [q, k, w] = [
      [2, 5, 3],
      [2, 3, 7],
      [7, 4],
    ].map((s, i) => input(`a${i}`, 'float32', s)) as [Value, Value, Value];
    const y = op.matMul(op.matMul(q, k), w);
    expect(costOf(new Map([['y', y]])).macs).toEqual({
      conv: 0,
      batched_matmul: 2 * 5 * 7 * 3,
      linear_mm: 2 * 5 * 4 * 7,
    });
  });
  it('counts a transposed convolution by its input, in groups', () => {
    const [x, w] = [input('x', 'float32', [1, 4, 5, 5]), input('w', 'float32', [4, 3, 2, 2])];
    const y = op.convTranspose(x, w, { group: 2, strides: [2, 2] });
    expect(costOf(new Map([['y', y]])).macs.conv).toBe(4 * 25 * 3 * 4);
  });
  it('counts the elements of parameters', () => {
    expect(costOf(small(), { parameters }).parameters).toBe(4 * 27 + 40);
    expect(costOf(small()).parameters).toBe(0);
  });
  it('moves every input and output once, and nothing for a view', () => {
    const x = input('x', 'float32', [6]);
    const i = input('i', 'int64', [2]);
    const y = op.gather(op.reshape(x, [2, 3]), i);
    const { bytesRead, bytesWritten, nodes } = costOf(new Map([['y', y]]));
    expect([bytesRead, bytesWritten, nodes]).toEqual([6 * 4 + 2 * 8, 6 * 4, 2]);
  });
  it('sums modules to the whole, at any depth', () => {
    for (const depth of [1, 2, 9]) {
      const modules = [...costByModule(small(), { parameters, depth }).values()];
      const whole = costOf(small(), { parameters });
      expect(modules.reduce((n, c) => n + totalMacs(c.macs), 0)).toBe(totalMacs(whole.macs));
      expect(modules.reduce((n, c) => n + c.bytesRead + c.bytesWritten, 0)).toBe(whole.bytesRead + whole.bytesWritten);
      expect(modules.reduce((n, c) => n + c.parameters, 0)).toBe(whole.parameters);
    }
  });
  it('gives a parameter to the module that its name says', () => {
    const modules = costByModule(small(), { parameters });
    expect([...modules].map(([path, c]) => [path, c.parameters])).toEqual([
      ['stem.conv', 108],
      ['stem', 0],
      ['', 0],
      ['fc', 40],
    ]);
    expect([...costByModule(small(), { parameters, depth: 1 }).keys()]).toEqual(['stem', '', 'fc']);
  });
  it('refuses sizes that are still open', () => {
    const y = op.relu(input('x', 'float32', [symbol('batch'), 2]));
    expect(() => costOf(new Map([['y', y]]))).toThrow(Fault);
  });
});

describe('peak memory', () => {
  const bytes = (n: number): number => n * 4;
  const peak = (y: Value): number => costOf(new Map([['y', y]])).peakBytes;
  const x = input('x', 'float32', [10]);
  it('of a chain is the input and two neighbours', () => {
    const turn = (v: Value): Value => op.transpose(op.reshape(v, [2, 5]), [1, 0]);
    expect(peak(turn(turn(turn(x))))).toBe(bytes(10 + 20));
  });
  it('of elementwise steps in place is the input and one buffer', () => {
    expect(peak(op.tanh(op.sigmoid(op.exp(x))))).toBe(bytes(10 + 10));
  });
  it('holds what is read again later', () => {
    const a = op.exp(x);
    const b = op.transpose(op.reshape(a, [2, 5]), [1, 0]);
    const c = op.transpose(b, [1, 0]);
    expect(peak(op.concat([op.reshape(c, [10]), a], 0))).toBe(bytes(10 + 10 + 10 + 20));
  });
  it('does not free inputs, which are fed from outside', () => {
    expect(peak(op.concat([x, x], 0))).toBe(bytes(10 + 20));
  });
});

describe('printing', () => {
  it('shows every node with its shape, attributes and module', () => {
    const lines = printGraph(small()).split('\n');
    expect(lines).toContain('  stem.conv.weight: float32 [4, 3, 3, 3]');
    expect(lines).toContain('  %1 = Relu(%0) -> float32 [2, 4, 4, 4]  # stem');
    expect(lines).toContain('  %2 = ReduceMean(%1) {axes: [2, 3], keepdims: 0} -> float32 [2, 4]');
    expect(lines.at(-1)).toBe('  logits = %3: float32 [2, 10]');
  });
  it('shows open sizes and single numbers where they are used', () => {
    const n = symbol('n');
    const y = op.expand(op.reshape(op.mul(input('x', 'float32', [n, 2]), op.size(3)), [2, n]), [4, 2, n]);
    const text = printGraph(new Map([['y', y]]));
    expect(text).toContain('%0 = Mul(x, 3) -> float32 [n, 2]');
    expect(text).toContain('%1 = Reshape(%0) {shape: [2, n]} -> float32 [2, n]');
  });
  it('sums modules in a table', () => {
    const lines = printModules(small(), { parameters, depth: 1 }).split('\n');
    expect(lines.map((l) => l.split(/ {2,}/).map((c) => c.trim()))).toEqual([
      ['module', 'parameters', 'multiply-adds', 'share', 'moved'],
      ['stem', '108', '3,456', '97.7 %', '0.0 MiB'],
      ['(none)', '0', '0', '0.0 %', '0.0 MiB'],
      ['fc', '40', '80', '2.3 %', '0.0 MiB'],
      ['total', '148', '3,536', '100.0 %', '0.0 MiB'],
      ['peak memory about 0.0 MiB'],
    ]);
  });
});

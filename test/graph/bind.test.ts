import { describe, expect, it } from 'vitest';
import { float32 } from '../../src/core/tensor.ts';
import { backward } from '../../src/graph/backward.ts';
import { bindGraph } from '../../src/graph/bind.ts';
import { floorDivDim, mulDim, showDims, symbol } from '../../src/graph/dimension.ts';
import * as op from '../../src/graph/ops/index.ts';
import { graphOf, input, nodesOf, within } from '../../src/graph/trace.ts';
import type { Value } from '../../src/graph/value.ts';
import { interpret } from '../support/interpret.ts';

const [n, h] = [symbol('n'), symbol('h')];

/** x [n, 2, h, h] pooled, gathered into rows, and each row's share of the sum. */
function network(): Value {
  const x = input('x', 'float32', [n, 2, h, h]);
  const y = within('pool', () => op.maxPool(x, { kernel_shape: [2, 2], strides: [2, 2] }));
  const rows = op.reshape(y, [n, mulDim(2, mulDim(floorDivDim(h, 2), floorDivDim(h, 2)))]);
  return op.softmax(op.slice(op.pad(rows, [0, 0], [0, h]), { axes: [1], starts: [0], ends: [h] }), 1);
}

describe('binding', () => {
  it('replaces symbols in inputs, attributes and all shapes', () => {
    const bound = bindGraph(
      new Map([['y', network()]]),
      new Map([
        ['n', 3],
        ['h', 5],
      ]),
    );
    expect(showDims(bound.get('y')!.shape)).toBe('[3, 5]');
    expect(showDims(graphOf(bound).inputs[0]!.shape)).toBe('[3, 2, 5, 5]');
    const open = nodesOf(bound.values()).flatMap((node) => node.outputs.flatMap((v) => v.shape));
    expect(open.every((d) => typeof d === 'number')).toBe(true);
  });
  it('gives the numbers of a graph traced with sizes', () => {
    const bound = bindGraph(
      new Map([['y', network()]]),
      new Map([
        ['n', 1],
        ['h', 2],
      ]),
    );
    const feeds = new Map([['x', float32([1, 2, 2, 2], [1, 4, 2, 3, -1, 0, 0.5, -2])]]);
    const e = Math.exp(-3.5); // the two maxima are 4 and 0.5
    const [a, b] = interpret(bound, feeds).get('y')!.data;
    expect(a).toBeCloseTo(1 / (1 + e), 12);
    expect(b).toBeCloseTo(e / (1 + e), 12);
  });
  it('keeps module paths', () => {
    const bound = bindGraph(
      new Map([['y', network()]]),
      new Map([
        ['n', 3],
        ['h', 4],
      ]),
    );
    expect(nodesOf(bound.values()).find((v) => v.def === op.MAX_POOL)?.path).toBe('pool');
  });
  it('leaves other symbols open and untouched nodes as they are', () => {
    const w = input('w', 'float32', [4]);
    const scaled = op.exp(w);
    const y = op.add(op.relu(input('x', 'float32', [n, h, 4])), scaled);
    const bound = bindGraph(new Map([['y', y]]), new Map([['n', 7]]));
    expect(showDims(bound.get('y')!.shape)).toBe('[7, h, 4]');
    expect(nodesOf(bound.values())).toContain(scaled.node);
  });
  it('of nothing gives the same values', () => {
    const y = network();
    expect(bindGraph(new Map([['y', y]]), new Map()).get('y')).toBe(y);
  });
  it('comes before differentiation of what needs sizes', () => {
    const bound = bindGraph(
      new Map([['y', network()]]),
      new Map([
        ['n', 1],
        ['h', 2],
      ]),
    );
    const x = graphOf(bound).inputs[0]!;
    const loss = op.reduceSum(op.slice(bound.get('y')!, { axes: [1], starts: [0], ends: [1] }), undefined, false);
    const dx = interpret(
      new Map([['dx', backward(loss, [x]).get(x)!]]),
      new Map([['x', float32([1, 2, 2, 2], [1, 4, 2, 3, -1, 0, 0.5, -2])]]),
    );
    const p = 1 / (1 + Math.exp(-3.5));
    const expected = [0, p * (1 - p), 0, 0, 0, 0, -p * (1 - p), 0]; // softmax: dy₀/dx₀ = p (1 − p)
    dx.get('dx')!.data.forEach((v, i) => {
      expect(v).toBeCloseTo(expected[i]!, 7);
    });
  });
});

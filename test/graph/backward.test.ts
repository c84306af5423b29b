import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/fault.ts';
import { float32 } from '../../src/core/tensor.ts';
import { backward } from '../../src/graph/backward.ts';
import { gradientsOf } from '../../src/graph/composite.ts';
import * as op from '../../src/graph/ops/index.ts';
import { input, nodesOf, scalar, within } from '../../src/graph/trace.ts';
import type { Value } from '../../src/graph/value.ts';
import { interpret } from '../support/interpret.ts';

const vector = (name: string, size: number): Value => input(name, 'float32', [size]);
const sum = (v: Value): Value => op.reduceSum(v, undefined, false);

/** Numbers of some values, for the given inputs. */
function numbersOf(
  values: Readonly<Record<string, Value>>,
  feeds: Readonly<Record<string, readonly number[]>>,
): Record<string, number[]> {
  const tensors = new Map(Object.entries(feeds).map(([k, v]) => [k, float32([v.length], v)]));
  return Object.fromEntries([...interpret(new Map(Object.entries(values)), tensors)].map(([k, t]) => [k, [...t.data]]));
}

describe('backward', () => {
  it('adds what comes back along every path', () => {
    const x = vector('x', 2);
    const y = op.add(op.mul(x, x), op.mul(x, scalar(3))); // d/dx (x² + 3 x) = 2 x + 3
    const g = backward(sum(y), [x]);
    expect(numbersOf({ dx: g.get(x)! }, { x: [1, -4] })).toEqual({ dx: [5, -5] });
  });
  it('gives gradients of intermediates too', () => {
    const x = vector('x', 2);
    const y = op.mul(x, scalar(2));
    const g = backward(sum(op.mul(y, y)), [x, y]);
    const numbers = numbersOf({ dx: g.get(x)!, dy: g.get(y)! }, { x: [1, 3] });
    expect(numbers).toEqual({ dx: [8, 24], dy: [4, 12] });
  });
  it('has no entry for what the loss does not depend on', () => {
    const [x, z] = [vector('x', 2), vector('z', 2)];
    expect(backward(sum(x), [x, z]).has(z)).toBe(false);
  });
  it('starts from the seed where one is given', () => {
    const [x, dy] = [vector('x', 3), vector('dy', 3)];
    const g = backward(op.mul(x, x), [x], dy);
    expect(numbersOf({ dx: g.get(x)! }, { x: [1, 2, 3], dy: [1, 10, 100] })).toEqual({ dx: [2, 40, 600] });
  });
  it('stays in the module of what it differentiates', () => {
    const x = vector('x', 2);
    const y = within('block.act', () => op.tanh(x));
    const g = backward(sum(y), [x]).get(x)!;
    expect(g.node.path).toBe('block.act');
  });
  it('refuses a loss of many elements', () => {
    const x = vector('x', 2);
    expect(() => backward(x, [x])).toThrow(Fault);
  });
  it('refuses to go through an operator without a derivative', () => {
    const x = vector('x', 2);
    const y = within('rounding', () => op.round(x));
    expect(() => backward(sum(op.mul(x, y)), [x])).toThrow('rounding: Round has no derivative.');
  });
  it('stops where it is told to', () => {
    const x = vector('x', 2);
    const y = op.mul(x, op.stopGradient(op.round(x)));
    expect(numbersOf({ dx: backward(sum(y), [x]).get(x)! }, { x: [1.25, -2.75] })).toEqual({ dx: [1, -3] });
  });
  it('is multiplied where it is told to', () => {
    const x = vector('x', 2);
    const y = op.add(op.scaleGradient(op.mul(x, scalar(2)), 0.25), x);
    expect(numbersOf({ dx: backward(sum(y), [x]).get(x)! }, { x: [1, 2] })).toEqual({ dx: [1.5, 1.5] });
  });
});

describe('the derivative of a composition', () => {
  it('takes each input by itself, though one depends on the other', () => {
    const x = vector('x', 2);
    const y = op.mul(x, x);
    const [dx, dy] = gradientsOf(([a, b]) => op.mul(a!, b!), [x, y], vector('g', 2));
    expect(numbersOf({ dx: dx!, dy: dy! }, { x: [3, 5], g: [1, 2] })).toEqual({ dx: [9, 50], dy: [3, 10] });
  });
  it('leaves no stand-in behind', () => {
    const [x, g] = [vector('x', 2), vector('g', 2)];
    const [dx] = gradientsOf(([a]) => op.exp(a!), [x], g);
    const names = nodesOf([dx!]).flatMap((node) => (node.inputs.length === 0 ? [node.attributes['name']] : []));
    expect(new Set(names)).toEqual(new Set(['x', 'g']));
  });
  it('is nothing for what plays no part', () => {
    const [x, z] = [vector('x', 2), vector('z', 2)];
    expect(gradientsOf(([a]) => op.exp(a!), [x, z], vector('g', 2))[1]).toBeUndefined();
  });
});

describe('derivatives where there is a choice', () => {
  it('of a maximum of equal inputs are halves', () => {
    const [a, b] = [vector('a', 3), vector('b', 3)];
    const g = backward(sum(op.max(a, b)), [a, b]);
    expect(numbersOf({ da: g.get(a)!, db: g.get(b)! }, { a: [1, 2, 3], b: [1, 1, 4] })).toEqual({
      da: [0.5, 1, 0],
      db: [0.5, 0, 1],
    });
  });
  it('of a clipped value pass on the bounds', () => {
    const x = vector('x', 5);
    const g = backward(sum(op.clip(x, -1, 1)), [x]).get(x)!;
    expect(numbersOf({ dx: g }, { x: [-2, -1, 0, 1, 2] })).toEqual({ dx: [0, 1, 1, 1, 0] });
  });
  it('of ReLU at zero are zero', () => {
    const x = vector('x', 3);
    const g = backward(sum(op.relu(x)), [x]).get(x)!;
    expect(numbersOf({ dx: g }, { x: [-1, 0, 2] })).toEqual({ dx: [0, 0, 1] });
  });
  it('of max pooling go to the first of equals', () => {
    const x = vector('x', 4);
    const y = op.maxPool(op.reshape(x, [1, 1, 4]), { kernel_shape: [3], strides: [1] });
    const g = backward(sum(op.mul(y, scalar(2))), [x]).get(x)!;
    expect(numbersOf({ dx: g }, { x: [7, 7, 1, 7] })).toEqual({ dx: [2, 2, 0, 0] });
  });
  it('of a square at zero are zero, not NaN', () => {
    const [x, e] = [vector('x', 2), vector('e', 2)];
    const g = backward(sum(op.pow(x, e)), [x, e]);
    expect(numbersOf({ dx: g.get(x)!, de: g.get(e)! }, { x: [0, 0], e: [2, 1] })).toEqual({ dx: [0, 1], de: [0, 0] });
  });
});

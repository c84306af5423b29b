import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/fault.ts';
import { addDim, type Dim, floorDivDim, mulDim, sameDims, showDims, symbol } from '../../src/graph/dimension.ts';
import * as op from '../../src/graph/ops/index.ts';
import { input, within } from '../../src/graph/trace.ts';
import type { Value } from '../../src/graph/value.ts';

const [n, h, w] = [symbol('n'), symbol('h'), symbol('w')];
let count = 0;
const x = (...shape: readonly Dim[]): Value => input(`x${count++}`, 'float32', shape);
const indices = (...shape: readonly Dim[]): Value => input(`i${count++}`, 'int64', shape);
const shape = (v: Value): string => showDims(v.shape);
const pair = (v: number): readonly [number, number] => [v, v];
const around = (v: number): readonly number[] => [v, v, v, v];

/** The fault that tracing raises. */
function faultOf(trace: () => unknown): Fault {
  try {
    trace();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error('expected a fault, got none');
}

describe('shapes with open sizes', () => {
  it('of a strided convolution follow the floor of the division', () => {
    const y = op.conv(x(n, 3, h, w), x(8, 3, 3, 3), { strides: pair(2), pads: around(1) });
    const half = (d: Dim): Dim => floorDivDim(addDim(d, 1), 2);
    expect(sameDims(y.shape, [n, 8, half(h), half(w)])).toBe(true);
  });
  it('agree between a 3 x 3 convolution and the 1 x 1 beside it, stage after stage', () => {
    let a = x(n, 4, h, w);
    let b = a;
    for (let stage = 0; stage < 4; stage++) {
      a = op.conv(a, x(4, 4, 3, 3), { strides: pair(2), pads: around(1) });
      b = op.conv(b, x(4, 4, 1, 1), { strides: pair(2) });
    }
    expect(op.add(a, b).shape).toEqual(a.shape);
  });
  it('of pooling in ceil mode equal those of known sizes', () => {
    const windows = [
      { kernel: 3, stride: 2, pad: 1 },
      { kernel: 3, stride: 2, pad: 0 },
      { kernel: 2, stride: 2, pad: 0 },
      { kernel: 2, stride: 3, pad: 0 },
      { kernel: 1, stride: 2, pad: 0 },
      { kernel: 5, stride: 4, pad: 2 },
    ];
    for (const { kernel, stride, pad } of windows) {
      for (let size = kernel; size < 30; size++) {
        const a = { kernel_shape: [kernel], strides: [stride], pads: [pad, pad], ceil_mode: 1 };
        let starts = 0; // PyTorch: windows that begin before the end of x, none after the first to reach its padded end
        for (let p = -pad; p < size; p += stride) {
          starts++;
          if (p + kernel >= size + pad) break;
        }
        expect(op.maxPool(x(1, 1, size), a).shape[2]).toBe(starts);
      }
    }
  });
  it('of a concatenation add up', () => {
    expect(shape(op.concat([x(n, h), x(n, 3), x(n, h)], 1))).toBe('[n, 2*h+3]');
  });
  it('of rows and columns multiply', () => {
    expect(shape(op.reshape(x(n, 6, h, w), [n, 2, 3, -1]))).toBe('[n, 2, 3, h*w]');
    expect(sameDims(op.reshape(x(n, h, w), [-1, w]).shape, [mulDim(n, h), w])).toBe(true);
  });
  it('of products take rows and columns', () => {
    expect(shape(op.matMul(x(n, 1, h, 4), x(5, 4, w)))).toBe('[n, 5, h, w]');
    expect(shape(op.matMul(x(n, 4, h), x(n, w, 4), { transA: true, transB: true }))).toBe('[n, h, w]');
  });
  it('of gathered rows take the shape of the indices', () => {
    expect(shape(op.gather(x(7, h), indices(n, 2), 0))).toBe('[n, 2, h]');
    expect(shape(op.gatherND(x(7, 5, h), indices(n, 2)))).toBe('[n, h]');
  });
  it('of a transposed convolution undo a strided one', () => {
    const y = op.convTranspose(x(n, 4, h, w), x(4, 2, 2, 2), { strides: pair(2) });
    expect(shape(y)).toBe('[n, 2, 2*h, 2*w]');
  });
});

describe('a fault of a shape', () => {
  it('says in which module and at which operator it came up', () => {
    const fault = faultOf(() => within('layer1.0', () => op.add(x(2, 3), x(2, 4))));
    expect(fault.code).toBe('shape');
    expect(fault.message).toContain('layer1.0 (Add): ');
    expect(fault.message).toContain('float32 [2, 3], float32 [2, 4]');
  });
  const cases: Readonly<Record<string, () => unknown>> = {
    'shapes that do not broadcast': () => op.mul(x(2, 3), x(3, 2)),
    'open sizes that may differ': () => op.mul(x(h, 3), x(w, 3)),
    'a convolution of other channels': () => op.conv(x(1, 4, 5, 5), x(2, 3, 3, 3)),
    'a convolution larger than its input': () => op.conv(x(1, 3, 2, 5), x(2, 3, 3, 3)),
    'a product of unlike inner sizes': () => op.matMul(x(2, 3), x(4, 2)),
    'a reshape that loses elements': () => op.reshape(x(2, 3), [4]),
    'a concatenation of unlike sides': () => op.concat([x(2, 3), x(3, 3)], 1),
    'a slice beyond the end': () => op.slice(x(3), { axes: [0], starts: [1], ends: [4] }),
    'an axis that is not there': () => op.softmax(x(2, 3), 2),
    'an axis named twice': () => op.reduceSum(x(2, 3), [1, -1]),
    'negative padding': () => op.pad(x(3), [-1], [0]),
    'batch norm of other channels': () => op.batchNormalizationTraining(x(2, 3, 4), x(4), x(4), 1e-5),
    'parts that do not add up': () => op.split(x(5), [2, 2], 0),
    'more chosen than there are': () => op.topK(x(3), 4, 0),
    'updates of another shape': () => op.scatterND(x(4, 2), indices(3, 1), x(3, 3)),
    'a window with more padding than itself': () =>
      op.maxPool(x(1, 1, 5, 5), { kernel_shape: pair(2), pads: around(2) }),
    'a window for other axes': () => op.averagePool(x(1, 1, 5), { kernel_shape: pair(2) }),
    'a grid without pairs': () =>
      op.gridSample(x(1, 1, 3, 3), x(1, 2, 2, 3), { mode: 'linear', padding: 'zeros', alignCorners: false }),
  };
  for (const [name, trace] of Object.entries(cases)) {
    it(`is raised for ${name}`, () => {
      expect(faultOf(trace).code).toBe('shape');
    });
  }
  it('is one of options where interpolation is asked for two sizes', () => {
    const both = (): unknown => op.interpolate(x(1, 1, 4), { size: [2], scale: [0.5], mode: 'linear' });
    expect(faultOf(both).code).toBe('config');
    expect(faultOf(() => op.interpolate(x(1, 1, 4), { size: [2], mode: 'nearest', alignCorners: true })).code).toBe(
      'config',
    );
  });
  it('is one of the graph where dtypes differ', () => {
    expect(faultOf(() => op.add(x(2), indices(2))).code).toBe('graph');
  });
});

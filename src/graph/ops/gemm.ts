import { mulDim, productDim, sameDim, showDims } from '../dimension.ts';
import { emit1 } from '../trace.ts';
import type { OpDef, Value } from '../value.ts';
import { at, sameDType, shapeFault } from './common.ts';
import { matMul } from './matrix.ts';
import { reduceSum } from './reduce.ts';

/** y = x Wᵀ + b in one pass: a linear layer with its weight as PyTorch keeps it. */
export const GEMM: OpDef = {
  name: 'Gemm',
  domain: '',
  since: 13,
  shape: (inputs) => {
    const [x, w, b] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    const fits = x.shape.length === 2 && w.shape.length === 2 && sameDim(x.shape[1]!, w.shape[1]!);
    if (!fits || b.shape.length !== 1 || !sameDim(b.shape[0]!, w.shape[0]!)) {
      const got = [x, w, b].map((v) => showDims(v.shape)).join(', ');
      throw shapeFault(`expected x [N, C], w [O, C] and b [O], got ${got}.`);
    }
    return [{ shape: [x.shape[0]!, w.shape[0]!], dtype: sameDType(inputs) }];
  },
  // dx = dy W, dW = dyᵀ x, db = Σ_n dy
  vjp: ({ inputs, dy, needs }) => {
    const [x, w] = inputs as readonly [Value, Value];
    const g = dy[0]!;
    return [
      needs(0) ? matMul(g, w) : undefined,
      needs(1) ? matMul(g, x, { transA: true }) : undefined,
      needs(2) ? reduceSum(g, [0], false) : undefined,
    ];
  },
  attributes: { alpha: 'float', beta: 'float', transA: 'int', transB: 'int' },
  macs: (node) => mulDim(productDim(node.outputs[0]!.shape), node.inputs[0]!.shape[1]!),
};

/** x Wᵀ + b. x [N, C], w [O, C], b [O] → [N, O]. */
export function gemm(x: Value, w: Value, b: Value): Value {
  return emit1(GEMM, [x, w, b], { alpha: 1, beta: 1, transA: 0, transB: 1 });
}

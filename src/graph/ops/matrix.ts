import { type Dim, mulDim, productDim, sameDim, showDims } from '../dimension.ts';
import { emit1, scalar } from '../trace.ts';
import type { Attributes, Node, OpDef, Value } from '../value.ts';
import { at, broadcast, sameDType, shapeFault } from './common.ts';
import { mul } from './elementwise.ts';
import { expand, transpose } from './layout.ts';
import { reduceTo } from './reduce.ts';

function flipLast(shape: readonly Dim[]): Dim[] {
  return [...shape.slice(0, -2), shape[shape.length - 1]!, shape[shape.length - 2]!];
}

function productShape(a: readonly Dim[], b: readonly Dim[]): Dim[] {
  if (a.length < 2 || b.length < 2 || !sameDim(a[a.length - 1]!, b[b.length - 2]!)) {
    throw shapeFault(`expected matrices [.., m, k] and [.., k, n], got ${showDims(a)} and ${showDims(b)}.`);
  }
  return [...broadcast(a.slice(0, -2), b.slice(0, -2)), a[a.length - 2]!, b[b.length - 1]!];
}

function swap(x: Value): Value {
  const r = x.shape.length;
  return transpose(x, [...Array.from({ length: r - 2 }, (_, i) => i), r - 1, r - 2]);
}

const operand = (v: Value, flip: unknown): Value['shape'] => (flip ? flipLast(v.shape) : v.shape);

function fusedShape(inputs: readonly (Value | undefined)[], a: Attributes): Dim[] {
  return productShape(operand(at(inputs, 0), a['transA']), operand(at(inputs, 1), a['transB']));
}

const macs = (node: Node): Dim => {
  const a = node.inputs[0]!;
  const k = operand(a, node.attributes['transA']);
  return mulDim(productDim(node.outputs[0]!.shape), k[k.length - 1]!);
};

export const MATMUL: OpDef = {
  name: 'MatMul',
  domain: '',
  since: 13,
  shape: (inputs) => [{ shape: productShape(at(inputs, 0).shape, at(inputs, 1).shape), dtype: sameDType(inputs) }],
  // da = dy bᵀ, db = aᵀ dy, summed over broadcast batches
  vjp: ({ inputs, dy, needs }) => {
    const [a, b] = inputs as readonly [Value, Value];
    return [
      needs(0) ? reduceTo(matMul(dy[0]!, b, { transB: true }), a.shape) : undefined,
      needs(1) ? reduceTo(matMul(a, dy[0]!, { transA: true }), b.shape) : undefined,
    ];
  },
  attributes: {},
  macs,
  // WebGPU's ends the process where an operand has no elements
  elsewhere: {
    webgpu: ({ inputs, outputs }) => (inputs.some(isEmpty) ? [expand(scalar(0), outputs[0]!.shape)] : undefined),
  },
};

function isEmpty(v: Value | undefined): boolean {
  return v?.shape.includes(0) ?? false;
}

/** A product with transposed operands and a factor, in one pass (a contrib operator of ONNX Runtime). */
export const FUSED_MATMUL: OpDef = {
  name: 'FusedMatMul',
  domain: 'com.microsoft',
  since: 1,
  shape: (inputs, a) => [{ shape: fusedShape(inputs, a), dtype: sameDType(inputs) }],
  // With A' = op(A), B' = op(B): dA' = α dy B'ᵀ, dB' = α A'ᵀ dy, each written so that the result needs no transpose
  vjp: ({ inputs, attributes, dy, needs }) => {
    const [a, b] = inputs as readonly [Value, Value];
    const { alpha } = attributes as { alpha: number };
    const [ta, tb] = [Boolean(attributes['transA']), Boolean(attributes['transB'])];
    const g = dy[0]!;
    const da = (): Value =>
      ta
        ? matMul(b, g, { transA: tb, transB: true, alpha }) //
        : matMul(g, b, { transB: !tb, alpha });
    const db = (): Value =>
      tb
        ? matMul(g, a, { transA: true, transB: ta, alpha }) //
        : matMul(a, g, { transA: !ta, alpha });
    return [needs(0) ? reduceTo(da(), a.shape) : undefined, needs(1) ? reduceTo(db(), b.shape) : undefined];
  },
  attributes: { alpha: 'float', transA: 'int', transB: 'int', transBatchA: 'int', transBatchB: 'int' },
  macs,
  portable: unfused,
  // WebGPU has none, and would fetch the operands back to compute it on the CPU
  elsewhere: { webgpu: unfused },
};

function unfused({ inputs, attributes }: Node): readonly Value[] {
  const [a, b] = inputs as readonly [Value, Value];
  const { alpha, transA, transB } = attributes as Readonly<Record<string, number>>;
  const product = matMul(transA ? swap(a) : a, transB ? swap(b) : b);
  return [alpha === 1 ? product : mul(product, scalar(alpha!))];
}

/** Which operands are transposed (in their last two axes) and by what the product is multiplied. */
export interface Product {
  readonly transA?: boolean;
  readonly transB?: boolean;
  readonly alpha?: number;
}

/** a b over the last two axes, [.., m, k] × [.., k, n] → [.., m, n]; leading axes broadcast. */
export function matMul(a: Value, b: Value, product: Product = {}): Value {
  const { transA = false, transB = false, alpha = 1 } = product;
  if (!transA && !transB && alpha === 1) return emit1(MATMUL, [a, b]);
  const attributes = { transA: Number(transA), transB: Number(transB), alpha, transBatchA: 0, transBatchB: 0 };
  return emit1(FUSED_MATMUL, [a, b], attributes);
}

/** x with its last two axes exchanged. */
export function matrixTranspose(x: Value): Value {
  return swap(x);
}

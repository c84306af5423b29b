import { type Dim, sameDims } from '../dimension.ts';
import { CONV, conv } from '../ops/conv.ts';
import { ADD, add } from '../ops/elementwise.ts';
import { GEMM, gemm } from '../ops/gemm.ts';
import { RESHAPE, reshape } from '../ops/layout.ts';
import { matMul } from '../ops/matrix.ts';
import { BATCH_NORMALIZATION } from '../ops/norm.ts';
import { interpolate } from '../ops/resize.ts';
import { within } from '../trace.ts';
import type { Node, Value } from '../value.ts';
import { type Change, countUses, replace } from './rewriting.ts';

type Outputs = ReadonlyMap<string, Value>;

/**
 * Rewrites what stands around a context that is added to a residual branch, so that ONNX Runtime's CPU provider keeps
 * feature maps in its blocked layout and adds inside the convolution. The numbers stay the same up to rounding.
 *
 *     (conv(h) + t) + identity  →  conv(h) + (identity + t)       one pass less, and the convolution takes up the sum
 *     identity + t, t [N, C, 1, 1] from a linear layer  →  identity + repeat(conv1x1(u))    no change of layout
 *     W₁ (W p + b) + b₁  →  (W₁ W) p + (W₁ b + b₁)     the product of weights is made once, when the graph is loaded
 *
 * For graphs without a derivative whose weights are constants.
 */
export function easeContextSums(outputs: Outputs): Map<string, Value> {
  const uses = countUses(outputs);
  return replace(outputs, (node) => residualSum(node, uses) ?? linearPair(node, uses));
}

type Uses = ReadonlyMap<Value, number>;

/** Whether a value is a convolution's, with or without a norm, which nothing else reads. */
function isBranch(x: Value, uses: Uses): boolean {
  if (uses.get(x) !== 1) return false;
  if (x.node.def === BATCH_NORMALIZATION) return isBranch(x.node.inputs[0]!, uses);
  return x.node.def === CONV;
}

const isContext = (t: Value, x: Value): boolean =>
  t.shape.length === 4 && sameDims(t.shape, [x.shape[0]!, x.shape[1]!, 1, 1]);

/** (branch + t) + identity */
function residualSum(node: Node, uses: Uses): Change | undefined {
  if (node.def !== ADD) return undefined;
  const [a, b] = node.inputs as readonly [Value, Value];
  for (const [sum, identity] of [
    [a, b],
    [b, a],
  ] as const) {
    if (sum.node.def !== ADD || uses.get(sum) !== 1 || !sameDims(sum.shape, identity.shape)) continue;
    const [x, t] = sum.node.inputs as readonly [Value, Value];
    if (!isContext(t, x) || !isBranch(x, uses)) continue;
    return (now) =>
      add(
        now(x),
        within(sum.node.path, () => add(now(identity), spread(t, x.shape, { uses, now }))),
      );
  }
  return undefined;
}

/** The width of the runtime's blocks of channels on processors with AVX-512; 8 with AVX2. */
const BLOCK = 16;

interface Place {
  readonly uses: Uses;
  readonly now: (v: Value) => Value;
}

/** t [N, C, 1, 1] over the positions of `shape`, if it comes from a linear layer whose channels fill blocks. */
function spread(t: Value, shape: readonly Dim[], { uses, now }: Place): Value {
  const layer = linearBehind(t, uses);
  const [h, w] = shape.slice(2);
  if (!layer || typeof h !== 'number' || typeof w !== 'number' || h * w === 1) return now(t);
  const [u, weight, bias] = layer.inputs as readonly [Value, Value, Value];
  const [c, p] = weight.shape as readonly [number, number];
  if (c % BLOCK !== 0 || p % BLOCK !== 0) return now(t);
  const map = conv(reshape(now(u), [u.shape[0]!, p, 1, 1]), reshape(now(weight), [c, p, 1, 1]), { bias: now(bias) });
  return interpolate(map, { size: [h, w], mode: 'nearest' });
}

/** The linear layer that a value is a reshape of, if nothing else reads it on the way. */
function linearBehind(v: Value, uses: Uses): Node | undefined {
  if (uses.get(v) !== 1) return undefined;
  if (v.node.def === RESHAPE) return linearBehind(v.node.inputs[0]!, uses);
  return v.node.def === GEMM ? v.node : undefined;
}

/** W₁ (W p + b) + b₁, where one product of weights saves multiply-adds. */
function linearPair(node: Node, uses: Uses): Change | undefined {
  if (node.def !== GEMM) return undefined;
  const [y, w1, b1] = node.inputs as readonly [Value, Value, Value];
  const before = linearBehind(y, uses);
  if (!before) return undefined;
  const [p, w, b] = before.inputs as readonly [Value, Value, Value];
  const [outputs, middle, inputs] = [w1.shape[0], w.shape[0], w.shape[1]] as readonly [number, number, number];
  if (y.shape.length !== 2 || y.shape[1] !== middle || outputs * inputs >= middle * (outputs + inputs))
    return undefined;
  return (now) => {
    const bias = reshape(matMul(now(w1), reshape(now(b), [middle, 1])), [outputs]);
    return gemm(now(p), matMul(now(w1), now(w)), add(bias, now(b1)));
  };
}

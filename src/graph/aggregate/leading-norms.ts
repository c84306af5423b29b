import { CONV, conv } from '../ops/conv.ts';
import { add, div, mul, sqrt, sub } from '../ops/elementwise.ts';
import { reshape } from '../ops/layout.ts';
import { matMul } from '../ops/matrix.ts';
import { BATCH_NORMALIZATION } from '../ops/norm.ts';
import { scalar } from '../trace.ts';
import type { Node, Value } from '../value.ts';
import { type Change, countUses, replace } from './rewriting.ts';

/**
 * Takes batch norms of given statistics into the projections that follow them:
 *
 *     W (s ⊙ x + t) + b = (W diag s) x + (W t + b),    s = scale / √(variance + ε), t = shift − s ⊙ mean
 *
 * where the kernel is 1 and nothing is padded, since the zeros of a border would not be normed. The products of weights
 * are made once, when the graph is loaded; a norm that anything else reads stays. For graphs without a derivative whose
 * weights are constants; the numbers stay the same up to rounding.
 */
export function foldLeadingNorms(outputs: ReadonlyMap<string, Value>): Map<string, Value> {
  const uses = countUses(outputs);
  return replace(outputs, (node) => {
    if (!isProjection(node)) return undefined;
    const [x, w, b] = node.inputs as readonly [Value, Value, Value | undefined];
    const norm = x.node;
    const fixed = norm.def === BATCH_NORMALIZATION && norm.attributes['training_mode'] === 0;
    return fixed && uses.get(x) === 1 ? folded(node, norm, [w, b]) : undefined;
  });
}

/** A convolution with a kernel of 1 that reads no padding. */
function isProjection({ def, inputs, attributes }: Node): boolean {
  if (def !== CONV) return false;
  const { pads, group } = attributes as { readonly pads: readonly number[]; readonly group: number };
  return group === 1 && pads.every((p) => p === 0) && inputs[1]!.shape.slice(2).every((k) => k === 1);
}

function folded(node: Node, norm: Node, [w, b]: readonly [Value, Value | undefined]): Change {
  const [x, scale, shift, mean, variance] = norm.inputs as readonly [Value, Value, Value, Value, Value];
  const [outputs, inputs] = w.shape as readonly [number, number];
  return (now) => {
    const s = div(now(scale), sqrt(add(now(variance), scalar(norm.attributes['epsilon'] as number))));
    const t = sub(now(shift), mul(now(mean), s));
    const matrix = reshape(now(w), [outputs, inputs]);
    const moved = reshape(matMul(matrix, reshape(t, [inputs, 1])), [outputs]);
    const weight = reshape(mul(matrix, reshape(s, [1, inputs])), w.shape);
    return conv(now(x), weight, { ...node.attributes, bias: b ? add(now(b), moved) : moved });
  };
}

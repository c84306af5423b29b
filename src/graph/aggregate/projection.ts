import { CONV } from '../ops/conv.ts';
import { add, div, mul, sqrt, sub } from '../ops/elementwise.ts';
import { reshape } from '../ops/layout.ts';
import { BATCH_NORMALIZATION } from '../ops/norm.ts';
import { scalar } from '../trace.ts';
import type { Value } from '../value.ts';

/** A feature map that is one linear map of another at every position: x_j = W h_j + b. */
export interface Projection {
  /** h [N, K, ..] */
  readonly source: Value;
  readonly inputs: number;
  readonly outputs: number;
  /** W [C, K], made from the weights alone. */
  readonly weight: () => Value;
  /** b [C], if there is one. */
  readonly bias: () => Value | undefined;
}

/** How x comes from a narrower or wider map: by a convolution with a kernel of 1, with batch norm of given statistics. */
export function projectionOf(x: Value): Projection | undefined {
  const { def, attributes } = x.node;
  if (def === CONV) return ofConvolution(x);
  return def === BATCH_NORMALIZATION && attributes['training_mode'] === 0 ? ofNorm(x) : undefined;
}

function ofConvolution(x: Value): Projection | undefined {
  const [source, w, b] = x.node.inputs as readonly [Value, Value, Value | undefined];
  const { strides, pads, group } = x.node.attributes as Readonly<Record<string, readonly number[]>>;
  const [c, k, ...kernel] = w.shape as readonly [number, number, ...number[]];
  const moves = [...kernel, ...strides!].some((v) => v !== 1) || pads!.some((p) => p !== 0);
  if (moves || Number(group) !== 1) return undefined;
  return {
    ...{ source, inputs: k, outputs: c },
    weight: () => reshape(w, [c, k]),
    bias: () => b,
  };
}

// BN(W h + b) = s W h + s (b − mean) + shift, s = scale / √(variance + ε)
function ofNorm(x: Value): Projection | undefined {
  const [inner, scale, shift, mean, variance] = x.node.inputs as readonly [Value, Value, Value, Value, Value];
  const before = projectionOf(inner);
  if (!before) return undefined;
  const s = (): Value => div(scale, sqrt(add(variance, scalar(x.node.attributes['epsilon'] as number))));
  return {
    ...before,
    weight: () => mul(before.weight(), reshape(s(), [before.outputs, 1])),
    bias: () => {
      const b = before.bias();
      return b ? add(mul(sub(b, mean), s()), shift) : sub(shift, mul(mean, s()));
    },
  };
}

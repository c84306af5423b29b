import { toFloat16 } from '../core/half.ts';
import type { Tensor } from '../core/tensor.ts';
import { CAST, cast } from '../graph/ops/elementwise.ts';
import { BATCH_NORMALIZATION, LAYER_NORMALIZATION, LOG_SOFTMAX, SOFTMAX } from '../graph/ops/norm.ts';
import { REDUCE_MEAN, REDUCE_SUM, REDUCE_SUM_SQUARE } from '../graph/ops/reduce.ts';
import { CONSTANT, constant, constantOf, emit, INPUT, input, inputName } from '../graph/trace.ts';
import type { Node, OpDef, Value } from '../graph/value.ts';
import { type Frozen, reform } from './frozen.ts';

/** Operators that sum or divide over many elements: in half precision they would lose their digits, or overflow. */
const WIDE: ReadonlySet<OpDef> = new Set([
  ...[SOFTMAX, LOG_SOFTMAX, LAYER_NORMALIZATION, BATCH_NORMALIZATION],
  ...[REDUCE_MEAN, REDUCE_SUM, REDUCE_SUM_SQUARE],
]);

/**
 * The same graph in half-precision arithmetic: weights and what flows between operators are float16; softmax, norms and
 * sums stay float32; inputs and outputs of the graph keep their dtype.
 */
export function halve(frozen: Frozen): Frozen {
  const constants = new Map(frozen.constants);
  /** Float32 results of wide operators by their half-precision copies: the next wide operator reads those. */
  const full = new Map<Value, Value>();
  const wide = (v: Value): Value => (v.dtype === 'float16' ? (full.get(v) ?? cast(v, 'float32')) : v);
  const narrow = (v: Value): Value => {
    if (v.dtype !== 'float32') return v;
    const half = cast(v, 'float16');
    full.set(half, v);
    return half;
  };
  const change = (node: Node, inputs: readonly (Value | undefined)[]): readonly Value[] | undefined => {
    const source = halfSource(node, constants);
    if (source) return [source];
    if (node.def === INPUT) return [narrow(node.outputs[0]!)];
    if (WIDE.has(node.def)) {
      const read = inputs.map((v) => v && wide(v));
      return emit(node.def, read, node.attributes).map(narrow);
    }
    const toFloat = node.def === CAST && node.attributes['to'] === 'float32';
    return toFloat ? [cast(inputs[0]!, 'float16')] : undefined;
  };
  const half = reform(frozen, change, constants);
  const outputs = new Map([...half.outputs].map(([name, v]) => [name, wide(v)]));
  return { ...half, outputs, constants };
}

/** A float32 constant or weight in half precision. */
function halfSource(node: Node, constants: Map<string, Tensor>): Value | undefined {
  const v = node.outputs[0];
  if (v?.dtype !== 'float32') return undefined;
  if (node.def === CONSTANT) return constant(toFloat16(constantOf(v)!, node.path));
  const name = inputName(v) ?? '';
  const weight = constants.get(name);
  if (!weight) return undefined;
  constants.set(name, toFloat16(weight, name));
  return input(name, 'float16', v.shape);
}

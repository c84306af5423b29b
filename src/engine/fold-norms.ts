import { float32, floats, type Tensor } from '../core/tensor.ts';
import { CONV, conv } from '../graph/ops/conv.ts';
import { BATCH_NORMALIZATION } from '../graph/ops/norm.ts';
import { input, inputName, nodesOf, within } from '../graph/trace.ts';
import type { Node, Value } from '../graph/value.ts';
import { type Frozen, readersOf, reform } from './frozen.ts';

/**
 * The same graph with each batch norm of given statistics taken into the convolution that it follows:
 *
 *     s (W x + b − mean) + shift = (s W) x + (s (b − mean) + shift),    s = scale / √(variance + ε)
 *
 * A norm stays where something else reads the convolution too, or where the convolution's weights serve twice.
 */
export function foldNorms(frozen: Frozen): Frozen {
  const constants = new Map(frozen.constants);
  const folded = new Map<Node, Value>();
  for (const node of foldable(frozen)) {
    const before = node.inputs[0]!.node;
    const weight = inputName(before.inputs[1]!)!;
    const bias = before.inputs[2] ? inputName(before.inputs[2])! : freeName(constants, weight);
    const { w, b } = merged(frozen, node);
    constants.set(weight, w);
    constants.set(bias, b);
    folded.set(node, before.inputs[2] ?? input(bias, 'float32', b.shape));
  }
  const change = (node: Node, inputs: readonly (Value | undefined)[]): readonly Value[] | undefined => {
    const bias = folded.get(node);
    if (!bias) return undefined;
    const before = inputs[0]!.node;
    const [x, w] = before.inputs as readonly [Value, Value];
    return [within(before.path, () => conv(x, w, { ...before.attributes, bias }))];
  };
  return reform(frozen, change, constants);
}

/** The norms that can be taken into what they follow. */
function foldable({ outputs, constants }: Frozen): readonly Node[] {
  const readers = readersOf(outputs);
  const once = (v: Value | undefined): boolean => v !== undefined && readers.get(v)?.length === 1;
  const known = (v: Value | undefined): boolean => v !== undefined && constants.has(inputName(v) ?? '');
  const results = new Set(outputs.values());
  return nodesOf(outputs.values()).filter((node) => {
    if (node.def !== BATCH_NORMALIZATION || node.attributes['training_mode'] !== 0) return false;
    const [x, ...statistics] = node.inputs;
    const [, w, b] = x!.node.inputs;
    if (x!.node.def !== CONV || results.has(x!)) return false;
    return once(x) && once(w) && known(w) && (!b || (once(b) && known(b))) && statistics.every(known);
  });
}

/** Weights [O, C, ..] and bias [O] of the convolution with the norm in it, computed in double precision. */
function merged({ constants }: Frozen, norm: Node): { readonly w: Tensor; readonly b: Tensor } {
  const of = (v: Value): Tensor => constants.get(inputName(v)!)!;
  const [x, scale, shift, mean, variance] = norm.inputs as readonly Value[];
  const [, w, bias] = x!.node.inputs as readonly (Value | undefined)[];
  const [s, t, m, v] = [scale!, shift!, mean!, variance!].map((value) => floats(of(value)));
  const epsilon = norm.attributes['epsilon'] as number;
  const factor = Float64Array.from(s!, (value, o) => value / Math.sqrt(v![o]! + epsilon));
  const weights = of(w!);
  const old = bias ? floats(of(bias)) : new Float32Array(factor.length);
  const rest = weights.data.length / factor.length;
  const data = Float32Array.from(floats(weights), (value, i) => value * factor[Math.floor(i / rest)]!);
  const b = Float32Array.from(old, (value, o) => (value - m![o]!) * factor[o]! + t![o]!);
  return { w: float32(weights.shape, data), b: float32([b.length], b) };
}

function freeName(taken: ReadonlyMap<string, Tensor>, weight: string): string {
  const name = weight.replace(/weight$/, 'bias');
  return name !== weight && !taken.has(name) ? name : `${weight}.bias`;
}

import { Fault } from '../core/fault.ts';
import { float32, floats, type Tensor, tensor } from '../core/tensor.ts';
import { CONV } from '../graph/ops/conv.ts';
import { ADD, RELU } from '../graph/ops/elementwise.ts';
import { GEMM } from '../graph/ops/gemm.ts';
import { MATMUL } from '../graph/ops/matrix.ts';
import { MAX_POOL } from '../graph/ops/pool.ts';
import { dequantizeLinear, type Grid, quantizeLinear } from '../graph/ops/quantise.ts';
import { CONSTANT, emit, input, inputName, nodesOf } from '../graph/trace.ts';
import type { Node, OpDef, Value } from '../graph/value.ts';
import { type Frozen, readersOf, reform } from './frozen.ts';

/** Least and greatest number that a value took. */
export interface Range {
  readonly least: number;
  readonly greatest: number;
}

/** What is quantised in a graph. */
export interface QuantisePlan {
  /** Products whose weights become int8. */
  readonly products: ReadonlySet<Node>;
  /** Values that become uint8, whose ranges must be known; each with the value whose range it shares, if not its own. */
  readonly points: ReadonlyMap<Value, Value>;
}

/** Which axis of a product's weights counts its outputs. */
const OUTPUT_AXIS: ReadonlyMap<OpDef, number> = new Map([
  [CONV, 0],
  [GEMM, 0],
  [MATMUL, 1],
]);

/** Largest whole number for a weight: int8, symmetric. */
const WEIGHT_MOST = 127;

/**
 * Chooses what to quantise: convolutions and products with weights but those whose path `keep` names, what they read
 * and give (after a ReLU, which then costs nothing), sums of two such values, and largest values among such. A product
 * of two activations, as in an affinity, stays float32: its softmax feels each step.
 */
export function planQuantisation({ outputs, constants }: Frozen, keep: (path: string) => boolean): QuantisePlan {
  const readers = readersOf(outputs);
  const results = new Set(outputs.values());
  const products = new Set<Node>();
  const points = new Map<Value, Value>();
  const isWeight = (v: Value | undefined): boolean => constants.has((v && inputName(v)) ?? '');
  const settled = (v: Value): Value => {
    const [only, ...others] = readers.get(v) ?? [];
    return only?.def === RELU && others.length === 0 && !results.has(v) ? only.outputs[0]! : v;
  };
  const mark = (v: Value, like: Value = v): void => {
    if (!results.has(v) && !points.has(v)) points.set(v, like);
  };
  for (const node of nodesOf(outputs.values())) {
    const [a, b] = node.inputs;
    const y = node.outputs[0]!;
    const axis = OUTPUT_AXIS.get(node.def);
    if (axis !== undefined && !isWeight(a) && isWeight(b) && (node.def !== MATMUL || b!.shape.length === 2)) {
      if (keep(node.path)) continue;
      products.add(node);
      mark(a!);
      mark(settled(y));
    } else if (node.def === ADD && [a, b].every((v) => v && points.has(v) && v.shape.length === 4)) {
      mark(settled(y));
    } else if (node.def === MAX_POOL && points.has(a!)) {
      mark(y, points.get(a!)!);
    }
  }
  return { products, points };
}

/** Makes constants of a graph under names that are free. */
type Named = (name: string, t: Tensor) => Value;

/** The grid of a value, and its step. */
interface PointGrid extends Grid {
  readonly step: number;
}

/**
 * The same graph with int8 weights (symmetric, a scale for each output) and uint8 activations (a scale and a zero
 * point each), written as pairs of QuantizeLinear and DequantizeLinear, which runtimes fuse into integer kernels.
 * Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
 * CVPR 2018, arXiv:1712.05877, sections 2.1 and 3; a scale for each output as in Krishnamoorthi, arXiv:1806.08342.
 */
export function quantise(frozen: Frozen, plan: QuantisePlan, ranges: ReadonlyMap<Value, Range>): Frozen {
  const constants = new Map(frozen.constants);
  const named: Named = (name, t) => {
    let free = name;
    for (let i = 1; constants.has(free); i++) free = `${name}.${i}`;
    constants.set(free, t);
    return input(free, t.dtype, t.shape);
  };
  const gridOf = gridsOf(ranges, named);
  const onGrid = (v: Value, fresh: Value): Value => {
    const like = plan.points.get(v);
    if (!like) return fresh;
    const grid = gridOf(like);
    return dequantizeLinear(quantizeLinear(fresh, grid), grid);
  };
  const change = (node: Node, inputs: readonly (Value | undefined)[]): readonly Value[] | undefined => {
    if (node.def === CONSTANT) return undefined;
    if (node.inputs.length === 0) return node.outputs.map((v) => onGrid(v, v));
    const { step } = plan.products.has(node) ? gridOf(plan.points.get(node.inputs[0]!)!) : { step: null };
    const read = step === null ? inputs : [inputs[0], ...quantisedWeights(node, { constants, named, scale: step })];
    return emit(node.def, read, node.attributes).map((v, i) => onGrid(node.outputs[i]!, v));
  };
  return { ...reform(frozen, change), constants };
}

/** Makes each value's grid when it is first asked for. */
function gridsOf(ranges: ReadonlyMap<Value, Range>, named: Named): (point: Value) => PointGrid {
  const grids = new Map<Value, PointGrid>();
  return (point) => {
    const known = grids.get(point);
    if (known) return known;
    const { path } = point.node;
    const { scale: step, zero } = gridFor(ranges.get(point), path);
    const name = path === '' ? 'output' : `${path}.output`;
    const scale = named(`${name}.scale`, float32([], [step]));
    const grid = { step, scale, zero: named(`${name}.zero`, tensor('uint8', [], Uint8Array.of(zero))) };
    grids.set(point, grid);
    return grid;
  };
}

/** Scale and zero point of uint8 for a range, which is widened to hold zero: padding must be exact. */
function gridFor(range: Range | undefined, path: string): { readonly scale: number; readonly zero: number } {
  if (!range || !Number.isFinite(range.least) || !Number.isFinite(range.greatest)) {
    const got = range ? `${range.least} to ${range.greatest}` : 'none';
    throw new Fault('data', `${path}: expected a range of finite numbers from calibration, got ${got}.`);
  }
  const least = Math.min(0, range.least);
  const greatest = Math.max(0, range.greatest);
  const scale = Math.fround(greatest > least ? (greatest - least) / 255 : 1);
  return { scale, zero: Math.min(255, Math.max(0, Math.round(-least / scale))) };
}

interface Weights {
  readonly constants: Map<string, Tensor>;
  readonly named: Named;
  /** Scale of what the product reads. */
  readonly scale: number;
}

/** Weights as int8 and, where there is one, the bias as int32, made float32 again. */
function quantisedWeights(node: Node, { constants, named, scale }: Weights): Value[] {
  const [, w, b] = node.inputs as readonly (Value | undefined)[];
  const name = inputName(w!)!;
  const bias = b && constants.get(inputName(b) ?? '');
  const axis = OUTPUT_AXIS.get(node.def)!;
  const { whole, steps } = wholeWeights(constants.get(name)!, axis, bias && { bias: floats(bias), scale });
  const zero = named(`${name}.zero`, tensor('int8', [steps.length], new Int8Array(steps.length)));
  const grid = { scale: named(`${name}.scale`, float32([steps.length], steps)), zero, axis };
  const weights = dequantizeLinear(named(`${name}.int8`, whole), grid);
  if (!b) return [weights];
  if (!bias) return [weights, b];
  const biasName = inputName(b)!;
  const biasSteps = steps.map((s) => s * scale);
  const data = Int32Array.from(floats(bias), (value, o) => Math.round(value / biasSteps[o]!));
  const biasGrid = {
    scale: named(`${biasName}.scale`, float32([steps.length], biasSteps)),
    zero: named(`${biasName}.zero`, tensor('int32', [steps.length], new Int32Array(steps.length))),
    axis: 0,
  };
  return [weights, dequantizeLinear(named(`${biasName}.int32`, tensor('int32', bias.shape, data)), biasGrid)];
}

/** Largest whole number for a bias, with room for the sums that it is added to. */
const BIAS_MOST = 2 ** 30;

/** Weights as int8 with a step for each output, so wide that the bias, in steps of input times weight, is an int32. */
function wholeWeights(
  weights: Tensor,
  axis: number,
  with_: { readonly bias: Float32Array; readonly scale: number } | undefined,
): { readonly whole: Tensor; readonly steps: Float32Array } {
  const data = floats(weights);
  const outputs = weights.shape[axis]!;
  const inner = weights.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const output = (i: number): number => Math.floor(i / inner) % outputs;
  const most = new Float64Array(outputs);
  data.forEach((value, i) => {
    const o = output(i);
    most[o] = Math.max(most[o]!, Math.abs(value));
  });
  const steps = Float32Array.from(most, (value, o) => {
    const forBias = with_ ? Math.abs(with_.bias[o]!) / (with_.scale * BIAS_MOST) : 0;
    return Math.max(value / WEIGHT_MOST, forBias, 1e-30);
  });
  const clip = (q: number): number => Math.min(WEIGHT_MOST, Math.max(-WEIGHT_MOST, q));
  const whole = Int8Array.from(data, (value, i) => clip(Math.round(value / steps[output(i)]!)));
  return { whole: tensor('int8', weights.shape, whole), steps };
}

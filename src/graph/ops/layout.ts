import { showShape } from '../../core/shape.ts';
import {
  addDim,
  type Dim,
  floorDivDim,
  mulDim,
  productDim,
  sameDim,
  sameDims,
  showDim,
  showDims,
  subDim,
} from '../dimension.ts';
import { constantOf, emit, emit1, uniformOf } from '../trace.ts';
import type { Node, OpDef, Value } from '../value.ts';
import { at, axisOf, broadcast, likeFirst, sameDType, shapeFault } from './common.ts';
import { reduceTo } from './reduce.ts';

export const RESHAPE: OpDef = {
  name: 'Reshape',
  domain: '',
  since: 19,
  shape: (inputs, a) => {
    const x = at(inputs, 0);
    const shape = a['shape'] as readonly Dim[];
    if (!sameDim(productDim(x.shape), productDim(shape))) {
      throw shapeFault(`expected as many elements after as before, got ${showDims(x.shape)} to ${showDims(shape)}.`);
    }
    return [{ shape, dtype: x.dtype }];
  },
  vjp: ({ inputs, dy }) => [reshape(dy[0]!, inputs[0]!.shape)], // dx = dy in x's shape
  attributes: { allowzero: 'int' },
  dimInputs: { 1: 'shape' },
  view: true,
  // In ONNX a size of 0 copies the input's unless it is said to mean 0.
  legalise: ({ inputs, attributes }) => {
    const shape = attributes['shape'] as readonly Dim[];
    const { node } = inputs[0]!;
    if (node.def.reshaped) return [node.def.reshaped(node, shape)];
    return shape.includes(0) && attributes['allowzero'] !== 1
      ? emit(RESHAPE, inputs, { ...attributes, allowzero: 1 })
      : undefined;
  },
  simplify: (node) => {
    const x = node.inputs[0]!;
    const shape = node.outputs[0]!.shape;
    if (sameDims(x.shape, shape)) return x;
    if (x.node.def.reshaped) return x.node.def.reshaped(x.node, shape);
    return x.node.def === RESHAPE ? reshape(x.node.inputs[0]!, shape) : undefined;
  },
};

/** x in another shape with as many elements. A single -1 is worked out. */
export function reshape(x: Value, shape: readonly Dim[]): Value {
  const open = shape.indexOf(-1);
  if (open >= 0) {
    const rest = productDim(shape.filter((_, i) => i !== open));
    return reshape(
      x,
      shape.map((d, i) => (i === open ? floorDivDim(productDim(x.shape), rest) : d)),
    );
  }
  return sameDims(x.shape, shape) ? x : emit1(RESHAPE, [x], { shape });
}

export const TRANSPOSE: OpDef = {
  name: 'Transpose',
  domain: '',
  since: 13,
  shape: (inputs, a) => {
    const x = at(inputs, 0);
    const perm = a['perm'] as readonly number[];
    if (perm.length !== x.shape.length || new Set(perm).size !== perm.length) {
      throw shapeFault(`expected an order of ${x.shape.length} axes, got ${showShape(perm)}.`);
    }
    return [{ shape: perm.map((p) => x.shape[axisOf(p, perm.length)]!), dtype: x.dtype }];
  },
  // dx = dy in the inverse order
  vjp: ({ attributes, dy }) => [transpose(dy[0]!, inverse(attributes['perm'] as readonly number[]))],
  attributes: { perm: 'ints' },
  simplify: (node) => {
    const perm = node.attributes['perm'] as readonly number[];
    const x = node.inputs[0]!;
    if (perm.every((p, i) => p === i)) return x;
    if (x.node.def === TRANSPOSE) {
      const inner = x.node.attributes['perm'] as readonly number[];
      const both = perm.map((p) => inner[p]!);
      return transpose(x.node.inputs[0]!, both);
    }
    // Moving only axes of size 1 is a reshape.
    const kept = perm.filter((p) => x.shape[p] !== 1);
    return kept.every((p, i) => i === 0 || p > kept[i - 1]!) ? reshape(x, node.outputs[0]!.shape) : undefined;
  },
};

function inverse(perm: readonly number[]): number[] {
  const out = new Array<number>(perm.length);
  perm.forEach((p, i) => {
    out[p] = i;
  });
  return out;
}

/** x with its axes in the order `perm`. */
export function transpose(x: Value, perm: readonly number[]): Value {
  return perm.every((p, i) => p === i) ? x : emit1(TRANSPOSE, [x], { perm });
}

export const EXPAND: OpDef = {
  name: 'Expand',
  domain: '',
  since: 13,
  shape: (inputs, a) => {
    const x = at(inputs, 0);
    return [{ shape: broadcast(x.shape, a['shape'] as readonly Dim[]), dtype: x.dtype }];
  },
  vjp: ({ inputs, dy }) => [reduceTo(dy[0]!, inputs[0]!.shape)], // dx = dy summed over what was repeated
  attributes: {},
  dimInputs: { 1: 'shape' },
  simplify: (node) => (sameDims(node.inputs[0]!.shape, node.outputs[0]!.shape) ? node.inputs[0] : undefined),
};

/** x repeated along its axes of size 1 to the given shape. */
export function expand(x: Value, shape: readonly Dim[]): Value {
  return sameDims(x.shape, shape) ? x : emit1(EXPAND, [x], { shape });
}

export const CONCAT: OpDef = {
  name: 'Concat',
  domain: '',
  since: 13,
  shape: (inputs, a) => {
    const first = at(inputs, 0);
    const axis = axisOf(a['axis'] as number, first.shape.length);
    let total: Dim = 0;
    for (const v of inputs) {
      const s = at([v], 0).shape;
      if (s.length !== first.shape.length || s.some((d, i) => i !== axis && !sameDim(d, first.shape[i]!))) {
        throw shapeFault(`expected shapes that differ on axis ${axis} only.`);
      }
      total = addDim(total, s[axis]!);
    }
    return [{ shape: first.shape.map((d, i) => (i === axis ? total : d)), dtype: sameDType(inputs) }];
  },
  // each input's gradient is its part of dy
  vjp: ({ inputs, attributes, dy, needs }) => {
    const axis = axisOf(attributes['axis'] as number, inputs[0]!.shape.length);
    let start: Dim = 0;
    return inputs.map((x, i) => {
      const from = start;
      start = addDim(start, x.shape[axis]!);
      return needs(i) ? slice(dy[0]!, { axes: [axis], starts: [from], ends: [start] }) : undefined;
    });
  },
  attributes: { axis: 'int' },
  simplify: (node) => (node.inputs.length === 1 ? node.inputs[0] : undefined),
};

/** Values one after another along an axis. */
export function concat(values: readonly Value[], axis: number): Value {
  return values.length === 1 ? values[0]! : emit1(CONCAT, values, { axis });
}

/** What to cut: per axis a start, an end (not included) and a positive step, 1 where absent. */
export interface Slicing {
  readonly axes: readonly number[];
  readonly starts: readonly Dim[];
  readonly ends: readonly Dim[];
  readonly steps?: readonly number[];
}

export const SLICE: OpDef = {
  name: 'Slice',
  domain: '',
  since: 13,
  shape: (inputs, a) => {
    const x = at(inputs, 0);
    const { axes, starts, ends, steps } = a as unknown as Required<Slicing>;
    const shape = [...x.shape];
    axes.forEach((axis, i) => {
      const size = x.shape[axisOf(axis, x.shape.length)]!;
      const [start, end, step] = [starts[i]!, ends[i]!, steps[i]!];
      const numbers = typeof start === 'number' && typeof end === 'number' && typeof size === 'number';
      if (step < 1 || (numbers && (start < 0 || end < start || end > size))) {
        throw shapeFault(`expected 0 <= start <= end <= ${showDim(size)}, got ${showDim(start)} to ${showDim(end)}.`);
      }
      shape[axisOf(axis, x.shape.length)] = floorDivDim(addDim(subDim(end, start), step - 1), step);
    });
    return [{ shape, dtype: x.dtype }];
  },
  // dx = dy where it was cut from, zeros elsewhere
  vjp: ({ inputs, attributes, dy }) => [unslice(dy[0]!, inputs[0]!.shape, attributes as unknown as Required<Slicing>)],
  attributes: {},
  dimInputs: { 1: 'starts', 2: 'ends', 3: 'axes', 4: 'steps' },
  simplify: (node) => (sameDims(node.inputs[0]!.shape, node.outputs[0]!.shape) ? node.inputs[0] : undefined),
};

/** A part of x; axes that are not named stay whole. */
export function slice(x: Value, s: Slicing): Value {
  const axes = s.axes.map((a) => axisOf(a, x.shape.length));
  return emit1(SLICE, [x], { axes, starts: s.starts, ends: s.ends, steps: s.steps ?? axes.map(() => 1) });
}

/** Puts g back into zeros of `shape` at the place that a slice was cut from. */
function unslice(g: Value, shape: readonly Dim[], s: Required<Slicing>): Value {
  let out = g;
  const before: Dim[] = shape.map(() => 0);
  const after: Dim[] = shape.map(() => 0);
  s.axes.forEach((axis, i) => {
    const [start, step] = [s.starts[i]!, s.steps[i]!];
    if (step > 1) out = dilate(out, axis, step);
    before[axis] = start;
    after[axis] = subDim(subDim(shape[axis]!, start), out.shape[axis]!);
    if (typeof after[axis] === 'number' && (after[axis] as number) < 0) {
      out = slice(out, { axes: [axis], starts: [0], ends: [subDim(shape[axis]!, start)] });
      after[axis] = 0;
    }
  });
  return pad(out, before, after);
}

/** step − 1 zeros after each element along an axis. */
export function dilate(x: Value, axis: number, step: number): Value {
  if (step === 1) return x;
  const split = [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)];
  const zeros = split.map(() => 0);
  const after = split.map((_, i) => (i === axis + 1 ? step - 1 : 0));
  const spaced = pad(reshape(x, split), zeros, after);
  return reshape(
    spaced,
    x.shape.map((d, i) => (i === axis ? mulDim(d, step) : d)),
  );
}

export const PAD: OpDef = {
  name: 'Pad',
  domain: '',
  since: 19,
  shape: (inputs, a) => {
    const x = at(inputs, 0);
    const pads = a['pads'] as readonly Dim[];
    const r = x.shape.length;
    if (pads.length !== 2 * r || pads.some((p) => typeof p === 'number' && p < 0)) {
      throw shapeFault(`expected ${2 * r} amounts of zeros, none negative, got ${showDims(pads)}.`);
    }
    return [{ shape: x.shape.map((d, i) => addDim(addDim(d, pads[i]!), pads[r + i]!)), dtype: x.dtype }];
  },
  // dx = dy without what was added
  vjp: ({ inputs, attributes, dy }) => {
    const x = inputs[0]!;
    const pads = attributes['pads'] as readonly Dim[];
    const axes = x.shape.flatMap((_, i) => (pads[i] !== 0 || pads[x.shape.length + i] !== 0 ? [i] : []));
    const starts = axes.map((i) => pads[i]!);
    return [slice(dy[0]!, { axes, starts, ends: axes.map((i, k) => addDim(starts[k]!, x.shape[i]!)) })];
  },
  attributes: { mode: 'string' },
  dimInputs: { 1: 'pads' },
  simplify: (node) => (sameDims(node.inputs[0]!.shape, node.outputs[0]!.shape) ? node.inputs[0] : undefined),
};

/** x with zeros before and after along each axis. */
export function pad(x: Value, before: readonly Dim[], after: readonly Dim[]): Value {
  if ([...before, ...after].every((p) => p === 0)) return x;
  return emit1(PAD, [x], { pads: [...before, ...after], mode: 'constant' });
}

export const IDENTITY: OpDef = {
  name: 'Identity',
  domain: '',
  since: 19,
  shape: likeFirst,
  vjp: ({ dy }) => [dy[0]!],
  attributes: {},
  view: true,
  simplify: (node) => node.inputs[0],
};

/** Whether a node only repeats one number, however it was made. */
export function repeatedNumber(v: Value): number | undefined {
  const n: Node = v.node;
  if (constantOf(v)) return uniformOf(v);
  return n.def === EXPAND || n.def === RESHAPE ? repeatedNumber(n.inputs[0]!) : undefined;
}

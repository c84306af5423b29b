import { addDim, type Dim, floorDivDim, mulDim, productDim, showDims, subDim } from '../dimension.ts';
import { emit1 } from '../trace.ts';
import type { Attributes, Node, OpDef, Value } from '../value.ts';
import { at, sameDType, shapeFault } from './common.ts';
import { convInputGradient, convWeightGradient, transposedWeightGradient } from './conv-gradient.ts';
import { reduceSum } from './reduce.ts';

/** How a convolution slides. Pads are before each axis, then after each axis, as ONNX has them. */
export interface ConvAttributes {
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly group: number;
}

/** Output size along one axis. */
export function convSize(size: Dim, kernel: number, a: ConvAttributes, axis: number): Dim {
  const rank = a.strides.length;
  const padded = addDim(size, a.pads[axis]! + a.pads[rank + axis]!);
  const span = (kernel - 1) * a.dilations[axis]! + 1;
  const out = addDim(floorDivDim(subDim(padded, span), a.strides[axis]!), 1);
  if (typeof out === 'number' && out < 1) {
    throw shapeFault(`expected an input of at least ${span} along axis ${axis + 2} with its padding, got ${padded}.`);
  }
  return out;
}

function checkConv(x: Value, w: Value, a: ConvAttributes): void {
  const rank = x.shape.length - 2;
  const inputChannels = w.shape[1]!;
  if (rank < 1 || w.shape.length !== rank + 2 || a.strides.length !== rank || a.pads.length !== 2 * rank) {
    throw shapeFault(`expected x [N, C, ..] and w [O, C/group, ..] of one rank, got ${showDims(w.shape)}.`);
  }
  if (typeof inputChannels === 'number' && x.shape[1] !== inputChannels * a.group) {
    const expected = `${inputChannels * a.group} channels (${inputChannels} in each of ${a.group} groups)`;
    throw shapeFault(`expected ${expected}, got ${showDims(x.shape)}.`);
  }
}

export const CONV: OpDef = {
  name: 'Conv',
  domain: '',
  since: 11,
  shape: (inputs, attributes) => {
    const [x, w] = [at(inputs, 0), at(inputs, 1)];
    const a = attributes as unknown as ConvAttributes;
    checkConv(x, w, a);
    const space = x.shape.slice(2).map((d, i) => convSize(d, w.shape[i + 2] as number, a, i));
    return [{ shape: [x.shape[0]!, w.shape[0]!, ...space], dtype: sameDType(inputs) }];
  },
  // dx = the transposed convolution of dy; dw = Σ over positions of dy × the window of x; db = Σ dy
  vjp: ({ node, inputs, dy, needs }) => {
    const [x, w, b] = inputs;
    const a = node.attributes as unknown as ConvAttributes;
    return [
      needs(0) ? convInputGradient(x!, w!, dy[0]!, a) : undefined,
      needs(1) ? convWeightGradient(x!, w!.shape as readonly number[], dy[0]!, a) : undefined,
      b && needs(2) ? biasGradient(dy[0]!) : undefined,
    ];
  },
  attributes: { kernel_shape: 'ints', strides: 'ints', pads: 'ints', dilations: 'ints', group: 'int' },
  macs: (node) => {
    const w = node.inputs[1]!.shape;
    return mulDim(productDim(node.outputs[0]!.shape), productDim(w.slice(1)));
  },
};

function biasGradient(dy: Value): Value {
  const axes = dy.shape.flatMap((_, i) => (i === 1 ? [] : [i]));
  return reduceSum(dy, axes, false);
}

/**
 * Convolution (cross-correlation) over any number of axes, without a bias: see `addBias` for one.
 * x [N, C, ..], w [O, C/group, ..] → [N, O, ..].
 */
export function conv(x: Value, w: Value, a: Partial<ConvAttributes> & { readonly bias?: Value } = {}): Value {
  return emit1(CONV, a.bias ? [x, w, a.bias] : [x, w], fullAttributes(w, a));
}

function fullAttributes(w: Value, a: Partial<ConvAttributes>): Attributes {
  const kernel = w.shape.slice(2) as readonly number[];
  const ones = kernel.map(() => 1);
  return {
    kernel_shape: kernel,
    strides: a.strides ?? ones,
    pads: a.pads ?? [...kernel, ...kernel].map(() => 0),
    dilations: a.dilations ?? ones,
    group: a.group ?? 1,
  };
}

/** Attributes of a transposed convolution; `output_padding` adds to the output's end. */
export interface ConvTransposeAttributes extends ConvAttributes {
  readonly output_padding: readonly number[];
}

export const CONV_TRANSPOSE: OpDef = {
  name: 'ConvTranspose',
  domain: '',
  since: 11,
  shape: (inputs, attributes) => {
    const [x, w] = [at(inputs, 0), at(inputs, 1)];
    const a = attributes as unknown as ConvTransposeAttributes;
    const rank = x.shape.length - 2;
    if (x.shape[1] !== w.shape[0] || a.strides.length !== rank) {
      throw shapeFault(`expected x [N, C, ..] and w [C, O/group, ..], got ${showDims(w.shape)}.`);
    }
    const space = x.shape.slice(2).map((d, i) => {
      const span = ((w.shape[i + 2] as number) - 1) * a.dilations[i]! + 1;
      const full = addDim(mulDim(subDim(d, 1), a.strides[i]!), span + a.output_padding[i]!);
      return subDim(full, a.pads[i]! + a.pads[rank + i]!);
    });
    return [{ shape: [x.shape[0]!, mulDim(w.shape[1]!, a.group), ...space], dtype: sameDType(inputs) }];
  },
  // dx = the convolution of dy with w; dw = that convolution's weight gradient with x and dy exchanged
  vjp: ({ node, inputs, dy, needs }) => {
    const [x, w, b] = inputs;
    const a = node.attributes as unknown as ConvTransposeAttributes;
    return [
      needs(0) ? croppedConv(dy[0]!, w!, x!, a) : undefined,
      needs(1) ? transposedWeightGradient(x!, w!, dy[0]!, a) : undefined,
      b && needs(2) ? biasGradient(dy[0]!) : undefined,
    ];
  },
  attributes: {
    kernel_shape: 'ints',
    strides: 'ints',
    pads: 'ints',
    dilations: 'ints',
    group: 'int',
    output_padding: 'ints',
  },
  macs: (node: Node) => {
    const w = node.inputs[1]!.shape;
    return mulDim(productDim(node.inputs[0]!.shape), productDim(w.slice(1)));
  },
};

/** Convolution of dy that gives exactly x's size: output padding is what the stride would leave over anyway. */
function croppedConv(dy: Value, w: Value, x: Value, a: ConvTransposeAttributes): Value {
  const y = conv(dy, w, { strides: a.strides, pads: a.pads, dilations: a.dilations, group: a.group });
  if (y.shape.some((d, i) => i > 1 && d !== x.shape[i])) {
    throw shapeFault(`expected output padding smaller than the stride, got [${a.output_padding.join(', ')}].`);
  }
  return y;
}

/** Transposed convolution. x [N, C, ..], w [C, O/group, ..] → [N, O, ..]. */
export function convTranspose(
  x: Value,
  w: Value,
  a: Partial<ConvTransposeAttributes> & { readonly bias?: Value } = {},
): Value {
  const attributes = { ...fullAttributes(w, a), output_padding: a.output_padding ?? w.shape.slice(2).map(() => 0) };
  return emit1(CONV_TRANSPOSE, a.bias ? [x, w, a.bias] : [x, w], attributes);
}

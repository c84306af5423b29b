import { float32, type Tensor } from '../../core/tensor.ts';
import { knownShape } from '../dimension.ts';
import { constant, emit1 } from '../trace.ts';
import type { Node, OpDef, Value } from '../value.ts';
import { along, matrixOf } from './along.ts';
import { at } from './common.ts';
import { div, mul } from './elementwise.ts';
import { expand, reshape } from './layout.ts';
import {
  fullAttributes,
  overhang,
  type PoolAttributes,
  padded,
  pooled,
  WINDOW,
  type Window,
  windowOf,
} from './pool-window.ts';

/** Options of {@link averagePool}. */
export interface AveragePoolAttributes extends PoolAttributes {
  /** 1: padding counts as zeros; 0 (where absent): only elements of x count. What `ceil_mode` adds never counts. */
  readonly count_include_pad?: number;
}

/** One axis of an average pool in numbers. */
interface Axis {
  readonly size: number;
  readonly count: number;
  readonly kernel: number;
  readonly stride: number;
  readonly before: number;
  /** Padding that counts, before and after. */
  readonly counted: readonly [number, number];
}

function axesOf(node: Node): Axis[] {
  const a = windowOf(node.attributes);
  const x = knownShape(node.inputs[0]!.shape, 'average pool');
  const y = knownShape(node.outputs[0]!.shape, 'average pool');
  const rank = a.kernel_shape.length;
  const counts = node.attributes['count_include_pad'] === 1;
  return a.kernel_shape.map((kernel, i) => ({
    size: x[i + 2]!,
    count: y[i + 2]!,
    kernel,
    stride: a.strides[i]!,
    before: a.pads[i]!,
    counted: counts ? [a.pads[i]!, a.pads[rank + i]!] : [0, 0],
  }));
}

/** How many elements window i of an axis is divided by; the divisor of a window is the product over its axes. */
function divisor(axis: Axis, i: number): number {
  const start = i * axis.stride - axis.before;
  const first = Math.max(start, -axis.counted[0]);
  return Math.min(start + axis.kernel, axis.size + axis.counted[1]) - first;
}

export const AVERAGE_POOL: OpDef = {
  name: 'AveragePool',
  domain: '',
  since: 19,
  shape: (inputs, attributes) => {
    const x = at(inputs, 0);
    return [{ shape: pooled(x, windowOf(attributes)), dtype: x.dtype }];
  },
  // dx[p] = Σ over windows that read p of dy / their divisor, one axis after another
  vjp: ({ node, dy }) => {
    const axes = axesOf(node);
    if (axes.every(isPartition)) return [repeat(dy[0]!, node.inputs[0]!, axes)];
    const spread = (g: Value, axis: Axis, i: number): Value => (isTrivial(axis) ? g : along(g, i + 2, members(axis)));
    return [axes.reduceRight((g, axis, i) => spread(g, axis, i), div(dy[0]!, constant(divisors(axes))))];
  },
  attributes: { ...WINDOW, count_include_pad: 'int' },
  // Engines disagree about ceil_mode: the windows are padded to the same ones, the mean is corrected where it must be.
  legalise: (node) => {
    const [x, y, a] = [node.inputs[0]!, node.outputs[0]!, windowOf(node.attributes)];
    const over = a.ceil_mode ? overhang(x, y, a) : undefined;
    const plain = over && padded(a, over);
    if (!plain) return undefined;
    const mean = emit1(AVERAGE_POOL, [x], { ...node.attributes, ...plain });
    const exact = node.attributes['count_include_pad'] === 0 || over.every((n) => n === 0);
    return [exact ? mean : mul(mean, constant(correction(axesOf(node))))];
  },
};

/** Windows that touch without overlap and cover x: each element belongs to exactly one. */
function isPartition(axis: Axis): boolean {
  return axis.stride === axis.kernel && axis.before === 0 && axis.count * axis.kernel === axis.size;
}

function isTrivial(axis: Axis): boolean {
  return isPartition(axis) && axis.kernel === 1;
}

function repeat(dy: Value, x: Value, axes: readonly Axis[]): Value {
  const head = dy.shape.slice(0, 2);
  const narrow = [...head, ...axes.flatMap((a) => [a.count, 1])];
  const wide = [...head, ...axes.flatMap((a) => [a.count, a.kernel])];
  const size = axes.reduce((n, a) => n * a.kernel, 1);
  return reshape(expand(div(reshape(dy, narrow), constant(float32([], [size]))), wide), x.shape);
}

/** [size, count]: 1 where an element is part of window i. */
function members(axis: Axis): Tensor {
  return matrixOf(axis.size, axis.count, (p, i) => {
    const start = i * axis.stride - axis.before;
    return p >= start && p < start + axis.kernel ? 1 : 0;
  });
}

/** What each window is divided by, [1, 1, ..counts], or one number where all are alike. */
function divisors(axes: readonly Axis[]): Tensor {
  const each = axes.map((a) => Array.from({ length: a.count }, (_, i) => divisor(a, i)));
  const data = each.reduce<number[]>((all, d) => all.flatMap((v) => d.map((w) => v * w)), [1]);
  return data.every((v) => v === data[0])
    ? float32([], [data[0]!])
    : float32([1, 1, ...axes.map((a) => a.count)], data);
}

/** [1, 1, ..counts]: window size over divisor. */
function correction(axes: readonly Axis[]): Tensor {
  const factors = axes.map((a) => Array.from({ length: a.count }, (_, i) => a.kernel / divisor(a, i)));
  const data = factors.reduce<number[]>((all, f) => all.flatMap((v) => f.map((w) => v * w)), [1]);
  return float32([1, 1, ...axes.map((a) => a.count)], data);
}

/** Mean of each window, as PyTorch divides. x [N, C, ..] → [N, C, ..']. No dilation. */
export function averagePool(x: Value, a: AveragePoolAttributes): Value {
  const window: Window = fullAttributes({ ...a, dilations: a.kernel_shape.map(() => 1) });
  return emit1(AVERAGE_POOL, [x], { ...window, count_include_pad: a.count_include_pad ?? 0 });
}

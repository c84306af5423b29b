import { Fault } from '../../core/fault.ts';
import { type Dim, knownShape, mulDim, showDims } from '../dimension.ts';
import { emit1, integers, scalar } from '../trace.ts';
import type { Node, OpDef, Value } from '../value.ts';
import { along, transposed } from './along.ts';
import { averagePool } from './average-pool.ts';
import { at, shapeFault } from './common.ts';
import { mul } from './elementwise.ts';
import { gather } from './indexing.ts';
import { repeatElements } from './resize-factors.ts';
import { type Interpolation, interpolationMatrix, nearestSources } from './resize-weights.ts';

function sizesOf(node: Node): number[] {
  return knownShape(node.attributes['sizes'] as readonly Dim[], `${node.path} Resize`);
}

/** Axes that change, with how they do, the last first: the engine reads along it fastest while x is small. */
function changes(node: Node): { axis: number; by: Interpolation }[] {
  const from = knownShape(node.inputs[0]!.shape, `${node.path} Resize`);
  const scales = node.attributes['scales'] as readonly number[] | undefined;
  const { mode, antialias } = node.attributes as { mode: Interpolation['mode']; antialias: number };
  const corners = node.attributes['coordinate_transformation_mode'] === 'align_corners';
  const axes = sizesOf(node).flatMap((to, axis) => {
    const scale = scales?.[axis];
    if (to === from[axis] && (scale ?? 1) === 1) return [];
    return [
      { axis, by: { mode, corners, antialias: antialias === 1, from: from[axis]!, to, ...(scale && { scale }) } },
    ];
  });
  return axes.reverse();
}

/** Whole factors of all axes behind N and C where each element is only repeated: then no rounding can differ. */
function repeats(node: Node): number[] | undefined {
  const axes = changes(node);
  const whole = axes.every(({ axis, by: { mode, from, to, scale } }) => {
    return axis > 1 && mode === 'nearest' && to % from === 0 && (scale ?? to / from) === to / from;
  });
  if (!whole || axes.length === 0) return undefined;
  const factors = node.inputs[0]!.shape.slice(2).map(() => 1);
  for (const { axis, by } of axes) factors[axis - 2] = by.to / by.from;
  return factors;
}

function gradient(node: Node, dy: Value): Value {
  const factors = repeats(node);
  if (factors) {
    const mean = averagePool(dy, { kernel_shape: factors, strides: factors });
    return mul(mean, scalar(factors.reduce((n, f) => n * f, 1)));
  }
  return changes(node).reduceRight((g, { axis, by }) => along(g, axis, transposed(interpolationMatrix(by))), dy);
}

/**
 * Interpolation to other sizes, one axis after another. With sizes known it is lowered to one gather (nearest, but
 * for whole factors) or one product with a constant matrix per axis: the same numbers on every provider, and a
 * derivative that is such a product.
 */
export const RESIZE: OpDef = {
  name: 'Resize',
  domain: '',
  since: 19,
  shape: (inputs, a) => {
    const x = at(inputs, 0);
    const sizes = a['sizes'] as readonly Dim[];
    if (sizes.length !== x.shape.length || sizes.some((d) => typeof d === 'number' && d < 1)) {
      throw shapeFault(`expected ${x.shape.length} sizes of at least 1, got ${showDims(sizes)}.`);
    }
    return [{ shape: sizes, dtype: x.dtype }];
  },
  // dx = the axes' transposed maps of dy, in reverse order; for repeated elements the sum over the repetitions
  vjp: ({ node, dy }) => [gradient(node, dy[0]!)],
  attributes: {
    mode: 'string',
    coordinate_transformation_mode: 'string',
    nearest_mode: 'string',
    cubic_coeff_a: 'float',
    antialias: 'int',
    exclude_outside: 'int',
  },
  dimInputs: { 3: 'sizes' },
  legalise: (node) => {
    const shapes = [...node.inputs[0]!.shape, ...(node.attributes['sizes'] as readonly Dim[])];
    if (!shapes.every((d) => typeof d === 'number')) return undefined;
    const factors = repeats(node);
    if (factors) return [repeatElements(node.inputs[0]!, factors)]; // the engine has this fast
    return [changes(node).reduce((y, { axis, by }) => resizeAxis(y, axis, by), node.inputs[0]!)];
  },
};

function resizeAxis(x: Value, axis: number, by: Interpolation): Value {
  return by.mode === 'nearest'
    ? gather(x, integers(nearestSources(by)), axis)
    : along(x, axis, interpolationMatrix(by));
}

/** Options of {@link interpolate}: what PyTorch's function of that name takes. Give `size` or `scale`. */
export interface InterpolateOptions {
  /** Sizes of the axes behind N and C. */
  readonly size?: readonly Dim[];
  /** Factors of the axes behind N and C; a size is floor(size × factor). */
  readonly scale?: readonly number[];
  /** Linear in each axis is PyTorch's linear, bilinear and trilinear; cubic its bicubic (a = -0.75). */
  readonly mode: 'nearest' | 'linear' | 'cubic';
  /** Centres of the corner elements stay where they are, instead of the outer edges. */
  readonly alignCorners?: boolean;
  /** Widens the kernel when shrinking (and takes a = -0.5 for cubic). */
  readonly antialias?: boolean;
  /** With `scale`: step by size ratios instead of the given factors. */
  readonly recompute?: boolean;
}

const fault = (message: string): Fault => new Fault('config', `interpolate: ${message}`);

/** x in other sizes. x [N, C, ..] → [N, C, ..size]. */
export function interpolate(x: Value, options: InterpolateOptions): Value {
  const { mode, alignCorners = false, antialias = false, recompute = false } = options;
  const space = x.shape.slice(2);
  if ((options.size === undefined) === (options.scale === undefined)) throw fault('give either size or scale.');
  const given = options.size ?? options.scale!;
  if (given.length !== space.length) throw fault(`expected ${space.length} values, got ${given.length}.`);
  if (mode === 'nearest' && (alignCorners || antialias)) throw fault('nearest has no alignCorners and no antialias.');
  if (antialias && alignCorners) throw fault('antialias with alignCorners is not defined.');
  const sizes = options.size ?? scaled(space, options.scale!);
  const steps = options.scale && !recompute && !alignCorners ? options.scale : undefined;
  if (steps && antialias) throw fault('antialias needs a size, or scale with recompute.');
  return emit1(RESIZE, [x], {
    sizes: [...x.shape.slice(0, 2), ...sizes],
    mode,
    coordinate_transformation_mode: alignCorners ? 'align_corners' : mode === 'nearest' ? 'asymmetric' : 'half_pixel',
    nearest_mode: 'floor',
    cubic_coeff_a: antialias ? -0.5 : -0.75,
    antialias: Number(antialias),
    exclude_outside: Number(antialias),
    ...(steps && { scales: [1, 1, ...steps] }),
  });
}

function scaled(space: readonly Dim[], scale: readonly number[]): Dim[] {
  return space.map((d, i) => {
    const factor = scale[i]!;
    if (typeof d === 'number') return Math.floor(d * factor);
    if (Number.isInteger(factor)) return mulDim(d, factor);
    throw fault(`expected a known size for the factor ${factor}, got ${d.key}.`);
  });
}

import { known, mulDim } from '../dimension.ts';
import { integers, scalar } from '../trace.ts';
import type { Value } from '../value.ts';
import { clip } from './activation.ts';
import {
  abs,
  add,
  and,
  cast,
  div,
  floor,
  greater,
  greaterOrEqual,
  less,
  lessOrEqual,
  mul,
  round,
  sub,
  where,
} from './elementwise.ts';
import type { GridSampleOptions } from './grid-sample.ts';
import { gatherElements } from './indexing.ts';
import { concat, expand, reshape, slice } from './layout.ts';
import { reduceSum } from './reduce.ts';
import { stopGradient } from './words.ts';

/** One axis of x and how places outside it are read. */
interface Border {
  readonly size: number;
  readonly options: GridSampleOptions;
}

/** A neighbour along one axis: where it is (whole numbers, [N, P]) and how much it weighs. */
interface Tap {
  readonly place: Value;
  readonly weight: Value;
}

/**
 * Grid sampling as a weighted sum over each sample's neighbours, T of them, read by one gather. Its derivative is the
 * operator's: PyTorch's choice at kinks (no gradient through a place on or beyond the border) is kept.
 */
export function gridSampleByGather(x: Value, grid: Value, options: GridSampleOptions): Value {
  const [n, c, h, w] = [x.shape[0]!, x.shape[1]!, known(x.shape[2]!, 'grid sample'), known(x.shape[3]!, 'grid sample')];
  const points = mulDim(grid.shape[1]!, grid.shape[2]!);
  const coordinate = (i: number): Value => reshape(slice(grid, { axes: [3], starts: [i], ends: [i + 1] }), [n, points]);
  const columns = taps(coordinate(0), { size: w, options });
  const rows = taps(coordinate(1), { size: h, options });
  const pairs = rows.flatMap((row) => columns.map((column) => pairOf(row, column, { h, w, options })));
  const index = concat(
    pairs.map((p) => p.index),
    1,
  ); // [N, T P]
  const weight = concat(
    pairs.map((p) => reshape(p.weight, [n, 1, 1, points])),
    2,
  ); // [N, 1, T, P]
  const all = mulDim(points, pairs.length);
  const read = gatherElements(reshape(x, [n, c, h * w]), expand(reshape(index, [n, 1, all]), [n, c, all]), 2);
  const sum = reduceSum(mul(reshape(read, [n, c, pairs.length, points]), weight), [2], false);
  return reshape(sum, [n, c, grid.shape[1]!, grid.shape[2]!]);
}

/** Index and weight of one neighbour in the plane; with zero padding one outside weighs nothing. */
function pairOf(
  row: Tap,
  column: Tap,
  { h, w, options }: { h: number; w: number; options: GridSampleOptions },
): { readonly index: Value; readonly weight: Value } {
  const whole = (place: Value, size: number): Value => cast(clip(place, 0, size - 1), 'int64');
  const index = add(mul(whole(row.place, h), integers([w])), whole(column.place, w));
  const weight = mul(row.weight, column.weight);
  if (options.padding !== 'zeros') return { index, weight };
  const inside = and(within(row.place, h), within(column.place, w));
  return { index, weight: mul(weight, cast(inside, 'float32')) };
}

function within(place: Value, size: number): Value {
  return and(greaterOrEqual(place, scalar(0)), lessOrEqual(place, scalar(size - 1)));
}

/** g in [-1, 1] as a position in the axis. */
function positionOf(g: Value, { size, options }: Border): Value {
  const half = mul(add(g, scalar(1)), scalar(options.alignCorners ? (size - 1) / 2 : size / 2));
  return options.alignCorners ? half : sub(half, scalar(0.5));
}

function taps(g: Value, border: Border): Tap[] {
  const position = positionOf(g, border);
  switch (border.options.mode) {
    case 'nearest':
      return [{ place: stopGradient(round(folded(position, border))), weight: expand(scalar(1), g.shape) }];
    case 'linear': {
      const p = folded(position, border);
      const low = stopGradient(floor(p));
      const t = sub(p, low);
      return [
        { place: low, weight: sub(scalar(1), t) },
        { place: add(low, scalar(1)), weight: t },
      ];
    }
    case 'cubic': {
      const low = stopGradient(floor(position));
      const weights = cubicWeights(sub(position, low));
      return weights.map((weight, k) => ({ place: stopGradient(folded(add(low, scalar(k - 1)), border)), weight }));
    }
    default:
      return border.options.mode satisfies never;
  }
}

/** A position moved back inside as the padding says. On and beyond the border it has no gradient. */
function folded(position: Value, border: Border): Value {
  const { size, options } = border;
  if (options.padding === 'zeros') return position;
  const p = options.padding === 'reflection' ? reflected(position, border) : position;
  const inside = and(greater(p, scalar(0)), less(p, scalar(size - 1)));
  return where(inside, p, stopGradient(clip(p, 0, size - 1)));
}

/** A position mirrored at both ends of the axis until it lies inside. */
function reflected(position: Value, { size, options }: Border): Value {
  const low = options.alignCorners ? 0 : -0.5;
  const span = options.alignCorners ? size - 1 : size;
  if (span === 0) return mul(position, scalar(0));
  const distance = abs(sub(position, scalar(low)));
  const turns = stopGradient(floor(div(distance, scalar(span))));
  const rest = sub(distance, mul(turns, scalar(span)));
  const odd = greater(sub(turns, mul(floor(mul(turns, scalar(0.5))), scalar(2))), scalar(0.5));
  return add(where(odd, sub(scalar(span), rest), rest), scalar(low));
}

/** Weights of the neighbours at −1, 0, 1, 2 of a point t behind 0: Keys' kernel with a = −0.75. */
function cubicWeights(t: Value): Value[] {
  const a = -0.75;
  const near = (d: Value): Value => add(mul(mul(sub(mul(d, scalar(a + 2)), scalar(a + 3)), d), d), scalar(1));
  const far = (d: Value): Value =>
    sub(mul(add(mul(sub(mul(d, scalar(a)), scalar(5 * a)), d), scalar(8 * a)), d), scalar(4 * a));
  const [one, two] = [scalar(1), scalar(2)];
  return [far(add(t, one)), near(t), near(sub(one, t)), far(sub(two, t))];
}

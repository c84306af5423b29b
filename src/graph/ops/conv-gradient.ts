import type { Value } from '../value.ts';
import { type ConvAttributes, type ConvTransposeAttributes, conv, convTranspose } from './conv.ts';
import { concat, pad, reshape, slice, transpose } from './layout.ts';
import { matMul } from './matrix.ts';
import { reduceSum } from './reduce.ts';

const numbers = (v: Value): number[] => v.shape as number[];

/** dx of y = conv(x, w): the transposed convolution of dy, of exactly x's size. */
export function convInputGradient(x: Value, w: Value, dy: Value, a: ConvAttributes): Value {
  const flipped = flippedConvolution(x, w, dy, a);
  if (flipped) return flipped;
  const rank = a.strides.length;
  const output_padding = a.strides.map((stride, i) => {
    const span = (numbers(w)[i + 2]! - 1) * a.dilations[i]! + 1;
    const reached = (numbers(dy)[i + 2]! - 1) * stride + span - a.pads[i]! - a.pads[rank + i]!;
    return numbers(x)[i + 2]! - reached;
  });
  return convTranspose(dy, w, { ...a, output_padding });
}

/**
 * With stride 1 the transposed convolution is a convolution with the kernel turned round and its channels exchanged,
 * which the engine runs in half the time.
 */
function flippedConvolution(x: Value, w: Value, dy: Value, a: ConvAttributes): Value | undefined {
  const kernel = numbers(w).slice(2);
  const pads = [...a.pads].map((p, i) => (kernel[i % kernel.length]! - 1) * a.dilations[i % kernel.length]! - p);
  if (a.group !== 1 || a.strides.some((s) => s !== 1) || pads.some((p) => p < 0)) return undefined;
  if (x.shape[1] === undefined) return undefined;
  const turned = kernel.reduce((v, k, i) => (k === 1 ? v : reversed(v, i + 2, k)), w);
  const order = [1, 0, ...kernel.map((_, i) => i + 2)];
  return conv(dy, transpose(turned, order), { pads, dilations: a.dilations });
}

function reversed(v: Value, axis: number, length: number): Value {
  const parts = Array.from({ length }, (_, i) =>
    slice(v, { axes: [axis], starts: [length - 1 - i], ends: [length - i] }),
  );
  return concat(parts, axis);
}

/**
 * dw of y = conv(x, w): dw[o, c, k] = Σ_n Σ_p dy[n, o, p] x[n, c, p s + k d].
 * Each tap k of the kernel is a product of dy with x shifted by k.
 */
export function convWeightGradient(x: Value, w: Value, dy: Value, a: ConvAttributes): Value {
  const g = a.group;
  const [n, , ...space] = numbers(dy);
  const [o, c, ...kernel] = numbers(w);
  const rank = kernel.length;
  const p = space.reduce((u, v) => u * v, 1);
  const before = [0, 0, ...a.pads.slice(0, rank)];
  const padded = pad(x, before, [0, 0, ...a.pads.slice(rank)]);
  const columns = offsets(kernel).map((k) => {
    const window = slice(padded, {
      axes: k.map((_, i) => i + 2),
      starts: k.map((v, i) => v * a.dilations[i]!),
      ends: k.map((v, i) => v * a.dilations[i]! + (space[i]! - 1) * a.strides[i]! + 1),
      steps: [...a.strides],
    });
    return reshape(window, [n!, g, c!, p]);
  });
  const taps = columns.length;
  const patches = reshape(concat(columns, 2), [n!, g, taps * c!, p]);
  const rows = reshape(dy, [n!, g, o! / g, p]);
  const perImage = matMul(rows, patches, { transB: true }); // [N, G, O/G, K·C]
  const summed = reshape(reduceSum(perImage, [0], false), [o!, taps, c!]);
  return reshape(transpose(summed, [0, 2, 1]), [o!, c!, ...kernel]);
}

function offsets(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (all, k) => all.flatMap((head) => Array.from({ length: k }, (_, i) => [...head, i])),
    [[]],
  );
}

/** dw of a transposed convolution: the weight gradient of the convolution that it transposes. */
export function transposedWeightGradient(x: Value, w: Value, dy: Value, a: ConvTransposeAttributes): Value {
  return convWeightGradient(dy, w, x, a);
}

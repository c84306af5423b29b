import { build, each, get, type Numbers, offset } from '../numbers.ts';
import { input, int, ints, type Kernel, type KernelCall } from './kernel.ts';

interface Windows {
  readonly shape: readonly number[];
  /** Positions in x's space that the window of an output reads, some of them outside. */
  readonly positions: (index: readonly number[]) => readonly (readonly number[])[];
}

/** Number of windows along one axis, by PyTorch's rule: with `ceil_mode` the last may hang over, but must start in x. */
function countOf(
  length: number,
  span: number,
  a: { stride: number; before: number; after: number; ceil: boolean },
): number {
  const room = length + a.before + a.after - span;
  if (!a.ceil) return Math.floor(room / a.stride) + 1;
  const count = Math.ceil(room / a.stride) + 1;
  return (count - 1) * a.stride >= length + a.before ? count - 1 : count;
}

function windows(call: KernelCall, x: Numbers): Windows {
  const [kernel, strides] = [ints(call, 'kernel_shape'), ints(call, 'strides')];
  const [pads, dilations] = [ints(call, 'pads'), ints(call, 'dilations')];
  const ceil = int(call, 'ceil_mode') === 1;
  const space = kernel.map((k, i) => {
    const slide = { stride: strides[i]!, before: pads[i]!, after: pads[kernel.length + i]!, ceil };
    return countOf(x.shape[i + 2]!, (k - 1) * dilations[i]! + 1, slide);
  });
  const positions = (index: readonly number[]): number[][] => {
    const all: number[][] = [];
    each(kernel, (tap) => {
      all.push(tap.map((t, i) => index[i + 2]! * strides[i]! - pads[i]! + t * dilations[i]!));
    });
    return all;
  };
  return { shape: [...x.shape.slice(0, 2), ...space], positions };
}

const maxPool: Kernel = (call) => {
  const x = input(call, 0);
  const w = windows(call, x);
  const firstLargest = (index: readonly number[]): number => {
    let best = -1;
    for (const at of w.positions(index)) {
      const from = offset(x.shape, [index[0]!, index[1]!, ...at]);
      if (from >= 0 && (best < 0 || x.data[from]! > x.data[best]!)) best = from;
    }
    return best;
  };
  const indices = build(w.shape, firstLargest);
  const y = { shape: w.shape, data: indices.data.map((at) => x.data[at]!) };
  return call.attributes['indices'] ? [y, indices] : [y];
};

/** The divisor counts positions inside x, or inside x with its padding; never what only ceil_mode added. */
const averagePool: Kernel = (call) => {
  const x = input(call, 0);
  const w = windows(call, x);
  const pads = ints(call, 'pads');
  const rank = x.shape.length - 2;
  const counts = (at: readonly number[]): boolean =>
    at.every((p, i) => {
      const [before, after] = int(call, 'count_include_pad') ? [pads[i]!, pads[rank + i]!] : [0, 0];
      return p >= -before && p < x.shape[i + 2]! + after;
    });
  return [
    build(w.shape, (index) => {
      const positions = w.positions(index);
      const sum = positions.reduce((s, at) => s + get(x, [index[0]!, index[1]!, ...at]), 0);
      return sum / positions.filter(counts).length;
    }),
  ];
};

/** Operators that slide a window. */
export const POOL: Readonly<Record<string, Kernel>> = { MaxPool: maxPool, AveragePool: averagePool };

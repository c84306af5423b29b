import { build, get, type Numbers } from '../numbers.ts';
import { input, int, type Kernel, type KernelCall, text } from './kernel.ts';

/** What whole numbers of each dtype there are. */
const RANGES: Readonly<Record<string, readonly [number, number]>> = { uint8: [0, 255], int8: [-128, 127] };

/** Scale and zero point of the element at an index. */
function gridAt(call: KernelCall, index: readonly number[]): readonly [scale: number, zero: number] {
  const at = (t: Numbers): number => (t.shape.length === 0 ? t.data[0]! : get(t, [index[int(call, 'axis')]!]));
  return [at(input(call, 1)), at(input(call, 2))];
}

function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

const quantize: Kernel = (call) => {
  const x = input(call, 0);
  const [least, most] = RANGES[text(call, 'dtype')]!;
  return [
    build(x.shape, (index, flat) => {
      const [scale, zero] = gridAt(call, index);
      return Math.min(most, Math.max(least, roundHalfEven(x.data[flat]! / scale) + zero));
    }),
  ];
};

const dequantize: Kernel = (call) => {
  const x = input(call, 0);
  return [
    build(x.shape, (index, flat) => {
      const [scale, zero] = gridAt(call, index);
      return (x.data[flat]! - zero) * scale;
    }),
  ];
};

/** Kernels of the operators between numbers and whole numbers that stand for them. */
export const QUANTISE: Readonly<Record<string, Kernel>> = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
};

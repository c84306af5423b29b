import { build, each, get, type Numbers } from '../numbers.ts';
import { input, int, ints, type Kernel, type KernelCall, text } from './kernel.ts';

/** Keys' cubic kernel. */
function cubic(distance: number, a: number): number {
  const d = Math.abs(distance);
  if (d < 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1;
  return d < 2 ? a * (d ** 3 - 5 * d ** 2 + 8 * d - 4) : 0;
}

const hat = (distance: number): number => Math.max(1 - Math.abs(distance), 0);

interface Axis {
  readonly from: number;
  readonly to: number;
  /** Output size over input size as the caller gave it. */
  readonly scale: number;
}

/** Where the centre of output i lies in the input, in positions from 0. */
function sourceOf(call: KernelCall, i: number, axis: Axis): number {
  switch (text(call, 'coordinate_transformation_mode')) {
    case 'half_pixel':
      return (i + 0.5) / axis.scale - 0.5;
    case 'align_corners':
      return axis.to === 1 ? 0 : (i * (axis.from - 1)) / (axis.to - 1);
    case 'asymmetric':
      return i / axis.scale;
    default:
      throw new Error('this coordinate transformation is not known');
  }
}

/** How much output i reads from each input along one axis. */
function weightsOf(call: KernelCall, i: number, axis: Axis): number[] {
  const mode = text(call, 'mode');
  const out = new Array<number>(axis.from).fill(0);
  const source = sourceOf(call, i, axis);
  if (mode === 'nearest') {
    out[Math.min(Math.floor(source + 1e-9), axis.from - 1)] = 1;
    return out;
  }
  const kernel = mode === 'linear' ? hat : (d: number): number => cubic(d, int(call, 'cubic_coeff_a'));
  const reach = mode === 'linear' ? 1 : 2;
  if (int(call, 'antialias')) {
    const widen = Math.max(1 / axis.scale, 1);
    const all = out.map((_, j) => (Math.abs(j - source) < reach * widen ? kernel((j - source) / widen) : 0));
    const sum = all.reduce((s, w) => s + w, 0);
    return all.map((w) => w / sum);
  }
  const base = Math.floor(source);
  for (let j = base - reach + 1; j <= base + reach; j++) {
    out[Math.min(Math.max(j, 0), axis.from - 1)]! += kernel(j - source);
  }
  return out;
}

/** Each output is a sum over all of x, weighted by the product of its axes' weights. */
const resize: Kernel = (call) => {
  const x = input(call, 0);
  const sizes = ints(call, 'sizes');
  const scales = call.attributes['scales'] as readonly number[] | undefined;
  const weights = sizes.map((to, a) => {
    const from = x.shape[a]!;
    const scale = scales?.[a] ?? to / from;
    if (to === from && scale === 1) return null;
    return Array.from({ length: to }, (_, i) => weightsOf(call, i, { from, to, scale }));
  });
  const axes = weights.flatMap((w, a) => (w ? [a] : []));
  return [
    build(sizes, (index) => {
      let sum = 0;
      const at = [...index];
      each(
        axes.map((a) => x.shape[a]!),
        (tap) => {
          let weight = 1;
          axes.forEach((a, i) => {
            weight *= weights[a]![index[a]!]![tap[i]!]!;
            at[a] = tap[i]!;
          });
          if (weight !== 0) sum += weight * get(x, at);
        },
      );
      return sum;
    }),
  ];
};

interface Border {
  readonly size: number;
  readonly padding: string;
  readonly corners: boolean;
}

/** Moves a position back inside, as the padding mode says. */
function inside(position: number, { size, padding, corners }: Border): number {
  if (padding === 'zeros') return position;
  let p = position;
  if (padding === 'reflection') {
    const [low, high] = corners ? [0, size - 1] : [-0.5, size - 0.5];
    if (low === high) p = 0;
    else while (p < low || p > high) p = p < low ? 2 * low - p : 2 * high - p;
  }
  return Math.min(Math.max(p, 0), size - 1);
}

function halfEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/** Positions along one axis that a sample reads, with their weights. */
function taps(mode: string, position: number, border: Border): readonly (readonly [number, number])[] {
  if (mode === 'nearest') return [[halfEven(inside(position, border)), 1]];
  if (mode === 'linear') {
    const p = inside(position, border);
    const low = Math.floor(p);
    return [
      [low, 1 - (p - low)],
      [low + 1, p - low],
    ];
  }
  const low = Math.floor(position);
  return [-1, 0, 1, 2].map((d) => [inside(low + d, border), cubic(position - low - d, -0.75)] as const);
}

/** x [N, C, H, W], grid [N, Ho, Wo, (x, y)] in [-1, 1] → [N, C, Ho, Wo]. */
const gridSample: Kernel = (call) => {
  const [x, grid] = [input(call, 0), input(call, 1)];
  const [mode, padding] = [text(call, 'mode'), text(call, 'padding_mode')];
  const corners = int(call, 'align_corners') === 1;
  const along = (g: number, size: number): readonly (readonly [number, number])[] => {
    const position = corners ? ((g + 1) / 2) * (size - 1) : ((g + 1) * size - 1) / 2;
    return taps(mode, position, { size, padding, corners });
  };
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const sample = (t: Numbers, [b, channel, i, j]: readonly number[]): number => {
    const columns = along(get(grid, [b!, i!, j!, 0]), w);
    const rows = along(get(grid, [b!, i!, j!, 1]), h);
    return rows.reduce(
      (sum, [y, wy]) => columns.reduce((s, [at, wx]) => s + wy * wx * get(t, [b!, channel!, y, at]), sum),
      0,
    );
  };
  return [build([n, c, grid.shape[1]!, grid.shape[2]!], (index) => sample(x, index))];
};

/** Operators that read between positions. */
export const SAMPLING: Readonly<Record<string, Kernel>> = { Resize: resize, GridSample: gridSample };

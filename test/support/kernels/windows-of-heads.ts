import { build, each, get, type Numbers, sizeOf, zeros } from '../numbers.ts';
import { input, ints, type Kernel, type KernelCall } from './kernel.ts';

/** What the attribute `use` says. */
interface Use {
  readonly window: {
    readonly size: readonly number[];
    readonly stride: readonly number[];
    readonly dilation: readonly number[];
  };
  readonly heads: number;
  readonly runs: number;
  readonly space?: readonly number[];
}

const useOf = (call: KernelCall): Use => call.attributes['use'] as unknown as Use;

/** Channels lie as [runs, share, heads / runs]. */
function headOf(c: number, channels: number, { heads, runs }: Use): number {
  const inner = heads / runs;
  return Math.floor(c / (channels / runs)) * inner + (c % inner);
}

const coordinates = (index: number, shape: readonly number[]): number[] =>
  shape.map((d, i) => Math.floor(index / sizeOf(shape.slice(i + 1))) % d);

/** Where a query finds place `t` of its window. */
function positionOf(query: readonly number[], t: number, { window }: Use): number[] {
  return coordinates(t, window.size).map(
    (p, i) => query[i]! * window.stride[i]! + (p - (window.size[i]! - 1) / 2) * window.dilation[i]!,
  );
}

const queriesOf = (space: readonly number[], { window }: Use): number[] =>
  space.map((d, i) => Math.floor((d - 1) / window.stride[i]!) + 1);

const windowSum: Kernel = (call) => {
  const [x, w, use] = [input(call, 0), input(call, 1), useOf(call)];
  const [n, c, ...space] = x.shape as [number, number, ...number[]];
  const queries = queriesOf(space, use);
  const places = sizeOf(use.window.size);
  return [
    build([n, c, ...queries], ([b, channel, ...query], flat) => {
      let sum = 0;
      for (let t = 0; t < places; t++) {
        const weight = get(w, [b!, headOf(channel!, c, use), t, flat % sizeOf(queries)]);
        sum += weight * get(x, [b!, channel!, ...positionOf(query, t, use)]);
      }
      return sum;
    }),
  ];
};

const windowSpread: Kernel = (call) => {
  const [x, w, use] = [input(call, 0), input(call, 1), useOf(call)];
  const [n, c, ...queries] = x.shape as [number, number, ...number[]];
  const space = use.space!;
  const y = zeros([n, c, ...space]);
  each(x.shape, ([b, channel, ...query], flat) => {
    for (let t = 0; t < sizeOf(use.window.size); t++) {
      const at = positionOf(query, t, use);
      if (at.some((v, i) => v < 0 || v >= space[i]!)) continue;
      const line = at.reduce((u, v, i) => u * space[i]! + v, 0);
      const weight = get(w, [b!, headOf(channel!, c, use), t, flat % sizeOf(queries)]);
      y.data[(b! * c + channel!) * sizeOf(space) + line]! += weight * x.data[flat]!;
    }
  });
  return [y];
};

const windowDot: Kernel = (call) => {
  const [q, k, use] = [input(call, 0), input(call, 1), useOf(call)];
  const [n, c, ...queries] = q.shape as [number, number, ...number[]];
  return [
    build([n, use.heads, sizeOf(use.window.size), sizeOf(queries)], ([b, h, t, p]) => {
      const query = coordinates(p!, queries);
      let sum = 0;
      for (let channel = 0; channel < c; channel++) {
        if (headOf(channel, c, use) !== h) continue;
        sum += get(q, [b!, channel, ...query]) * get(k, [b!, channel, ...positionOf(query, t!, use)]);
      }
      return sum;
    }),
  ];
};

/** Blocks added up where they overlap, over any number of axes. */
const col2Im: Kernel = (call) => {
  const x: Numbers = input(call, 0);
  const [image, block] = [ints(call, 'image_shape'), ints(call, 'block_shape')];
  const [strides, dilations] = [ints(call, 'strides'), ints(call, 'dilations')];
  const counts = image.map((d, i) => Math.floor((d - dilations[i]! * (block[i]! - 1) - 1) / strides[i]!) + 1);
  const [n, rows] = x.shape as [number, number, number];
  const c = rows / sizeOf(block);
  const y = zeros([n, c, ...image]);
  each([n, c, ...block, ...counts], ([b, channel, ...rest], flat) => {
    const at = image.map((_, i) => rest[i]! * dilations[i]! + rest[image.length + i]! * strides[i]!);
    const line = at.reduce((u, v, i) => u * image[i]! + v, 0);
    y.data[(b! * c + channel!) * sizeOf(image) + line]! += x.data[flat]!;
  });
  return [y];
};

/** Windows of maps whose channels heads share. */
export const WINDOWS_OF_HEADS: Readonly<Record<string, Kernel>> = {
  windowSum,
  windowSpread,
  windowDot,
  Col2Im: col2Im,
};

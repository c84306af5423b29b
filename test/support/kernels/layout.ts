import { broadcastShape, build, each, get, getBroadcast, type Numbers, numbers, offset, zeros } from '../numbers.ts';
import { fromFront, input, int, ints, type Kernel, text } from './kernel.ts';

const reshape: Kernel = (call) => [numbers(ints(call, 'shape'), input(call, 0).data)];

const transpose: Kernel = (call) => {
  const x = input(call, 0);
  const perm = ints(call, 'perm');
  const shape = perm.map((p) => x.shape[p]!);
  return [
    build(shape, (index) => {
      const from = [...index];
      perm.forEach((p, i) => {
        from[p] = index[i]!;
      });
      return get(x, from);
    }),
  ];
};

const expand: Kernel = (call) => {
  const x = input(call, 0);
  return [build(broadcastShape(x.shape, ints(call, 'shape')), (index) => getBroadcast(x, index))];
};

const concat: Kernel = (call) => {
  const parts = call.inputs as readonly Numbers[];
  const first = parts[0]!.shape;
  const axis = fromFront(int(call, 'axis'), first.length);
  const total = parts.reduce((n, p) => n + p.shape[axis]!, 0);
  const out = zeros(first.map((d, i) => (i === axis ? total : d)));
  let start = 0;
  for (const part of parts) {
    each(part.shape, (index, flat) => {
      const to = [...index];
      to[axis]! += start;
      out.data[offset(out.shape, to)] = part.data[flat]!;
    });
    start += part.shape[axis]!;
  }
  return [out];
};

const split: Kernel = (call) => {
  const x = input(call, 0);
  const axis = fromFront(int(call, 'axis'), x.shape.length);
  let start = 0;
  return ints(call, 'split').map((length) => {
    const from = start;
    start += length;
    return build(
      x.shape.map((d, i) => (i === axis ? length : d)),
      (index) =>
        get(
          x,
          index.map((v, i) => (i === axis ? v + from : v)),
        ),
    );
  });
};

const slice: Kernel = (call) => {
  const x = input(call, 0);
  const [starts, ends, steps] = [ints(call, 'starts'), ints(call, 'ends'), ints(call, 'steps')];
  const first = x.shape.map(() => 0);
  const step = x.shape.map(() => 1);
  const shape = [...x.shape];
  ints(call, 'axes').forEach((given, i) => {
    const axis = fromFront(given, x.shape.length);
    first[axis] = starts[i]!;
    step[axis] = steps[i]!;
    shape[axis] = Math.ceil((ends[i]! - starts[i]!) / steps[i]!);
  });
  return [
    build(shape, (index) =>
      get(
        x,
        index.map((v, i) => first[i]! + v * step[i]!),
      ),
    ),
  ];
};

const pad: Kernel = (call) => {
  const x = input(call, 0);
  const pads = ints(call, 'pads');
  const rank = x.shape.length;
  if (text(call, 'mode') !== 'constant') throw new Error('only constant padding is known');
  const shape = x.shape.map((d, i) => d + pads[i]! + pads[rank + i]!);
  return [
    build(shape, (index) =>
      get(
        x,
        index.map((v, i) => v - pads[i]!),
      ),
    ),
  ];
};

/** Operators that only move elements. */
export const LAYOUT: Readonly<Record<string, Kernel>> = {
  Reshape: reshape,
  Transpose: transpose,
  Expand: expand,
  Concat: concat,
  Split: split,
  Slice: slice,
  Pad: pad,
};

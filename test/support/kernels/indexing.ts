import { build, each, get, type Numbers, numbers, offset } from '../numbers.ts';
import { fromFront, input, int, ints, type Kernel, text } from './kernel.ts';
import { lineOf } from './reduce.ts';

const gather: Kernel = (call) => {
  const [x, indices] = [input(call, 0), input(call, 1)];
  const axis = fromFront(int(call, 'axis'), x.shape.length);
  const r = indices.shape.length;
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  return [
    build(shape, (index) => {
      const at = fromFront(get(indices, index.slice(axis, axis + r)), x.shape[axis]!);
      return get(x, [...index.slice(0, axis), at, ...index.slice(axis + r)], Number.NaN);
    }),
  ];
};

/** `index` with the entry along `axis` replaced by what `indices` holds there. */
function redirected(indices: Numbers, index: readonly number[], axis: number, size: number): number[] {
  const at = fromFront(get(indices, index, Number.NaN), size);
  return index.map((v, i) => (i === axis ? at : v));
}

const gatherElements: Kernel = (call) => {
  const [x, indices] = [input(call, 0), input(call, 1)];
  const axis = fromFront(int(call, 'axis'), x.shape.length);
  return [build(indices.shape, (index) => get(x, redirected(indices, index, axis, x.shape[axis]!), Number.NaN))];
};

const combine = (reduction: string, before: number, update: number): number =>
  reduction === 'add' ? before + update : update;

const scatterElements: Kernel = (call) => {
  const [x, indices, updates] = [input(call, 0), input(call, 1), input(call, 2)];
  const axis = fromFront(int(call, 'axis'), x.shape.length);
  const out = numbers(x.shape, x.data);
  each(indices.shape, (index, flat) => {
    const to = offset(x.shape, redirected(indices, index, axis, x.shape[axis]!));
    out.data[to] = combine(text(call, 'reduction'), out.data[to]!, updates.data[flat]!);
  });
  return [out];
};

/** The tuple that stands at `head` in `indices`, counted from the front of each axis of `shape`. */
function tupleAt(indices: Numbers, head: readonly number[], shape: readonly number[]): number[] {
  return Array.from({ length: indices.shape.at(-1)! }, (_, i) => fromFront(get(indices, [...head, i]), shape[i]!));
}

const gatherND: Kernel = (call) => {
  const [x, indices] = [input(call, 0), input(call, 1)];
  if (int(call, 'batch_dims') !== 0) throw new Error('batch_dims is not known');
  const r = indices.shape.length - 1;
  const shape = [...indices.shape.slice(0, r), ...x.shape.slice(indices.shape[r]!)];
  return [
    build(shape, (index) => get(x, [...tupleAt(indices, index.slice(0, r), x.shape), ...index.slice(r)], Number.NaN)),
  ];
};

const scatterND: Kernel = (call) => {
  const [x, indices, updates] = [input(call, 0), input(call, 1), input(call, 2)];
  const r = indices.shape.length - 1;
  const out = numbers(x.shape, x.data);
  each(updates.shape, (index, flat) => {
    const to = offset(x.shape, [...tupleAt(indices, index.slice(0, r), x.shape), ...index.slice(r)]);
    out.data[to] = combine(text(call, 'reduction'), out.data[to]!, updates.data[flat]!);
  });
  return [out];
};

const topK: Kernel = (call) => {
  const x = input(call, 0);
  const axis = fromFront(int(call, 'axis'), x.shape.length);
  const sign = int(call, 'largest') ? -1 : 1;
  const shape = x.shape.map((d, i) => (i === axis ? ints(call, 'k')[0]! : d));
  const indices = build(shape, (index) => {
    const line = lineOf(x, index, axis);
    const order = line.map((_, j) => j).sort((a, b) => sign * (line[a]! - line[b]!) || a - b);
    return order[index[axis]!]!;
  });
  return [build(shape, (index) => get(x, redirected(indices, index, axis, x.shape[axis]!))), indices];
};

const oneHot: Kernel = (call) => {
  const [indices, values] = [input(call, 0), input(call, 2)];
  const depth = ints(call, 'depth')[0]!;
  const axis = fromFront(int(call, 'axis'), indices.shape.length + 1);
  const shape = [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)];
  return [
    build(shape, (index) => {
      const hot = fromFront(
        get(
          indices,
          index.filter((_, i) => i !== axis),
        ),
        depth,
      );
      return values.data[hot === index[axis] ? 1 : 0]!;
    }),
  ];
};

/** Operators that read or write at places given as data. */
export const INDEXING: Readonly<Record<string, Kernel>> = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  TopK: topK,
  OneHot: oneHot,
};

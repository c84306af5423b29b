import { broadcastShape, build, each, get, type Numbers, offset, zeros } from '../numbers.ts';
import { fromFront, input, int, ints, type Kernel } from './kernel.ts';

interface Folding {
  readonly start: number;
  readonly step: (sum: number, x: number) => number;
  readonly finish?: (sum: number, count: number) => number;
}

function fold({ start, step, finish }: Folding): Kernel {
  return (call) => {
    const x = input(call, 0);
    const axes = new Set(ints(call, 'axes').map((a) => fromFront(a, x.shape.length)));
    const kept = x.shape.map((d, i) => (axes.has(i) ? 1 : d));
    const out = { shape: kept, data: zeros(kept).data.fill(start) };
    each(x.shape, (index, flat) => {
      const at = offset(
        kept,
        index.map((v, i) => (axes.has(i) ? 0 : v)),
      );
      out.data[at] = step(out.data[at]!, x.data[flat]!);
    });
    const count = x.data.length / out.data.length;
    const data = finish ? out.data.map((v) => finish(v, count)) : out.data;
    return [{ shape: int(call, 'keepdims') ? kept : x.shape.filter((_, i) => !axes.has(i)), data }];
  };
}

/** The numbers of a tensor along an axis through an index. */
export function lineOf(x: Numbers, index: readonly number[], axis: number): number[] {
  return Array.from({ length: x.shape[axis]! }, (_, j) =>
    get(
      x,
      index.map((v, i) => (i === axis ? j : v)),
    ),
  );
}

const argMax: Kernel = (call) => {
  const x = input(call, 0);
  const axis = fromFront(int(call, 'axis'), x.shape.length);
  const kept = build(
    x.shape.map((d, i) => (i === axis ? 1 : d)),
    (index) => {
      const line = lineOf(x, index, axis);
      return line.indexOf(Math.max(...line));
    },
  );
  return [int(call, 'keepdims') ? kept : { shape: x.shape.filter((_, i) => i !== axis), data: kept.data }];
};

function softmaxOf(x: Numbers, axis: number, finish: (shifted: number, sum: number) => number): Numbers {
  return build(x.shape, (index) => {
    const line = lineOf(x, index, axis);
    const largest = Math.max(...line);
    const sum = line.reduce((s, v) => s + Math.exp(v - largest), 0);
    return finish(line[index[axis]!]! - largest, sum);
  });
}

const softmax =
  (finish: (shifted: number, sum: number) => number): Kernel =>
  (call) => {
    const x = input(call, 0);
    return [softmaxOf(x, fromFront(int(call, 'axis'), x.shape.length), finish)];
  };

/** Mean and biased variance of a list. */
function moments(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((s, v) => s + v, 0) / values.length;
  return { mean, variance: values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length };
}

const batchNormalization: Kernel = (call) => {
  const [x, scale, bias] = [input(call, 0), input(call, 1), input(call, 2)];
  const epsilon = int(call, 'epsilon');
  const byChannel: number[][] = Array.from({ length: x.shape[1]! }, () => []);
  each(x.shape, (index, flat) => byChannel[index[1]!]!.push(x.data[flat]!));
  const training = int(call, 'training_mode') === 1;
  const statistics = byChannel.map((values, c) =>
    training ? moments(values) : { mean: input(call, 3).data[c]!, variance: input(call, 4).data[c]! },
  );
  return [
    build(x.shape, (index, flat) => {
      const c = index[1]!;
      const { mean, variance } = statistics[c]!;
      return (scale.data[c]! * (x.data[flat]! - mean)) / Math.sqrt(variance + epsilon) + bias.data[c]!;
    }),
  ];
};

/** Batch norm with its own statistics of x = W u, u [N, C, ..], w [O, C, 1, ..]. */
const projectionNormalization: Kernel = (call) => {
  const [u, w] = [input(call, 0), input(call, 1)];
  const [outputs, channels] = w.shape as [number, number];
  const x = build([u.shape[0]!, outputs, ...u.shape.slice(2)], ([n, o, ...space]) => {
    let sum = 0;
    each(u.shape.slice(1, 2), ([c]) => {
      const at = [n!, c!, ...space].reduce((flat, i, axis) => flat * u.shape[axis]! + i, 0);
      sum += w.data[o! * channels + c!]! * u.data[at]!;
    });
    return sum;
  });
  return batchNormalization({
    inputs: [x, ...call.inputs.slice(2)],
    attributes: { ...call.attributes, training_mode: 1 },
  });
};

const layerNormalization: Kernel = (call) => {
  const [x, scale] = [input(call, 0), input(call, 1)];
  const axis = fromFront(int(call, 'axis'), x.shape.length);
  const length = x.shape.slice(axis).reduce((n, d) => n * d, 1);
  const out = zeros(broadcastShape(x.shape, scale.shape));
  for (let start = 0; start < x.data.length; start += length) {
    const { mean, variance } = moments([...x.data.subarray(start, start + length)]);
    for (let i = 0; i < length; i++) {
      const normal = (x.data[start + i]! - mean) / Math.sqrt(variance + int(call, 'epsilon'));
      out.data[start + i] = normal * scale.data[i]! + (call.inputs[2]?.data[i] ?? 0);
    }
  }
  return [out];
};

const cumSum: Kernel = (call) => {
  const x = input(call, 0);
  const axis = fromFront(ints(call, 'axis')[0]!, x.shape.length);
  const [exclusive, reverse] = [int(call, 'exclusive'), int(call, 'reverse')];
  return [
    build(x.shape, (index) => {
      const at = index[axis]!;
      return lineOf(x, index, axis).reduce((sum, v, j) => {
        const inside = reverse ? j >= at : j <= at;
        return inside && !(exclusive && j === at) ? sum + v : sum;
      }, 0);
    }),
  ];
};

/** Operators that look along axes. */
export const REDUCE: Readonly<Record<string, Kernel>> = {
  ReduceSum: fold({ start: 0, step: (s, x) => s + x }),
  ReduceMean: fold({ start: 0, step: (s, x) => s + x, finish: (s, n) => s / n }),
  ReduceSumSquare: fold({ start: 0, step: (s, x) => s + x * x }),
  ReduceMax: fold({ start: Number.NEGATIVE_INFINITY, step: Math.max }),
  ReduceMin: fold({ start: Number.POSITIVE_INFINITY, step: Math.min }),
  ArgMax: argMax,
  Softmax: softmax((shifted, sum) => Math.exp(shifted) / sum),
  LogSoftmax: softmax((shifted, sum) => shifted - Math.log(sum)),
  BatchNormalization: batchNormalization,
  projectionNormalization,
  LayerNormalization: layerNormalization,
  CumSum: cumSum,
};

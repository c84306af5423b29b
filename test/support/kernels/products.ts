import { broadcastShape, build, each, get, getBroadcast, type Numbers, offset, zeros } from '../numbers.ts';
import { input, int, ints, type Kernel, type KernelCall } from './kernel.ts';

/** [.., m, k] × [.., k, n] → [.., m, n], times `alpha`. */
function product(a: Numbers, b: Numbers, alpha = 1): Numbers {
  const [m, k, n] = [a.shape.at(-2)!, a.shape.at(-1)!, b.shape.at(-1)!];
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return build([...batch, m, n], (index) => {
    const head = index.slice(0, -2);
    let sum = 0;
    for (let i = 0; i < k; i++) {
      sum += getBroadcast(a, [...head, index.at(-2)!, i]) * getBroadcast(b, [...head, i, index.at(-1)!]);
    }
    return alpha * sum;
  });
}

function flip(x: Numbers): Numbers {
  const shape = [...x.shape.slice(0, -2), x.shape.at(-1)!, x.shape.at(-2)!];
  return build(shape, (index) => get(x, [...index.slice(0, -2), index.at(-1)!, index.at(-2)!]));
}

const fusedMatMul: Kernel = (call) => {
  if (int(call, 'transBatchA') || int(call, 'transBatchB')) throw new Error('transposed batches are not known');
  const a = int(call, 'transA') ? flip(input(call, 0)) : input(call, 0);
  const b = int(call, 'transB') ? flip(input(call, 1)) : input(call, 1);
  return [product(a, b, int(call, 'alpha'))];
};

const gemm: Kernel = (call) => {
  const a = int(call, 'transA') ? flip(input(call, 0)) : input(call, 0);
  const b = int(call, 'transB') ? flip(input(call, 1)) : input(call, 1);
  const y = product(a, b, int(call, 'alpha'));
  const c = input(call, 2);
  return [build(y.shape, (index) => get(y, index) + int(call, 'beta') * getBroadcast(c, index))];
};

interface Sliding {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly pads: readonly number[];
  readonly dilations: readonly number[];
  readonly group: number;
}

function sliding(call: KernelCall): Sliding {
  const kernel = input(call, 1).shape.slice(2);
  const written = ints(call, 'kernel_shape');
  if (written.join() !== kernel.join()) throw new Error(`kernel_shape [${written}] is not the weight's [${kernel}]`);
  return {
    kernel,
    strides: ints(call, 'strides'),
    pads: ints(call, 'pads'),
    dilations: ints(call, 'dilations'),
    group: int(call, 'group'),
  };
}

const conv: Kernel = (call) => {
  const [x, w, bias] = [input(call, 0), input(call, 1), call.inputs[2]];
  const s = sliding(call);
  const [o, c] = [w.shape[0]!, w.shape[1]!];
  const rank = s.kernel.length;
  const space = s.kernel.map((k, i) => {
    const room = x.shape[i + 2]! + s.pads[i]! + s.pads[rank + i]! - ((k - 1) * s.dilations[i]! + 1);
    return Math.floor(room / s.strides[i]!) + 1;
  });
  return [
    build([x.shape[0]!, o, ...space], (index) => {
      const channel = Math.floor(index[1]! / (o / s.group)) * c;
      let sum = bias?.data[index[1]!] ?? 0;
      each([c, ...s.kernel], (tap, flat) => {
        const at = s.kernel.map((_, i) => index[i + 2]! * s.strides[i]! - s.pads[i]! + tap[i + 1]! * s.dilations[i]!);
        sum +=
          w.data[index[1]! * c * s.kernel.reduce((a, b) => a * b, 1) + flat]! *
          get(x, [index[0]!, channel + tap[0]!, ...at]);
      });
      return sum;
    }),
  ];
};

/** Every input element adds its multiple of the kernel to the output. */
const convTranspose: Kernel = (call) => {
  const [x, w, bias] = [input(call, 0), input(call, 1), call.inputs[2]];
  const s = sliding(call);
  const extra = ints(call, 'output_padding');
  const rank = s.kernel.length;
  const outputs = w.shape[1]!;
  const space = s.kernel.map((k, i) => {
    const reach = (x.shape[i + 2]! - 1) * s.strides[i]! + (k - 1) * s.dilations[i]! + 1;
    return reach + extra[i]! - s.pads[i]! - s.pads[rank + i]!;
  });
  const out = zeros([x.shape[0]!, outputs * s.group, ...space]);
  each(x.shape, (index, flat) => {
    const group = Math.floor(index[1]! / (x.shape[1]! / s.group));
    each([outputs, ...s.kernel], (tap) => {
      const at = s.kernel.map((_, i) => index[i + 2]! * s.strides[i]! - s.pads[i]! + tap[i + 1]! * s.dilations[i]!);
      const to = offset(out.shape, [index[0]!, group * outputs + tap[0]!, ...at]);
      if (to >= 0) out.data[to]! += x.data[flat]! * get(w, [index[1]!, ...tap]);
    });
  });
  return [bias ? build(out.shape, (index, flat) => out.data[flat]! + bias.data[index[1]!]!) : out];
};

/** softmax(scale q kᵀ + bias) v for each head; queries, keys and values [B, length, heads × width]. */
const multiHeadAttention: Kernel = (call) => {
  const [q, k, v, bias] = [input(call, 0), input(call, 1), input(call, 2), call.inputs[5]];
  if (call.inputs[3] || call.inputs[4]) throw new Error('projection biases and padding masks are not known');
  const heads = int(call, 'num_heads');
  const width = q.shape[2]! / heads;
  const valueWidth = v.shape[2]! / heads;
  const scale = int(call, 'scale') || width ** -0.5;
  return [
    build([q.shape[0]!, q.shape[1]!, v.shape[2]!], ([b, i, c]) => {
      const h = Math.floor(c! / valueWidth);
      const scores = Array.from({ length: k.shape[1]! }, (_, j) => {
        let dot = 0;
        for (let d = 0; d < width; d++) dot += get(q, [b!, i!, h * width + d]) * get(k, [b!, j, h * width + d]);
        return scale * dot + (bias ? getBroadcast(bias, [b!, h, i!, j]) : 0);
      });
      const largest = Math.max(...scores);
      const weights = scores.map((s) => Math.exp(s - largest));
      const total = weights.reduce((sum, e) => sum + e, 0);
      return weights.reduce((sum, e, j) => sum + (e / total) * get(v, [b!, j, c!]), 0);
    }),
  ];
};

/** Operators that multiply and add. */
export const PRODUCTS: Readonly<Record<string, Kernel>> = {
  MatMul: (call) => [product(input(call, 0), input(call, 1))],
  FusedMatMul: fusedMatMul,
  Gemm: gemm,
  Conv: conv,
  ConvTranspose: convTranspose,
  MultiHeadAttention: multiHeadAttention,
};

import { broadcastShape, build, getBroadcast, type Numbers } from '../numbers.ts';
import { input, int, type Kernel, type KernelCall, text } from './kernel.ts';

/** One function of numbers, applied over inputs that broadcast. */
function map(rule: (values: readonly number[], call: KernelCall) => number): Kernel {
  return (call) => {
    const present = call.inputs.filter((t): t is Numbers => t !== undefined);
    const shape = broadcastShape(...present.map((t) => t.shape));
    return [
      build(shape, (index) =>
        rule(
          present.map((t) => getBroadcast(t, index)),
          call,
        ),
      ),
    ];
  };
}
const one = (rule: (x: number) => number): Kernel => map(([x]) => rule(x!));
const two = (rule: (a: number, b: number) => number): Kernel => map(([a, b]) => rule(a!, b!));
const claim = (rule: (a: number, b: number) => boolean): Kernel => two((a, b) => (rule(a, b) ? 1 : 0));

/** erf x = 2/√π e^(−x²) Σ_n 2^n x^(2n+1) / (1·3·…·(2n+1)); no term is negative, so nothing cancels. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 400; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

function halfEven(x: number): number {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

function gelu(x: number, approximate: string): number {
  if (approximate === 'none') return 0.5 * x * (1 + erf(x / Math.SQRT2));
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

const INTEGERS = new Set(['int64', 'int32', 'uint8', 'int8']);

function cast(x: number, to: string): number {
  if (to === 'bool') return x === 0 ? 0 : 1;
  return INTEGERS.has(to) ? Math.trunc(x) : x;
}

/** Bounds of Clip that are absent do not bound. */
const clip: Kernel = (call) => {
  const low = call.inputs[1]?.data[0] ?? Number.NEGATIVE_INFINITY;
  const high = call.inputs[2]?.data[0] ?? Number.POSITIVE_INFINITY;
  const x = input(call, 0);
  return [{ shape: x.shape, data: x.data.map((v) => Math.min(Math.max(v, low), high)) }];
};

/** Operators that treat each element alone. */
export const ELEMENTWISE: Readonly<Record<string, Kernel>> = {
  Add: two((a, b) => a + b),
  Sub: two((a, b) => a - b),
  Mul: two((a, b) => a * b),
  Div: two((a, b) => a / b),
  Pow: two((a, b) => a ** b),
  Max: two(Math.max),
  Min: two(Math.min),
  Greater: claim((a, b) => a > b),
  GreaterOrEqual: claim((a, b) => a >= b),
  Less: claim((a, b) => a < b),
  LessOrEqual: claim((a, b) => a <= b),
  Equal: claim((a, b) => a === b),
  And: claim((a, b) => a !== 0 && b !== 0),
  Or: claim((a, b) => a !== 0 || b !== 0),
  Not: one((x) => (x === 0 ? 1 : 0)),
  Neg: one((x) => -x),
  Abs: one(Math.abs),
  Sign: one(Math.sign),
  Floor: one(Math.floor),
  Ceil: one(Math.ceil),
  Round: one(halfEven),
  Exp: one(Math.exp),
  Log: one(Math.log),
  Sqrt: one(Math.sqrt),
  Reciprocal: one((x) => 1 / x),
  Relu: one((x) => Math.max(x, 0)),
  Sigmoid: one(sigmoid),
  Tanh: one(Math.tanh),
  Erf: one(erf),
  Softplus: one((x) => (x > 30 ? x : Math.log1p(Math.exp(x)))),
  Where: map(([condition, a, b]) => (condition !== 0 ? a! : b!)),
  Cast: map(([x], call) => cast(x!, text(call, 'to'))),
  Identity: one((x) => x),
  stopGradient: one((x) => x),
  scaleGradient: one((x) => x),
  recompute: (call) => [input(call, 0)],
  LeakyRelu: map(([x], call) => (x! > 0 ? x! : int(call, 'alpha') * x!)),
  HardSigmoid: map(([x], call) => Math.min(Math.max(int(call, 'alpha') * x! + int(call, 'beta'), 0), 1)),
  HardSwish: one((x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1)),
  QuickGelu: map(([x], call) => x! / (1 + Math.exp(-int(call, 'alpha') * x!))),
  Gelu: map(([x], call) => gelu(x!, text(call, 'approximate'))),
  Clip: clip,
};

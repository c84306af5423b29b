import { emit1, scalar } from '../trace.ts';
import type { AttributeKind, Attributes, Node, OpDef, Value } from '../value.ts';
import { at, likeFirst, shapeFault } from './common.ts';
import {
  add,
  and,
  cast,
  div,
  erf,
  erfOf,
  exp,
  greater,
  greaterOrEqual,
  hardSigmoid,
  lessOrEqual,
  mul,
  positive,
  sigmoid,
  sub,
  tanh,
  where,
} from './elementwise.ts';

interface Activation {
  readonly since: number;
  readonly attributes?: Readonly<Record<string, AttributeKind>>;
  readonly scalar: (x: number, attributes: Attributes) => number;
  /** dy / dx at x; `y` is the output. */
  readonly slope: (c: { readonly x: Value; readonly y: Value; readonly node: Node }) => Value;
}

function activationDef(name: string, a: Activation): OpDef {
  return {
    name,
    domain: '',
    since: a.since,
    shape: likeFirst,
    vjp: ({ inputs, outputs, node, dy }) => [mul(dy[0]!, a.slope({ x: inputs[0]!, y: outputs[0]!, node }))],
    attributes: a.attributes ?? {},
    scalar: ([x], attributes) => a.scalar(x!, attributes),
  };
}

const number = (attributes: Attributes, name: string): number => attributes[name] as number;

export const LEAKY_RELU: OpDef = activationDef('LeakyRelu', {
  since: 16,
  attributes: { alpha: 'float' },
  scalar: (x, a) => (x > 0 ? x : number(a, 'alpha') * x),
  // dx = dy where x > 0, α dy elsewhere
  slope: ({ x, node }) => {
    const alpha = number(node.attributes, 'alpha');
    return add(mul(positive(x), scalar(1 - alpha)), scalar(alpha));
  },
});

export const HARD_SWISH: OpDef = activationDef('HardSwish', {
  since: 14,
  scalar: (x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1),
  // dx = dy ⊙ (x / 3 + ½) for −3 ≤ x ≤ 3, 0 below, dy above
  slope: ({ x }) => {
    const inside = add(mul(x, scalar(1 / 3)), scalar(0.5));
    return where(greater(x, scalar(3)), scalar(1), where(greaterOrEqual(x, scalar(-3)), inside, scalar(0)));
  },
});

/** √(2/π) and the cubic's factor of the tanh approximation. */
const [ROOT, CUBE] = [Math.sqrt(2 / Math.PI), 0.044715];

export const GELU: OpDef = activationDef('Gelu', {
  since: 20,
  attributes: { approximate: 'string' },
  scalar: (x, a) =>
    a['approximate'] === 'tanh'
      ? 0.5 * x * (1 + Math.tanh(ROOT * (x + CUBE * x ** 3)))
      : 0.5 * x * (1 + erfOf(x / Math.SQRT2)),
  slope: ({ x, node }) => (node.attributes['approximate'] === 'tanh' ? tanhSlope(x) : erfSlope(x)),
});

// Φ(x) + x φ(x), φ the normal density and Φ its integral: with u = x / √2, ½ (1 + erf u) + u / (√π exp u²), few passes
function erfSlope(x: Value): Value {
  const u = mul(x, scalar(Math.SQRT1_2));
  const below = hardSigmoid(erf(u), 0.5, 0.5); // from 0 to 1 as it is: nothing is cut off
  return add(below, mul(div(u, exp(mul(u, u))), scalar(1 / Math.sqrt(Math.PI))));
}

// With t = tanh(r (x + c x³)): ½ (1 + t) + ½ x (1 − t²) r (1 + 3 c x²)
function tanhSlope(x: Value): Value {
  const square = mul(x, x);
  const t = tanh(mul(mul(x, add(mul(square, scalar(CUBE)), scalar(1))), scalar(ROOT)));
  const inner = mul(add(mul(square, scalar(3 * CUBE)), scalar(1)), scalar(ROOT));
  const rise = mul(mul(x, sub(scalar(1), mul(t, t))), inner);
  return mul(add(add(t, scalar(1)), rise), scalar(0.5));
}

/** x σ(αx) in one pass, a contrib operator of ONNX Runtime; its derivative keeps x and y and no sigmoid between them. */
export const QUICK_GELU: OpDef = {
  name: 'QuickGelu',
  domain: 'com.microsoft',
  since: 1,
  shape: likeFirst,
  // With s = σ(αx): dx = dy ⊙ (s + αy ⊙ (1 − s))
  vjp: ({ inputs, outputs, attributes, dy }) => {
    const alpha = number(attributes, 'alpha');
    const s = sigmoid(mul(inputs[0]!, scalar(alpha)));
    return [mul(dy[0]!, add(s, mul(mul(outputs[0]!, scalar(alpha)), sub(scalar(1), s))))];
  },
  attributes: { alpha: 'float' },
  scalar: ([x], a) => x! / (1 + Math.exp(-number(a, 'alpha') * x!)),
  portable: ({ inputs, attributes }) => {
    const x = inputs[0]!;
    return [mul(x, sigmoid(mul(x, scalar(number(attributes, 'alpha')))))];
  },
};

export const CLIP: OpDef = {
  name: 'Clip',
  domain: '',
  since: 13,
  shape: (inputs) => {
    if (inputs.slice(1).some((v) => v && v.shape.length > 0)) throw shapeFault('expected bounds of shape [].');
    at(inputs, 0);
    return likeFirst(inputs);
  },
  // dx = dy where low ≤ x ≤ high; bounds get none
  vjp: ({ inputs, dy, needs }) => {
    const [x, low, high] = inputs as readonly [Value, Value | undefined, Value | undefined];
    if (!needs(0)) return [undefined];
    const above = low && greaterOrEqual(x, low);
    const below = high && lessOrEqual(x, high);
    const inside = above && below ? and(above, below) : (above ?? below);
    return [inside ? mul(dy[0]!, cast(inside, x.dtype)) : dy[0]!];
  },
  attributes: {},
  simplify: ({ inputs }) => (inputs[1] || inputs[2] ? undefined : inputs[0]),
};

/** x where positive, αx elsewhere. */
export function leakyRelu(x: Value, alpha = 0.01): Value {
  return emit1(LEAKY_RELU, [x], { alpha });
}

/** x times its hard sigmoid x / 6 + ½, cut to [0, 1]. */
export function hardSwish(x: Value): Value {
  return emit1(HARD_SWISH, [x]);
}

/** x Φ(x), Φ the integral of the normal density: by erf, or by its tanh approximation. */
export function gelu(x: Value, approximate: 'none' | 'tanh' = 'none'): Value {
  return emit1(GELU, [x], { approximate });
}

/** x times its sigmoid. */
export function silu(x: Value): Value {
  return emit1(QUICK_GELU, [x], { alpha: 1 });
}

/** x cut to [low, high]; an absent bound does not bound. */
export function clip(x: Value, low?: number, high?: number): Value {
  const bound = (v: number | undefined): Value | undefined => (v === undefined ? undefined : scalar(v));
  return emit1(CLIP, high === undefined ? [x, bound(low)] : [x, bound(low), bound(high)]);
}

import type { DType } from '../../core/dtype.ts';
import { sameDims } from '../dimension.ts';
import { constantOf, emit1, scalar, uniformOf } from '../trace.ts';
import type { Node, OpDef, Value, VjpContext } from '../value.ts';
import { at, broadcast, likeFirst, sameDType } from './common.ts';
import { reduceTo } from './reduce.ts';

type Rule = (c: { x: Value; y: Value; dy: Value; node: Node }) => Value;

function unaryDef(name: string, since: number, scalarRule: (x: number) => number, rule: Rule | null): OpDef {
  return {
    name,
    domain: '',
    since,
    shape: likeFirst,
    vjp: rule && ((c) => [rule({ x: c.inputs[0]!, y: c.outputs[0]!, dy: c.dy[0]!, node: c.node })]),
    attributes: {},
    scalar: ([x]) => scalarRule(x!),
  };
}

type Pair = (c: VjpContext & { readonly a: Value; readonly b: Value; readonly g: Value; readonly y: Value }) => Value;

interface BinaryRule {
  readonly since: number;
  readonly scalar: (a: number, b: number) => number;
  /** Gradient of each input before it is reduced to the input's shape; null: none flows. */
  readonly da: Pair | null;
  readonly db: Pair | null;
  readonly simplify?: (a: Value, b: Value) => Value | undefined;
  readonly dtype?: DType;
}

function binaryDef(name: string, rule: BinaryRule): OpDef {
  return {
    name,
    domain: '',
    since: rule.since,
    shape: (inputs) => {
      const dtype = sameDType(inputs);
      return [{ shape: broadcast(at(inputs, 0).shape, at(inputs, 1).shape), dtype: rule.dtype ?? dtype }];
    },
    vjp:
      rule.da === null && rule.db === null
        ? null
        : (c) => {
            const [a, b] = [c.inputs[0]!, c.inputs[1]!];
            const context = { ...c, a, b, g: c.dy[0]!, y: c.outputs[0]! };
            return [
              c.needs(0) && rule.da ? reduceTo(rule.da(context), a.shape) : undefined,
              c.needs(1) && rule.db ? reduceTo(rule.db(context), b.shape) : undefined,
            ];
          },
    attributes: {},
    scalar: ([a, b]) => rule.scalar(a!, b!),
    ...(rule.simplify && {
      simplify: (node: Node) => {
        const to = rule.simplify?.(at(node.inputs, 0), at(node.inputs, 1));
        return to && sameDims(to.shape, node.outputs[0]!.shape) ? to : undefined;
      },
    }),
  };
}

export const ADD: OpDef = binaryDef('Add', {
  since: 14,
  scalar: (a, b) => a + b,
  da: ({ g }) => g, // da = dy
  db: ({ g }) => g, // db = dy
  simplify: (a, b) => (uniformOf(b) === 0 ? a : uniformOf(a) === 0 ? b : undefined),
});
export const SUB: OpDef = binaryDef('Sub', {
  since: 14,
  scalar: (a, b) => a - b,
  da: ({ g }) => g, // da = dy
  db: ({ g }) => neg(g), // db = −dy
  simplify: (a, b) => (uniformOf(b) === 0 ? a : undefined),
});
export const MUL: OpDef = binaryDef('Mul', {
  since: 14,
  scalar: (a, b) => a * b,
  da: ({ g, b }) => mul(g, b), // da = dy ⊙ b
  db: ({ g, a }) => mul(g, a), // db = dy ⊙ a
  simplify: (a, b) => (uniformOf(b) === 1 ? a : uniformOf(a) === 1 ? b : undefined),
});
export const DIV: OpDef = binaryDef('Div', {
  since: 14,
  scalar: (a, b) => a / b,
  da: ({ g, b }) => div(g, b), // da = dy / b
  db: ({ g, b, y }) => neg(div(mul(g, y), b)), // db = −dy ⊙ y / b
  simplify: (a, b) => (uniformOf(b) === 1 ? a : undefined),
});
export const POW: OpDef = binaryDef('Pow', {
  since: 15,
  scalar: (a, b) => a ** b,
  da: ({ g, a, b }) => mul(g, mul(b, pow(a, sub(b, scalar(1))))), // da = dy ⊙ b a^(b−1)
  // db = dy ⊙ y ln a, and 0 where a = 0 (so that a zero base with a fixed exponent gives no NaN)
  db: ({ g, a, y }) => mul(g, where(greater(a, scalar(0)), mul(y, log(max(a, scalar(1e-38)))), scalar(0))),
  simplify: (a, b) => (uniformOf(b) === 1 ? a : undefined),
});
/** Where inputs are equal, each gets half of the gradient (as PyTorch's `maximum`). */
export const MAX: OpDef = binaryDef('Max', {
  since: 13,
  scalar: (a, b) => Math.max(a, b),
  da: ({ g, a, b }) => mul(g, share(a, b)), // da = dy ⊙ [a > b]
  db: ({ g, a, b }) => mul(g, share(b, a)), // db = dy ⊙ [b > a]
});
export const MIN: OpDef = binaryDef('Min', {
  since: 13,
  scalar: (a, b) => Math.min(a, b),
  da: ({ g, a, b }) => mul(g, share(b, a)), // da = dy ⊙ [a < b]
  db: ({ g, a, b }) => mul(g, share(a, b)), // db = dy ⊙ [b < a]
});

/** 1 where a > b, ½ where equal, 0 elsewhere. */
function share(a: Value, b: Value): Value {
  return mul(add(sign(sub(a, b)), scalar(1)), scalar(0.5));
}

function comparison(name: string, since: number, rule: (a: number, b: number) => boolean): OpDef {
  return binaryDef(name, { since, scalar: (a, b) => Number(rule(a, b)), da: null, db: null, dtype: 'bool' });
}
export const GREATER: OpDef = comparison('Greater', 13, (a, b) => a > b);
export const GREATER_OR_EQUAL: OpDef = comparison('GreaterOrEqual', 16, (a, b) => a >= b);
export const LESS: OpDef = comparison('Less', 13, (a, b) => a < b);
export const LESS_OR_EQUAL: OpDef = comparison('LessOrEqual', 16, (a, b) => a <= b);
export const EQUAL: OpDef = comparison('Equal', 13, (a, b) => a === b);
export const AND: OpDef = comparison('And', 7, (a, b) => Boolean(a && b));
export const OR: OpDef = comparison('Or', 7, (a, b) => Boolean(a || b));
export const NOT: OpDef = unaryDef('Not', 1, (x) => Number(!x), null);

export const NEG: OpDef = unaryDef(
  'Neg',
  13,
  (x) => -x,
  ({ dy }) => neg(dy),
); // dx = −dy
export const ABS: OpDef = unaryDef('Abs', 13, Math.abs, ({ x, dy }) => mul(dy, sign(x))); // dx = dy ⊙ sign x
export const SIGN: OpDef = unaryDef('Sign', 13, Math.sign, null);
export const FLOOR: OpDef = unaryDef('Floor', 13, Math.floor, null);
export const CEIL: OpDef = unaryDef('Ceil', 13, Math.ceil, null);
export const ROUND: OpDef = unaryDef('Round', 11, roundHalfEven, null);
export const EXP: OpDef = unaryDef('Exp', 13, Math.exp, ({ y, dy }) => mul(dy, y)); // dx = dy ⊙ y
export const LOG: OpDef = unaryDef('Log', 13, Math.log, ({ x, dy }) => div(dy, x)); // dx = dy / x
// dx = dy / (2 y)
export const SQRT: OpDef = unaryDef('Sqrt', 13, Math.sqrt, ({ y, dy }) => div(dy, mul(y, scalar(2))));
// dx = −dy ⊙ y²
export const RECIPROCAL: OpDef = unaryDef(
  'Reciprocal',
  13,
  (x) => 1 / x,
  ({ y, dy }) => neg(mul(dy, mul(y, y))),
);
// dx = dy ⊙ [y > 0]
export const RELU: OpDef = unaryDef(
  'Relu',
  14,
  (x) => Math.max(x, 0),
  ({ y, dy }) => mul(dy, positive(y)),
);
/** max(0, min(1, alpha x + beta)) */
export const HARD_SIGMOID: OpDef = {
  name: 'HardSigmoid',
  domain: '',
  since: 6,
  shape: likeFirst,
  // dx = alpha dy where 0 < y < 1
  vjp: ({ node, outputs, dy }) => {
    const y = outputs[0]!;
    const inside = mul(positive(y), positive(sub(scalar(1), y)));
    return [mul(dy[0]!, mul(inside, scalar(node.attributes['alpha'] as number)))];
  },
  attributes: { alpha: 'float', beta: 'float' },
  scalar: ([x], a) => Math.max(0, Math.min(1, (a['alpha'] as number) * x! + (a['beta'] as number))),
};
// dx = dy ⊙ y ⊙ (1 − y)
export const SIGMOID: OpDef = unaryDef(
  'Sigmoid',
  13,
  (x) => 1 / (1 + Math.exp(-x)),
  ({ y, dy }) => mul(dy, mul(y, sub(scalar(1), y))),
);
// dx = dy ⊙ (1 − y²)
export const TANH: OpDef = unaryDef('Tanh', 13, Math.tanh, ({ y, dy }) => mul(dy, sub(scalar(1), mul(y, y))));
// dx = dy ⊙ 2/√π e^(−x²)
export const ERF: OpDef = unaryDef('Erf', 13, erfOf, ({ x, dy }) =>
  mul(dy, mul(scalar(2 / Math.sqrt(Math.PI)), exp(neg(mul(x, x))))),
);
// dx = dy ⊙ sigmoid x
export const SOFTPLUS: OpDef = unaryDef(
  'Softplus',
  1,
  (x) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0),
  ({ x, dy }) => mul(dy, sigmoid(x)),
);

export const WHERE: OpDef = {
  name: 'Where',
  domain: '',
  since: 16,
  shape: (inputs) => {
    const [condition, a, b] = [at(inputs, 0), at(inputs, 1), at(inputs, 2)];
    return [{ shape: broadcast(condition.shape, a.shape, b.shape), dtype: sameDType([a, b]) }];
  },
  // da = dy where the condition holds, else 0; db the other way round
  vjp: ({ inputs, dy, needs }) => {
    const [condition, a, b] = inputs as readonly [Value, Value, Value];
    const g = dy[0]!;
    return [
      undefined,
      needs(1) ? reduceTo(where(condition, g, scalar(0)), a.shape) : undefined,
      needs(2) ? reduceTo(where(condition, scalar(0), g), b.shape) : undefined,
    ];
  },
  attributes: {},
  scalar: ([condition, a, b]) => (condition ? a! : b!),
};

export const CAST: OpDef = {
  name: 'Cast',
  domain: '',
  since: 19,
  shape: (inputs, a) => [{ shape: at(inputs, 0).shape, dtype: a['to'] as DType }],
  // dx = dy, cast back; none through integers
  vjp: ({ inputs, node, dy }) => {
    const x = inputs[0]!;
    const floating = (t: DType): boolean => t.startsWith('float');
    return [floating(x.dtype) && floating(node.outputs[0]!.dtype) ? cast(dy[0]!, x.dtype) : undefined];
  },
  attributes: { to: 'int' },
  simplify: (node) => (node.inputs[0]!.dtype === node.outputs[0]!.dtype ? node.inputs[0] : undefined),
};

function roundHalfEven(x: number): number {
  const r = Math.round(x);
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

/** erf by its series and continued fraction, to double precision (Abramowitz and Stegun 7.1.6, 7.1.14). */
export function erfOf(x: number): number {
  const a = Math.abs(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 200 && Math.abs(term) > 1e-17 * sum; n++) {
      term *= (2 * a * a) / (2 * n + 1);
      sum += term;
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)));
}

/** max(0, min(1, alpha x + beta)), elementwise. */
export function hardSigmoid(x: Value, alpha = 0.2, beta = 0.5): Value {
  return emit1(HARD_SIGMOID, [x], { alpha, beta });
}

/**
 * 1 where x > 0, else 0, as a float32 value in one vectorised pass (Sign and comparisons run element by element in the
 * engine): x times a number so large that any normal positive float reaches 1, cut to [0, 1].
 */
export function positive(x: Value): Value {
  return hardSigmoid(x, 3e38, 0);
}

const two =
  (def: OpDef) =>
  (a: Value, b: Value): Value =>
    emit1(def, [a, b]);
const one =
  (def: OpDef) =>
  (x: Value): Value =>
    emit1(def, [x]);
type Two = (a: Value, b: Value) => Value;
type One = (x: Value) => Value;

export const add: Two = two(ADD);
export const sub: Two = two(SUB);
export const mul: Two = two(MUL);
export const div: Two = two(DIV);
export const pow: Two = two(POW);
export const max: Two = two(MAX);
export const min: Two = two(MIN);
export const greater: Two = two(GREATER);
export const greaterOrEqual: Two = two(GREATER_OR_EQUAL);
export const less: Two = two(LESS);
export const lessOrEqual: Two = two(LESS_OR_EQUAL);
export const equal: Two = two(EQUAL);
export const and: Two = two(AND);
export const or: Two = two(OR);
export const not: One = one(NOT);
export const neg: One = one(NEG);
export const abs: One = one(ABS);
export const sign: One = one(SIGN);
export const floor: One = one(FLOOR);
export const ceil: One = one(CEIL);
export const round: One = one(ROUND);
export const exp: One = one(EXP);
export const log: One = one(LOG);
export const sqrt: One = one(SQRT);
export const reciprocal: One = one(RECIPROCAL);
export const relu: One = one(RELU);
export const sigmoid: One = one(SIGMOID);
export const tanh: One = one(TANH);
export const erf: One = one(ERF);
export const softplus: One = one(SOFTPLUS);

/** Elementwise choice: `a` where the bool `condition` holds, else `b`. */
export function where(condition: Value, a: Value, b: Value): Value {
  return emit1(WHERE, [condition, a, b]);
}

/** x with elements of another dtype. */
export function cast(x: Value, to: DType): Value {
  return x.dtype === to ? x : emit1(CAST, [x], { to });
}

/** Whether a value is a constant zero everywhere. */
export function isZero(v: Value): boolean {
  return constantOf(v) !== undefined && uniformOf(v) === 0;
}

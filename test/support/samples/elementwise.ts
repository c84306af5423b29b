import { int64 } from '../../../src/core/tensor.ts';
import type { Dim } from '../../../src/graph/dimension.ts';
import * as op from '../../../src/graph/ops/index.ts';
import { constant, emit1, scalar } from '../../../src/graph/trace.ts';
import type { Value } from '../../../src/graph/value.ts';
import { type Sample, type Sampler, samplesOf } from './sampler.ts';

type Make = (s: Sampler, shape: readonly Dim[]) => Value;
const normal: Make = (s, shape) => s.normal(shape);
const positive: Make = (s, shape) => s.positive(shape);
const apart: Make = (s, shape) => s.apart(shape);
const distinct: Make = (s, shape) => s.distinct(shape);
const repeated: Make = (s, shape) => s.repeated(shape);

function unary(name: string, f: (x: Value) => Value, make: Make = normal): Sample[] {
  return samplesOf(name, {
    'a matrix': (s) => f(make(s, [3, 5])),
    'a scalar': (s) => f(make(s, [])),
    'no elements': (s) => f(make(s, [2, 0])),
    'open sizes': (s) => f(make(s, [s.dim('n', 2), s.dim('m', 3)])),
  });
}

function binary(name: string, f: (a: Value, b: Value) => Value, make: Make = normal): Sample[] {
  return samplesOf(name, {
    'equal shapes': (s) => f(make(s, [2, 3]), make(s, [2, 3])),
    'both broadcast': (s) => f(make(s, [2, 1, 3]), make(s, [4, 1])),
    'a scalar first': (s) => f(make(s, []), make(s, [2, 2])),
    'fewer axes second': (s) => f(make(s, [2, 3, 2]), make(s, [2])),
    'no elements': (s) => f(make(s, [0, 3]), make(s, [1, 3])),
    'open sizes': (s) => f(make(s, [s.dim('n', 2), 1, 3]), make(s, [s.dim('m', 4), 1])),
  });
}

const twice = (name: string, f: (a: Value, b: Value) => Value): Sample[] =>
  samplesOf(name, {
    'one input twice': (s) => {
      const x = s.positive([2, 3]);
      return f(x, x);
    },
  });

const truths = (name: string, f: (a: Value, b: Value) => Value): Sample[] =>
  samplesOf(name, {
    'equal shapes': (s) => f(s.truths([3, 4]), s.truths([3, 4])),
    'both broadcast': (s) => f(s.truths([3, 1]), s.truths([4])),
  });

const ARITHMETIC: readonly Sample[] = [
  ...binary('Add', op.add),
  ...twice('Add', op.add),
  ...binary('Sub', op.sub),
  ...twice('Sub', op.sub),
  ...binary('Mul', op.mul),
  ...twice('Mul', op.mul),
  ...binary('Div', op.div, positive),
  ...twice('Div', op.div),
  ...binary('Pow', op.pow, positive),
  ...samplesOf('Pow', {
    'fixed exponents, negative bases': (s) => op.pow(s.apart([2, 3]), scalar(3)),
    'a base of zero': (s) => op.pow(op.mul(s.normal([3]), scalar(0)), scalar(2)),
  }),
  ...binary('Max', op.max, distinct),
  ...binary('Min', op.min, distinct),
];

const CLAIMS: readonly Sample[] = [
  ...binary('Greater', op.greater, repeated),
  ...binary('GreaterOrEqual', op.greaterOrEqual, repeated),
  ...binary('Less', op.less, repeated),
  ...binary('LessOrEqual', op.lessOrEqual, repeated),
  ...binary('Equal', op.equal, repeated),
  ...samplesOf('Equal', { 'whole numbers': (s) => op.equal(s.integers([4, 1], 3), s.integers([5], 3)) }),
  ...truths('And', op.and),
  ...truths('Or', op.or),
  ...samplesOf('Not', { 'a vector': (s) => op.not(s.truths([5])) }),
];

const CHOICES: readonly Sample[] = [
  ...samplesOf('Where', {
    'equal shapes': (s) => op.where(s.truths([2, 3]), s.normal([2, 3]), s.normal([2, 3])),
    'all broadcast': (s) => op.where(s.truths([2, 1]), s.normal([3]), s.normal([4, 1, 1])),
    'a scalar against a matrix': (s) => op.where(s.truths([2, 3]), scalar(0), s.normal([2, 3])),
    'open sizes': (s) => op.where(s.truths([s.dim('n', 3), 1]), s.normal([2]), s.normal([s.dim('n', 3), 2])),
  }),
  ...samplesOf('Cast', {
    'whole numbers to floats': (s) => op.cast(s.integers([2, 3], 9), 'float32'),
    'floats to whole numbers': (s) => op.cast(s.apart([2, 3]), 'int64'),
    'truths to floats': (s) => op.cast(s.truths([4]), 'float32'),
    'floats to doubles': (s) => op.cast(op.cast(s.normal([4]), 'float64'), 'float32'),
  }),
];

const MAPS: readonly Sample[] = [
  ...unary('Neg', op.neg),
  ...unary('Abs', op.abs, apart),
  ...unary('Sign', op.sign, apart),
  ...unary('Floor', op.floor, apart),
  ...unary('Ceil', op.ceil, apart),
  ...unary('Round', op.round, apart),
  ...samplesOf('Round', { 'halves go to even': (s) => op.round(op.mul(s.repeated([9]), scalar(0.5))) }),
  ...unary('Exp', op.exp),
  ...unary('Log', op.log, positive),
  ...unary('Sqrt', op.sqrt, positive),
  ...unary('Reciprocal', op.reciprocal, positive),
  ...unary('Erf', op.erf),
  ...samplesOf('Erf', { 'far out': (s) => op.erf(op.mul(s.normal([20]), scalar(3))) }),
];

const ACTIVATIONS: readonly Sample[] = [
  ...unary('Relu', op.relu, apart),
  ...unary('LeakyRelu', (x) => op.leakyRelu(x, 0.2), apart),
  ...unary('Sigmoid', op.sigmoid),
  ...unary('HardSigmoid', (x) => op.hardSigmoid(x, 0.2, 0.5), apart),
  ...samplesOf('HardSigmoid', { 'as a step': (s) => op.positive(s.apart([7])) }),
  ...unary('HardSwish', (x) => op.hardSwish(op.mul(x, scalar(2))), apart),
  ...unary('Tanh', op.tanh),
  ...unary('Softplus', op.softplus),
  ...samplesOf('Softplus', { 'far out': (s) => op.softplus(op.mul(s.normal([9]), scalar(20))) }),
  ...unary('Gelu', (x) => op.gelu(x)),
  ...unary('QuickGelu', op.silu),
  ...samplesOf('QuickGelu', { 'far out': (s) => op.silu(op.mul(s.normal([9]), scalar(30))) }),
  ...samplesOf('Gelu', { 'by its tanh approximation': (s) => op.gelu(s.normal([3, 4]), 'tanh') }),
  ...unary('Clip', (x) => op.clip(x, -1, 1.5), apart),
  ...samplesOf('Clip', {
    'only from below': (s) => op.clip(s.apart([3, 4]), 0.5),
    'only from above': (s) => op.clip(s.apart([3, 4]), undefined, 0.5),
  }),
];

/** What is fed, what is known and the words that change only derivatives. */
const WORDS: readonly Sample[] = [
  ...samplesOf('input', { 'a matrix': (s) => s.normal([2, 3]) }),
  ...samplesOf('constant', {
    'added to an input': (s) => op.add(s.normal([2]), scalar(1.5)),
    'whole numbers': (s) => op.add(s.integers([2], 5), constant(int64([2], [3, -4]))),
  }),
  ...samplesOf('Identity', { 'a matrix': (s) => emit1(op.IDENTITY, [s.normal([2, 3])]) }),
  ...samplesOf('stopGradient', { 'one factor of two': (s) => stopped(s.normal([2, 3])) }),
  ...samplesOf('recompute', {
    'once another value is there': (s) => {
      const x = s.normal([2, 3]);
      return op.mul(op.recompute(x, op.exp(x)), x);
    },
    'a value of other rank': (s) => op.exp(op.recompute(s.normal([2, 3, 1, 2]), s.normal([4]))),
    'a value in another shape at once': (s) =>
      op.exp(op.reshape(op.recompute(s.normal([2, 6]), s.normal([4])), [3, 4])),
  }),
  ...samplesOf('scaleGradient', { 'a matrix': (s) => op.scaleGradient(s.normal([2, 3]), 0.25) }),
];

function stopped(x: Value): Value {
  return op.mul(op.stopGradient(x), x);
}

/** Samples of the operators that treat each element alone. */
export const ELEMENTWISE_SAMPLES: readonly Sample[] = [
  ...ARITHMETIC,
  ...CLAIMS,
  ...CHOICES,
  ...MAPS,
  ...ACTIVATIONS,
  ...WORDS,
];

import { random } from '../../src/core/random.ts';
import { sizeOf } from '../../src/core/shape.ts';
import { float32, type Tensor } from '../../src/core/tensor.ts';
import { backward } from '../../src/graph/backward.ts';
import * as op from '../../src/graph/ops/index.ts';
import { input, inputName } from '../../src/graph/trace.ts';
import type { Value } from '../../src/graph/value.ts';
import { interpret } from './interpret.ts';
import { fromTensor, type Numbers, relativeError, zeros } from './numbers.ts';
import { type Sample, Sampler } from './samples/sampler.ts';

/** A graph with numbers to feed it. */
export interface Traced {
  /** Outputs `y0`, `y1`, … */
  readonly outputs: ReadonlyMap<string, Value>;
  readonly feeds: ReadonlyMap<string, Tensor>;
  /** Inputs that a gradient may be taken of. */
  readonly floats: readonly Value[];
  /** Sizes of the symbols, where sizes were left open. */
  readonly bindings: ReadonlyMap<string, number>;
}

/** Traces a sample; with `symbolic` its open sizes stay open. */
export function traceSample(sample: Sample, symbolic = false): Traced {
  const sampler = new Sampler(`${sample.op}/${sample.name}`, symbolic);
  const built = sample.build(sampler);
  const values = Array.isArray(built) ? (built as readonly Value[]) : [built as Value];
  const outputs = new Map(values.map((v, i) => [`y${i}`, v]));
  return { outputs, feeds: sampler.feeds, floats: sampler.floats, bindings: sampler.bindings };
}

/** The loss Σ y ⊙ r over all float outputs with fixed random r, and its gradients `d.NAME` of the float inputs. */
export interface Differentiated extends Traced {
  readonly loss: Value;
  readonly gradients: ReadonlyMap<string, Value>;
}

/** Differentiates a traced graph by its operators' records; undefined if no output is a float. */
export function differentiate(traced: Traced): Differentiated | undefined {
  const feeds = new Map(traced.feeds);
  let loss: Value | undefined;
  for (const [name, y] of traced.outputs) {
    if (y.dtype !== 'float32') continue;
    const weights = random(11, name);
    const shape = y.shape as readonly number[];
    feeds.set(
      `r.${name}`,
      float32(
        shape,
        Array.from({ length: sizeOf(shape) }, () => weights.normal()),
      ),
    );
    const term = op.reduceSum(op.mul(y, input(`r.${name}`, 'float32', shape)), undefined, false);
    loss = loss ? op.add(loss, term) : term;
  }
  if (!loss) return undefined;
  const found = backward(loss, traced.floats);
  const gradients = new Map([...found].map(([v, g]) => [`d.${inputName(v)}`, g]));
  return { ...traced, feeds, loss, gradients };
}

/** Central differences of the loss by one input, in double precision: error about step² / 6 of the third derivative. */
export function centralDifferences(d: Differentiated, name: string, step = 1e-4): Numbers {
  const x = fromTensor(d.feeds.get(name)!);
  const outputs = new Map([['loss', d.loss]]);
  const lossAt = (i: number, by: number): number => {
    const moved = { shape: x.shape, data: Float64Array.from(x.data) };
    moved.data[i]! += by;
    return interpret(outputs, new Map<string, Tensor | Numbers>([...d.feeds, [name, moved]])).get('loss')!.data[0]!;
  };
  return { shape: x.shape, data: x.data.map((_, i) => (lossAt(i, step) - lossAt(i, -step)) / (2 * step)) };
}

/** Largest relative error of the records' gradients, interpreted in double precision, against central differences. */
export function derivativeError(d: Differentiated, step?: number): number {
  const ours = interpret(d.gradients, d.feeds);
  const errors = d.floats.map((v) => {
    const name = inputName(v)!;
    const theirs = centralDifferences(d, name, step);
    return relativeError(ours.get(`d.${name}`) ?? zeros(theirs.shape), theirs);
  });
  return Math.max(0, ...errors);
}

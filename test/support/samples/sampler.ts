import { type Random, random } from '../../../src/core/random.ts';
import { sizeOf } from '../../../src/core/shape.ts';
import { float32, int64, type Tensor, tensor } from '../../../src/core/tensor.ts';
import { bindDim, type Dim, symbol } from '../../../src/graph/dimension.ts';
import { input } from '../../../src/graph/trace.ts';
import type { Value } from '../../../src/graph/value.ts';

/** One use of an operator. */
export interface Sample {
  /** Name of the record that it is a sample of. */
  readonly op: string;
  readonly name: string;
  readonly build: (s: Sampler) => Value | readonly Value[];
}

/** Makes a sample's inputs with numbers for them; the same sample always gets the same numbers. */
export class Sampler {
  /** What to feed, by input name. */
  readonly feeds: Map<string, Tensor> = new Map();
  /** The inputs that may have a gradient. */
  readonly floats: Value[] = [];
  /** Sizes of the symbols used. */
  readonly bindings: Map<string, number> = new Map();
  readonly #random: Random;
  readonly #symbolic: boolean;

  /** With `symbolic`, every {@link dim} is a symbol. */
  constructor(key: string, symbolic = false) {
    this.#random = random(7, key);
    this.#symbolic = symbolic;
  }

  /** A size that may stay open while tracing. */
  dim(name: string, size: number): Dim {
    this.bindings.set(name, size);
    return this.#symbolic ? symbol(name) : size;
  }

  /** Normal numbers. */
  normal(shape: readonly Dim[]): Value {
    return this.#float(shape, () => this.#random.normal());
  }

  /** Numbers in [½, 2). */
  positive(shape: readonly Dim[]): Value {
    return this.#float(shape, () => 0.5 + 1.5 * this.#random.uniform());
  }

  /** Numbers in [-1, 1). */
  unit(shape: readonly Dim[]): Value {
    return this.#float(shape, () => 2 * this.#random.uniform() - 1);
  }

  /** Numbers in (-2.5, 2.5), at least 0.1 from every multiple of ½: nothing that has a kink there is near it. */
  apart(shape: readonly Dim[]): Value {
    return this.#float(shape, () => this.#random.integer(10) / 2 - 2.5 + 0.1 + 0.3 * this.#random.uniform());
  }

  /** Numbers at least 0.02 from one another, also from those of other calls. */
  distinct(shape: readonly Dim[]): Value {
    const order = this.#random.shuffle(Array.from({ length: this.#sizeOf(shape) }, (_, i) => i));
    const shift = 0.02 * this.floats.length;
    let next = 0;
    return this.#float(shape, () => 0.1 * (order[next++]! - order.length / 2) + shift);
  }

  /** A few small whole numbers as floats, many of them equal. */
  repeated(shape: readonly Dim[]): Value {
    return this.#float(shape, () => this.#random.integer(3));
  }

  /** int64 numbers; the given ones, or any from 0 to below `below`. */
  integers(shape: readonly Dim[], values: readonly number[] | number): Value {
    const size = this.#sizeOf(shape);
    const data = typeof values === 'number' ? Array.from({ length: size }, () => this.#random.integer(values)) : values;
    return this.#add(shape, int64(this.#sizes(shape), data));
  }

  /** Truth values. */
  truths(shape: readonly Dim[]): Value {
    const data = Uint8Array.from({ length: this.#sizeOf(shape) }, () => this.#random.integer(2));
    return this.#add(shape, tensor('bool', this.#sizes(shape), data));
  }

  #float(shape: readonly Dim[], value: () => number): Value {
    const v = this.#add(shape, float32(this.#sizes(shape), Array.from({ length: this.#sizeOf(shape) }, value)));
    this.floats.push(v);
    return v;
  }

  #add(shape: readonly Dim[], t: Tensor): Value {
    const name = `x${this.feeds.size}`;
    this.feeds.set(name, t);
    return input(name, t.dtype, shape);
  }

  #sizes(shape: readonly Dim[]): number[] {
    return shape.map((d) => bindDim(d, this.bindings) as number);
  }

  #sizeOf(shape: readonly Dim[]): number {
    return sizeOf(this.#sizes(shape));
  }
}

/** Samples of one operator. */
export function samplesOf(op: string, builds: Readonly<Record<string, Sample['build']>>): Sample[] {
  return Object.entries(builds).map(([name, build]) => ({ op, name, build }));
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/fault.ts';
import {
  addDim,
  bindDim,
  type Dim,
  floorDivDim,
  known,
  mulDim,
  productDim,
  sameDim,
  sameDims,
  showDim,
  showDims,
  subDim,
  symbol,
} from '../../src/graph/dimension.ts';

/** An expression as people write it. Divisors are positive: numbers, symbols or products of them. */
type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'symbol'; readonly name: string }
  | { readonly kind: 'add' | 'sub' | 'mul'; readonly a: Expression; readonly b: Expression }
  | { readonly kind: 'div'; readonly a: Expression; readonly by: Divisor };
type Divisor = { readonly factor: number; readonly names: readonly string[] };

const NAMES = ['n', 'h', 'w'];
const name = fc.constantFrom(...NAMES);
const divisor: fc.Arbitrary<Divisor> = fc.record({
  factor: fc.integer({ min: 1, max: 6 }),
  names: fc.array(name, { maxLength: 2 }),
});
const { expression } = fc.letrec<{ expression: Expression }>((tie) => {
  const inner = tie('expression');
  return {
    expression: fc.oneof(
      { maxDepth: 4 },
      fc.record({ kind: fc.constant('number' as const), value: fc.integer({ min: -9, max: 20 }) }),
      fc.record({ kind: fc.constant('symbol' as const), name }),
      fc.record({ kind: fc.constantFrom('add' as const, 'sub' as const, 'mul' as const), a: inner, b: inner }),
      fc.record({ kind: fc.constant('div' as const), a: inner, by: divisor }),
    ),
  };
});
const sizes = fc.record({
  n: fc.integer({ min: 1, max: 40 }),
  h: fc.integer({ min: 1, max: 300 }),
  w: fc.integer({ min: 1, max: 300 }),
});
type Sizes = Readonly<Record<string, number>>;

function dimOf(e: Expression): Dim {
  switch (e.kind) {
    case 'number':
      return e.value;
    case 'symbol':
      return symbol(e.name);
    case 'add':
      return addDim(dimOf(e.a), dimOf(e.b));
    case 'sub':
      return subDim(dimOf(e.a), dimOf(e.b));
    case 'mul':
      return mulDim(dimOf(e.a), dimOf(e.b));
    case 'div':
      return floorDivDim(dimOf(e.a), productDim([e.by.factor, ...e.by.names.map(symbol)]));
    default:
      return e satisfies never;
  }
}

function worth(e: Expression, s: Sizes): number {
  switch (e.kind) {
    case 'number':
      return e.value;
    case 'symbol':
      return s[e.name]!;
    case 'add':
      return worth(e.a, s) + worth(e.b, s);
    case 'sub':
      return worth(e.a, s) - worth(e.b, s);
    case 'mul':
      return worth(e.a, s) * worth(e.b, s);
    case 'div':
      return Math.floor(worth(e.a, s) / e.by.names.reduce((p, k) => p * s[k]!, e.by.factor));
    default:
      return e satisfies never;
  }
}

const bindings = (s: Sizes): Map<string, number> => new Map(Object.entries(s));
const [n, h, w] = NAMES.map(symbol) as [Dim, Dim, Dim];
/** Far below this, doubles hold whole numbers exactly. */
const exact = (v: number): boolean => Math.abs(v) < 2 ** 45;
const claims = { seed: 5, numRuns: 1000 } as const;

describe('dimensions', () => {
  it('in normal form have the value of the expression they came from', () => {
    fc.assert(
      fc.property(expression, sizes, (e, s) => {
        fc.pre(exact(worth(e, s)));
        expect((bindDim(dimOf(e), bindings(s)) as number) + 0).toBe(worth(e, s) + 0);
      }),
      claims,
    );
  });
  it('bound one symbol after another equal those bound at once', () => {
    fc.assert(
      fc.property(expression, sizes, (e, s) => {
        fc.pre(exact(worth(e, s)));
        const stepwise = NAMES.reduce<Dim>((d, k) => bindDim(d, new Map([[k, s[k as keyof typeof s]]])), dimOf(e));
        expect((stepwise as number) + 0).toBe(worth(e, s) + 0);
      }),
      claims,
    );
  });
  it('are the same whatever the order of terms and factors', () => {
    fc.assert(
      fc.property(expression, expression, expression, (x, y, z) => {
        const [a, b, c] = [dimOf(x), dimOf(y), dimOf(z)];
        expect(sameDim(addDim(a, b), addDim(b, a))).toBe(true);
        expect(sameDim(mulDim(a, b), mulDim(b, a))).toBe(true);
        expect(sameDim(mulDim(a, addDim(b, c)), addDim(mulDim(a, b), mulDim(a, c)))).toBe(true);
        expect(sameDim(subDim(addDim(a, b), b), a)).toBe(true);
      }),
      { seed: 6, numRuns: 300 },
    );
  });
  it('halved and doubled meet again', () => {
    const half = floorDivDim(addDim(h, 1), 2);
    expect(sameDim(floorDivDim(addDim(half, 1), 2), floorDivDim(addDim(h, 3), 4))).toBe(true);
    expect(sameDim(floorDivDim(mulDim(h, 2), 2), h)).toBe(true);
    expect(sameDim(floorDivDim(productDim([n, h, w]), mulDim(h, w)), n)).toBe(true);
  });
  it('that differ are not the same', () => {
    expect(sameDim(h, w)).toBe(false);
    expect(sameDim(h, 7)).toBe(false);
    expect(sameDims([n, 3], [n, 3, 1])).toBe(false);
    expect(sameDims([n, 3], [n, 4])).toBe(false);
  });
  it('print as people write them', () => {
    expect(showDims([n, 3, floorDivDim(addDim(h, -1), 2)])).toBe('[n, 3, floor((h+1)/(2))+-1]');
    expect(showDim(mulDim(2, h))).toBe('2*h');
  });
  it('keep symbols that are not bound', () => {
    expect(showDim(bindDim(mulDim(h, w), new Map([['h', 4]])))).toBe('4*w');
  });
  it('that are still open are refused where a number is needed', () => {
    expect(() => known(h, 'somewhere')).toThrow(Fault);
    expect(() => known(h, 'somewhere')).toThrow('somewhere: expected a known size, got h.');
  });
});

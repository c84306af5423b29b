import { describe, expect, it } from 'vitest';
import { classWeights, positiveWeights } from '../../src/data/class-weights.ts';

const configFault = expect.objectContaining({ name: 'Fault', code: 'config' });
const near = (values: readonly number[]): unknown[] => values.map((v) => expect.closeTo(v, 5));

describe('class weights', () => {
  it('are the inverse frequencies that weigh all pictures alike on average', () => {
    expect([...classWeights([6, 3, 1], 'balanced')!]).toEqual(near([10 / 18, 10 / 9, 10 / 3]));
  });
  it('give a class without pictures nothing and do not count it', () => {
    expect([...classWeights([6, 0, 2], 'balanced')!]).toEqual(near([8 / 12, 0, 8 / 4]));
    expect([...classWeights([5, 0, 5], 'effective')!]).toEqual(near([1, 0, 1]));
  });
  it('go by the effective number (1 − βⁿ) / (1 − β)', () => {
    // β = ½: effective numbers 1, 1.75, 1.9375, whose inverses sum to 2.0876
    const inverse = [1, 1 / 1.75, 1 / 1.9375];
    const scale = 3 / inverse.reduce((a, b) => a + b, 0);
    expect([...classWeights([1, 3, 5], { kind: 'effective', beta: 0.5 })!]).toEqual(
      near(inverse.map((w) => w * scale)),
    );
  });
  it('go from equal to inverse frequency as β goes from 0 to 1', () => {
    expect([...classWeights([1, 9], { kind: 'effective', beta: 0 })!]).toEqual([1, 1]);
    expect([...classWeights([1, 9], { kind: 'effective', beta: 1 - 1e-12 })!]).toEqual(near([1.8, 0.2]));
  });
  it('are those given, or none', () => {
    expect([...classWeights([5, 5], [0.5, 2])!]).toEqual([0.5, 2]);
    expect(classWeights([5, 5], 'none')).toBeNull();
  });
  it('refuse another number of weights, negative ones, only zeros, and a β of 1', () => {
    for (const wrong of [[1], [1, -1], [0, 0], [1, Number.NaN]]) {
      expect(() => classWeights([5, 5], wrong)).toThrow(configFault);
    }
    expect(() => classWeights([5, 5], { kind: 'effective', beta: 1 })).toThrow(configFault);
    expect(() => classWeights([0, 0], 'balanced')).toThrow(expect.objectContaining({ code: 'data' }));
  });
  it('of positives are negatives over positives, within a limit', () => {
    expect([...positiveWeights([20, 50, 0, 1], 100, 30)]).toEqual([4, 1, 1, 30]);
  });
});

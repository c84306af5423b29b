import { describe, expect, it } from 'vitest';
import { float32, toNumbers } from '../../src/core/tensor.ts';
import { adaptWeights, planWeights } from '../../src/weights/adapt.ts';

/** What PyTorch 1.13 gives: `interpolate(mode='bicubic', antialias=True)` on the grid, rows of tokens in front kept. */
const TABLE = float32([1, 5, 2], [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, -1, 0.8, 0.9]);
const TO_3X4 = [
  0, 0.1, 0.156037, 0.377747, 0.215113, 0.403787, 0.332256, 0.455423, 0.391331, 0.481463, 0.382353, -0.442647, 0.441429,
  -0.1325, 0.558571, 0.4825, 0.617647, 0.792647, 0.608669, -1.263042, 0.667744, -0.668788, 0.784887, 0.509577, 0.843963,
  1.103831,
];
const SINES = float32(
  [1, 16, 1],
  Array.from({ length: 16 }, (_, i) => Math.sin(i)),
);
const TO_2X3 = [-0.173869, 0.08878, 0.225204, 0.151897, 0.198616, -0.037053];

describe('a table of positions', () => {
  const wanted = (prefix: number, size: readonly [number, number], channels: number) =>
    [
      {
        name: 'pos_embed',
        shape: [1, prefix + size[0] * size[1], channels],
        dtype: 'float32',
        grid: { prefix, size },
      },
    ] as const;
  it('is resampled to a larger and to a smaller grid as PyTorch does, its first rows kept', () => {
    for (const [want, table, expected] of [
      [wanted(1, [3, 4], 2), TABLE, TO_3X4],
      [wanted(0, [2, 3], 1), SINES, TO_2X3],
    ] as const) {
      const { plan, tensors } = adaptWeights(want, new Map([['pos_embed', table]]));
      expect(plan.taken[0]!.how).toBe('positions');
      const got = toNumbers(tensors.get('pos_embed')!);
      expect(tensors.get('pos_embed')!.shape).toEqual(want[0].shape);
      expected.forEach((v, i) => {
        expect(got[i]).toBeCloseTo(v, 5);
      });
    }
  });
  it('is taken as it is where it has as many rows', () => {
    const { plan, tensors } = adaptWeights(wanted(1, [2, 2], 2), new Map([['pos_embed', TABLE]]));
    expect(plan.taken[0]!.how).toBe('as it is');
    expect([...tensors.get('pos_embed')!.data]).toEqual([...TABLE.data]);
  });
  it('does not fit where its channels differ or its grid was not square', () => {
    const misfits = (shape: readonly number[], channels: number): readonly string[] =>
      planWeights(wanted(1, [3, 4], channels), new Map([['pos_embed', { dtype: 'float32', shape }]])).misshapen.map(
        (m) => m.name,
      );
    expect(misfits([1, 5, 2], 3)).toEqual(['pos_embed']);
    expect(misfits([1, 7, 2], 2)).toEqual(['pos_embed']);
    expect(misfits([5, 2], 2)).toEqual(['pos_embed']);
    expect(misfits([1, 10, 2], 2)).toEqual([]);
  });
});

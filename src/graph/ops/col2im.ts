import { productDim, sameDim, showDims } from '../dimension.ts';
import { emit1 } from '../trace.ts';
import type { OpDef, Value } from '../value.ts';
import { at, shapeFault } from './common.ts';
import { concat, reshape, slice } from './layout.ts';

/** What {@link col2Im} adds up into: an image, and a block that stands at each of its places. */
export interface Columns {
  readonly image_shape: readonly number[];
  readonly block_shape: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
}

/** Places at which a block can stand, along each axis of the image. */
function places({ image_shape, block_shape, strides, dilations }: Columns): number[] {
  return image_shape.map((d, i) => Math.floor((d - dilations[i]! * (block_shape[i]! - 1) - 1) / strides[i]!) + 1);
}

/** Offsets within a block in row-major order. */
function offsets({ block_shape, dilations }: Columns): number[][] {
  return block_shape.reduce<number[][]>(
    (all, k, axis) => all.flatMap((o) => Array.from({ length: k }, (_, i) => [...o, i * dilations[axis]!])),
    [[]],
  );
}

export const COL2IM: OpDef = {
  name: 'Col2Im',
  domain: '',
  since: 18,
  shape: (inputs, attributes) => {
    const x = at(inputs, 0);
    const a = attributes as unknown as Columns;
    const taps = a.block_shape.reduce((n, k) => n * k, 1);
    const [n, c, l] = x.shape;
    const fits = x.shape.length === 3 && typeof c === 'number' && c % taps === 0 && sameDim(l!, productDim(places(a)));
    if (!fits) {
      const expected = `[N, C · ${taps}, ${productDim(places(a))}]`;
      throw shapeFault(`expected ${expected} for ${showDims(a.image_shape)}, got ${showDims(x.shape)}.`);
    }
    return [{ shape: [n!, c / taps, ...a.image_shape], dtype: x.dtype }];
  },
  // dx = every block of dy
  vjp: ({ inputs, attributes, dy }) => {
    const a = attributes as unknown as Columns;
    const x = inputs[0]!;
    const [counts, n, c] = [places(a), x.shape[0]!, dy[0]!.shape[1]!];
    const axes = counts.map((_, i) => i + 2);
    const blocks = offsets(a).map((starts) => {
      const ends = starts.map((s, i) => s + (counts[i]! - 1) * a.strides[i]! + 1);
      return reshape(slice(dy[0]!, { axes, starts, ends, steps: a.strides }), [n, c, 1, productDim(counts)]);
    });
    return [reshape(concat(blocks, 2), x.shape)];
  },
  attributes: { strides: 'ints', dilations: 'ints', pads: 'ints' },
  dimInputs: { 1: 'image_shape', 2: 'block_shape' },
};

/** Blocks added up where they overlap: x [N, C · K, L], a block of K elements for each of L places → [N, C, ...image]. */
export function col2Im(x: Value, a: Columns): Value {
  const zeros = [...a.image_shape, ...a.image_shape].map(() => 0);
  return emit1(COL2IM, [x], { ...a, pads: zeros });
}

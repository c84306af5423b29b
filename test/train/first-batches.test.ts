import { describe, expect, test } from 'vitest';
import type { ImageBatch, ImageLoader } from '../../src/data/batch.ts';
import { denormalised, firstBatches, watchFirst } from '../../src/train/first-batches.ts';

const SIZE = 2;
const data = { size: SIZE, mean: [0.5, 0.25, 0], std: [0.5, 0.25, 1] };

/** A batch of pictures of one value in all three normalised channels. */
function batch(values: readonly number[]): ImageBatch {
  const images = Float32Array.from(values.flatMap((v) => Array.from({ length: 3 * SIZE * SIZE }, () => v)));
  return { images, labels: Int32Array.from(values, () => 1), indices: Int32Array.from(values, (_, i) => i) };
}

function loader(batches: readonly ImageBatch[]): ImageLoader {
  return {
    batches: batches.length,
    epoch: async function* (_, { from = 0 } = {}) {
      yield* batches.slice(from);
    },
    skipped: () => [],
  };
}

async function count(pictures: ImageLoader, epoch: number, from = 0): Promise<number> {
  let n = 0;
  for await (const _ of pictures.epoch(epoch, { from })) n++;
  return n;
}

describe('the first batches', () => {
  test('are handed on once, at the beginning of the first epoch, and all batches still come', async () => {
    const taken: number[] = [];
    const pictures = watchFirst(loader([batch([0]), batch([1]), batch([2])]), async (b) => {
      taken.push(b.length);
    });
    expect([await count(pictures, 0), await count(pictures, 1), await count(pictures, 0, 1)]).toEqual([3, 3, 2]);
    expect(taken).toEqual([2]);
  });
  test('of an epoch of one batch are that one', async () => {
    const taken: number[] = [];
    await count(
      watchFirst(loader([batch([0])]), async (b) => {
        taken.push(b.length);
      }),
      0,
    );
    expect(taken).toEqual([1]);
  });
  test('are turned back to colours: mean and deviation undone, and cut to what a byte holds', () => {
    const { data: colours } = denormalised(batch([0.2]).images, data);
    expect([...colours.subarray(0, 3)]).toEqual([Math.round(0.6 * 255), Math.round(0.3 * 255), Math.round(0.2 * 255)]);
    expect([...denormalised(batch([3]).images, data).data.subarray(0, 3)]).toEqual([255, 255, 255]);
    expect([...denormalised(batch([-3]).images, data).data.subarray(0, 3)]).toEqual([0, 0, 0]);
  });
  test('are drawn with names of classes, mixtures with their shares', () => {
    const classes = ['cat', 'dog'];
    const plain = firstBatches([batch([0, 0])], { data, classes });
    const mixed = firstBatches([{ ...batch([0, 0]), targets: Float32Array.of(0.7, 0.3, 0, 1) }], { data, classes });
    expect([plain.width, plain.height]).toEqual([mixed.width, mixed.height]);
    const differs = (x: number): boolean => {
      for (let y = 118; y < 128; y++) {
        for (let c = 0; c < 90 * 3; c++) {
          const at = (y * plain.width + x) * 3 + c;
          if (plain.data[at] !== mixed.data[at]) return true;
        }
      }
      return false;
    };
    // The caption of the first picture is another; that of the second, wholly a dog, is the same.
    expect([differs(6), differs(6 + 102)]).toEqual([true, false]);
  });
});

import type { ImageBatch, ImageLoader } from '../data/batch.ts';
import type { Picture } from '../result/attention.ts';
import { drawMosaic, type Tile, type TileGroup } from '../result/mosaic.ts';
import type { DataConfig } from './data-config.ts';

/** Batches that are drawn. */
export const BATCHES: number = 2;
/** Pictures that are drawn of each. */
const PICTURES = 16;

/** What a mosaic is made with. */
export interface MosaicOptions {
  readonly data: Pick<DataConfig, 'size' | 'mean' | 'std'>;
  readonly classes: readonly string[];
}

/** The same batches; the first ones of the first epoch are handed to `take` before they are trained on. */
export function watchFirst(loader: ImageLoader, take: (batches: readonly ImageBatch[]) => Promise<void>): ImageLoader {
  return {
    ...loader,
    epoch: async function* (epoch, options = {}) {
      const wanted = epoch === 0 && (options.from ?? 0) === 0 ? Math.min(BATCHES, loader.batches) : 0;
      const first: ImageBatch[] = [];
      for await (const batch of loader.epoch(epoch, options)) {
        if (first.length < wanted) {
          first.push({ ...batch, images: batch.images.slice() });
          if (first.length === wanted) await take(first);
        }
        yield batch;
      }
    },
  };
}

/** The pictures that the network sees first, with their labels: prepared, changed at random, and turned back to colours. */
export function firstBatches(batches: readonly ImageBatch[], options: MosaicOptions): Picture {
  return drawMosaic(
    batches.map((batch, b): TileGroup => {
      const count = Math.min(PICTURES, batch.labels.length);
      const title = `batch ${b + 1}: ${count} of ${batch.labels.length} pictures as the network sees them`;
      return { title, tiles: Array.from({ length: count }, (_, i) => tileOf(batch, i, options)) };
    }),
  );
}

function tileOf(batch: ImageBatch, i: number, { data, classes }: MosaicOptions): Tile {
  const values = 3 * data.size ** 2;
  const picture = denormalised(batch.images.subarray(i * values, (i + 1) * values), data);
  return { picture, caption: captionOf(batch, i, classes) };
}

/** What the network sees, as colours again. x [3, S, S], normalised → RGB bytes */
export function denormalised(x: Float32Array, { size, mean, std }: MosaicOptions['data']): Picture {
  const plane = size * size;
  const data = new Uint8Array(plane * 3);
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) {
      const value = (x[c * plane + i]! * std[c]! + mean[c]!) * 255;
      data[i * 3 + c] = Math.min(255, Math.max(0, Math.round(value)));
    }
  }
  return { width: size, height: size, data };
}

/** The class; of a mixed picture, or one of several labels, the classes and how far each is meant. */
function captionOf({ labels, targets }: ImageBatch, i: number, classes: readonly string[]): string {
  if (!targets) return classes[labels[i]!] ?? 'no label';
  const meant = [...targets.subarray(i * classes.length, (i + 1) * classes.length)]
    .map((share, k) => ({ share, name: classes[k]! }))
    .filter((t) => t.share >= 0.01)
    .sort((a, b) => b.share - a.share);
  if (meant.length === 0) return 'no label';
  const one = ({ share, name }: (typeof meant)[number]): string =>
    share > 0.99 ? name : `${Math.round(share * 100)}% ${name}`;
  return meant.map(one).join(', ');
}

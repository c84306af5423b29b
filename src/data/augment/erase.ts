import type { Random } from '../../core/random.ts';
import type { EraseConfig } from './config.ts';

/**
 * Overwrites random rectangles of a prepared picture, [3, size, size] at `offset`; timm's RandomErasing.
 *
 * Zhong et al., "Random Erasing Data Augmentation", arXiv:1708.04896.
 * Departs from the paper: noise is normal, after normalisation; several rectangles share the area. Both as timm.
 */
export function erase(
  { data, offset, size }: { readonly data: Float32Array; readonly offset: number; readonly size: number },
  config: EraseConfig,
  random: Random,
): void {
  const count = 1 + random.integer(config.count);
  for (let i = 0; i < count; i++) {
    const box = rectangle(size, config, { random, count });
    if (box === null) continue;
    const colour = [0, 1, 2].map(() => (config.mode === 'constant' ? 0 : random.normal()));
    for (let c = 0; c < 3; c++) {
      for (let y = box.top; y < box.top + box.height; y++) {
        const from = offset + (c * size + y) * size + box.left;
        if (config.mode !== 'pixel') data.fill(colour[c]!, from, from + box.width);
        else for (let x = from; x < from + box.width; x++) data[x] = random.normal();
      }
    }
  }
}

interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A rectangle smaller than the picture in ten tries, or none. */
function rectangle(
  size: number,
  { area, aspect }: EraseConfig,
  { random, count }: { readonly random: Random; readonly count: number },
): Rectangle | null {
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  for (let attempt = 0; attempt < 10; attempt++) {
    const pixels = (between(area[0]!, area[1]!) * size * size) / count;
    const ratio = Math.exp(between(Math.log(aspect[0]!), Math.log(aspect[1]!)));
    const height = Math.round(Math.sqrt(pixels * ratio));
    const width = Math.round(Math.sqrt(pixels / ratio));
    if (width < size && height < size) {
      return { top: random.integer(size - height + 1), left: random.integer(size - width + 1), width, height };
    }
  }
  return null;
}

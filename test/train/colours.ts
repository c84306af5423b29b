import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { random } from '../../src/core/random.ts';
import type { RunOptions } from '../../src/train/config.ts';

const COLOURS: Readonly<Record<string, readonly number[]>> = {
  blue: [40, 60, 200],
  green: [40, 190, 60],
  red: [200, 50, 40],
};

/** Writes `count` noisy pictures of 20 x 20 a class, each class in its colour, and gives their folder. */
export async function colourFolder(folder: string, count = 8, seed = 0): Promise<string> {
  for (const [name, colour] of Object.entries(COLOURS)) {
    await mkdir(join(folder, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const draws = random(seed, name, i);
      const data = Uint8Array.from(
        { length: 20 * 20 * 3 },
        (_, j) => colour[j % 3]! + Math.floor(draws.uniform() * 50),
      );
      const picture = sharp(data, { raw: { width: 20, height: 20, channels: 3 } });
      await picture.png().toFile(join(folder, name, `${i}.png`));
    }
  }
  return folder;
}

/** A run of seconds: a network of three blocks with context, two epochs of three steps. */
export function smallRun(folder: string): RunOptions {
  return {
    data: { folder, size: 16, batchSize: 6, evaluationBatchSize: 4, workers: 1, holdOut: 0.25 },
    model: { name: 'resnet14-gc', overrides: { layers: [1, 1, 1], width: 8 } },
    epochs: 2,
    logEvery: 2,
    learningRate: 0.01,
    engine: { provider: 'cpu', threads: 1 },
  };
}

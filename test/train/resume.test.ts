import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { resume, train } from '../../src/node.ts';
import { nodeFiles } from '../../src/runtime/node/files.ts';
import { readCheckpoint } from '../../src/train/checkpoint.ts';
import type { RunOptions } from '../../src/train/config.ts';
import { colourFolder, scratch, smallRun } from './made.ts';

const folder = scratch();
let config: RunOptions = {};

beforeAll(async () => {
  config = {
    ...smallRun(await colourFolder(join(folder, 'pictures'))),
    ema: { decay: 0.9 },
    engine: { provider: 'cpu', threads: 2 },
  };
});

/** Trains, ended after so many steps; gives whether it finished. */
async function trainUntil(name: string, step: number, goOn: boolean): Promise<boolean> {
  const controller = new AbortController();
  let done = 0;
  const request = {
    folder: join(folder, name),
    signal: controller.signal,
    onEvent: ({ kind }: { readonly kind: string }) => {
      if (kind === 'progress' && ++done === step) controller.abort();
    },
  };
  return (await (goOn ? resume(request) : train(config, request))).finished;
}

const bytesOf = (name: string, file: string): Promise<Buffer> => readFile(join(folder, name, file));

describe('a run that is ended and resumed', () => {
  test('has the same weights, bit by bit, as one that is not', async () => {
    const whole = await train(config, { folder: join(folder, 'whole') });
    expect(whole.finished).toBe(true);
    expect(await trainUntil('parts', 2, false)).toBe(false);
    const checkpoint = await readCheckpoint(nodeFiles, join(folder, 'parts', 'checkpoints', 'last.safetensors'));
    expect([checkpoint.step, checkpoint.standing.epoch, checkpoint.standing.batch]).toEqual([2, 0, 2]);
    expect(await trainUntil('parts', 3, true)).toBe(false);
    expect(await trainUntil('parts', -1, true)).toBe(true);
    const [a, b] = await Promise.all([
      bytesOf('whole', 'weights.safetensors'),
      bytesOf('parts', 'weights.safetensors'),
    ]);
    expect(a.equals(b)).toBe(true);
    const [one, two] = await Promise.all(
      ['whole', 'parts'].map((n) => readCheckpoint(nodeFiles, join(folder, n, 'checkpoints', 'last.safetensors'))),
    );
    expect(two!.slots).toEqual(one!.slots);
    expect(two!.average).toEqual(one!.average);
    const timeless = (c: typeof one) => c!.standing.metrics.map((m) => ({ ...m, imagesPerSecond: 0 }));
    expect(timeless(two)).toEqual(timeless(one));
  });
  test('is not resumed with other pictures', async () => {
    await writeFile(
      join(folder, 'pictures', 'red', 'more.png'),
      await readFile(join(folder, 'pictures', 'red', '0.png')),
    );
    await expect(resume({ folder: join(folder, 'whole') })).rejects.toMatchObject({
      code: 'data',
      message: expect.stringContaining('expected the pictures that the run was begun with'),
    });
  });
});

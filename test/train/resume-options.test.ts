import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { resume, train } from '../../src/node.ts';
import { nodeFiles } from '../../src/runtime/node/files.ts';
import { type Checkpoint, readCheckpoint } from '../../src/train/checkpoint.ts';
import type { RunOptions } from '../../src/train/config.ts';
import { colourFolder, scratch, smallRun } from './made.ts';

const folder = scratch();
let pictures = '';

beforeAll(async () => {
  pictures = await colourFolder(join(folder, 'pictures'), 14);
});

/** 33 training pictures in 8 batches of 4; accumulated by three, the last step of an epoch has two. */
function options(more: RunOptions): RunOptions {
  const base = smallRun(pictures);
  return {
    ...base,
    data: { ...base.data, batchSize: 4, workers: 1, augment: { mix: { mixup: 0.2, cutmix: 1 }, repeats: 2 } },
    model: { name: 'resnet14-gc', overrides: { layers: [1, 1, 1], width: 8, dropPath: 0.5, dropout: 0.2 } },
    evaluateEvery: 1,
    engine: { provider: 'cpu', threads: 2 },
    ...more,
  };
}

/** Trains until so many steps are made, or to the end. */
async function go(name: string, how: { readonly config?: RunOptions; readonly stopAt?: number }): Promise<boolean> {
  const controller = new AbortController();
  let done = 0;
  const request = {
    folder: join(folder, name),
    signal: controller.signal,
    onEvent: ({ kind }: { readonly kind: string }) => {
      if (kind === 'progress' && ++done === how.stopAt) controller.abort();
    },
  };
  return (await (how.config ? train(how.config, request) : resume(request))).finished;
}

const last = (name: string): Promise<Checkpoint> =>
  readCheckpoint(nodeFiles, join(folder, name, 'checkpoints', 'last.safetensors'));
const weights = (name: string): Promise<Buffer> => readFile(join(folder, name, 'weights.safetensors'));
const timeless = ({ standing }: Checkpoint): unknown => ({
  ...standing,
  seconds: 0,
  metrics: standing.metrics.map((m) => ({ ...m, imagesPerSecond: 0, memory: 0 })),
});

describe('a run that is ended and resumed has the same weights, bit by bit, as one that is not', () => {
  test.each<[string, RunOptions]>([
    [
      'with accumulation, mixing, stochastic depth, average, plateau',
      {
        accumulate: 3,
        ema: { decay: 0.9, warmup: { gamma: 1, power: 2 / 3 } },
        schedule: { kind: 'plateau', patience: 0, threshold: 0.5, gamma: 0.5, warmup: 0.5, warmupRate: 0.001 },
        clipNorm: 1,
        epochs: 3,
      },
    ],
    [
      'with LAMB, layer decay, a frozen stage, precise norms, early stop',
      {
        optimizer: { kind: 'lamb' },
        layerDecay: 0.7,
        freeze: { stages: 1 },
        preciseNorm: 3,
        clipValue: 0.1,
        classWeights: 'balanced',
        loss: { kind: 'binary-cross-entropy', threshold: 0.2, sumClasses: true },
        earlyStop: { patience: 0, minDelta: 2 },
        keep: 'best',
        epochs: 5,
      },
    ],
  ])('%s', async (name, more) => {
    const config = options(more);
    expect(await go(`${name} whole`, { config })).toBe(true);
    expect(await go(name, { config, stopAt: 1 })).toBe(false);
    expect((await last(name)).step).toBe(1);
    expect(await go(name, { stopAt: 3 })).toBe(false);
    expect(await go(name, {})).toBe(true);
    expect((await weights(name)).equals(await weights(`${name} whole`))).toBe(true);
    const [a, b] = await Promise.all([last(name), last(`${name} whole`)]);
    expect(a.slots).toEqual(b.slots);
    expect(a.average).toEqual(b.average);
    expect(timeless(a)).toEqual(timeless(b));
  });
  test('and the plateau has lowered the rate, the early stop has ended it', async () => {
    const [plateau, stopped] = await Promise.all([
      last('with accumulation, mixing, stochastic depth, average, plateau'),
      last('with LAMB, layer decay, a frozen stage, precise norms, early stop'),
    ]);
    expect(plateau.step).toBe(9);
    expect(plateau.standing.plateau.reductions).toBeGreaterThan(0);
    const rates = plateau.standing.metrics.map((m) => m.learningRate!);
    expect(rates.at(-1)).toBeCloseTo(0.01 * 0.5 ** (plateau.standing.plateau.reductions - 1), 12);
    expect(stopped.standing.epoch).toBe(2);
  });
});

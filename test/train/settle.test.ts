import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/core/fault.ts';
import type { Dataset } from '../../src/data/dataset.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';
import type { RunOptions } from '../../src/train/config.ts';
import { readRunConfig } from '../../src/train/read-config.ts';
import { largestBatch, type Settled, settle } from '../../src/train/settle.ts';

const CLASSES = ['a', 'b', 'c'];

function dataset(count: number, multiLabel = false): Dataset {
  const samples = Array.from({ length: count }, (_, i) => ({
    path: `${i}.png`,
    label: i % 3,
    ...(multiLabel && { labels: [i % 3, (i + 1) % 3] }),
  }));
  return { classes: CLASSES, samples, ...(multiLabel && { multiLabel }) };
}

function settled(options: RunOptions, train = dataset(100), availableBytes = 1e9): Settled {
  const config = readRunConfig({
    ...options,
    data: { folder: 'x', size: 32, ...options.data },
    model: options.model ?? { name: 'resnet14-gc', overrides: { layers: [1, 1, 1], width: 8 } },
  });
  const runtime = { ...nodeRuntime(), availableBytes: () => availableBytes };
  return settle(config, { cores: 4, runtime }, { classes: CLASSES, train });
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
    return (error as Fault).message;
  }
  throw new Error('was accepted');
}

describe('the largest batch', () => {
  const line = (offset: number, each: number) => (batch: number) => offset + each * batch;
  test.each([
    [line(100, 10), 1000, 1000, 88],
    [line(100, 10), 150, 1000, 4],
    [line(100, 10), 1000, 50, 48],
    [line(100, 10), 1000, 3, 2],
    // Bytes that jump past 64 pictures: the line promises more than fits.
    [(batch: number) => batch * (batch > 64 ? 20 : 10), 1000, 1000, 64],
  ])('is one of 1, 2, 4 and the multiples of 8 that fits: %#', (estimate, limit, most, batch) => {
    expect(largestBatch(estimate, limit, most)).toEqual({ batch, bytes: estimate(batch) });
  });
  test('is refused where not even one picture fits', () => {
    expect(refusal(() => largestBatch(line(2e9, 1e9), 1e9, 64))).toContain('it needs about 3.00 GB');
  });
});

describe('a configuration for pictures and a machine', () => {
  test('takes the batch that fits into its share of the memory, and says so', () => {
    const few = settled({ data: { batchSize: 'auto' }, autoBatch: 0.5 }, dataset(1000), 40e6);
    const many = settled({ data: { batchSize: 'auto' }, autoBatch: 0.5 }, dataset(1000), 80e6);
    expect(few.config.autoBatch).toBeNull();
    expect(few.config.data.batchSize % 8).toBe(0);
    expect(many.config.data.batchSize / few.config.data.batchSize).toBeGreaterThan(1.8);
    expect(few.notes[0]).toMatch(/^Batch size \d+: a step needs about 0\.02 GB of the 0\.02 GB that it may take/);
  });
  test('fits more pictures where values are computed twice', () => {
    const model = { name: 'resnet14', overrides: { width: 8 } };
    const batch = (recompute: 'none' | 'blocks'): number =>
      settled({ data: { batchSize: 'auto' }, model, recompute }, dataset(1000), 100e6).config.data.batchSize;
    expect(batch('blocks')).toBeGreaterThan(batch('none'));
  });
  test.each<[RunOptions, number]>([
    [{ optimizer: { kind: 'sgd' } }, 0.025],
    [{ optimizer: { kind: 'adamw' } }, 0.05],
    [{ optimizer: { kind: 'lamb' }, accumulate: 4 }, 0.1],
  ])('scales the learning rate to the pictures of a step: %j', (more, expected) => {
    const options = { learningRate: 0.1, learningRateFor: 64, data: { batchSize: 16 } };
    const { config, notes } = settled({ ...options, ...more, schedule: { minimum: 0.01 } });
    expect(config.learningRate).toBeCloseTo(expected, 12);
    expect(config.schedule).toMatchObject({ minimum: expected / 10 });
    expect(config.learningRateFor).toBeNull();
    expect(notes[0]).toContain(`Learning rate ${expected}: 0.1 is meant for 64 pictures a step`);
  });
  test('has the loss and the metric of its labels', () => {
    const of = ({ config: { loss, metric } }: Settled): unknown => [loss!.kind, metric];
    expect(of(settled({}))).toEqual(['cross-entropy', 'balancedAccuracy']);
    expect(of(settled({}, dataset(100, true)))).toEqual(['binary-cross-entropy', 'meanAveragePrecision']);
  });
  test.each<[RunOptions, boolean, string]>([
    [{ metric: 'meanAveragePrecision' }, false, 'metric: expected a metric of pictures with one label each'],
    [{ loss: { kind: 'cross-entropy' } }, true, 'loss.kind: expected "binary-cross-entropy"'],
    [{ classWeights: [1, 2] }, false, 'classWeights: expected 3 weights, one a class, got 2.'],
    [
      { accumulate: 4, data: { batchSize: 32 } },
      false,
      'accumulate: expected at most the 3 batches of an epoch, got 4.',
    ],
  ])('is refused in words where it does not fit: %j', (options, multiLabel, words) => {
    expect(refusal(() => settled(options, dataset(100, multiLabel)))).toContain(words);
  });
});

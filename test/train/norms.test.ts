import { describe, expect, test } from 'vitest';
import { random } from '../../src/core/random.ts';
import { float32, floats, type Tensor } from '../../src/core/tensor.ts';
import type { ImageBatch, ImageLoader } from '../../src/data/batch.ts';
import { initialise } from '../../src/model/init.ts';
import { batchNorm } from '../../src/model/layers/norm.ts';
import { globalAveragePool } from '../../src/model/layers/pool.ts';
import type { Network } from '../../src/model/scope.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';
import { createJudge } from '../../src/train/evaluate.ts';
import { batchFeeds, countCorrect, drawn } from '../../src/train/feeds.ts';
import { classifier, frozenNorms, parameterSettings, traceTraining } from '../../src/train/network.ts';
import { preciseNorm } from '../../src/train/precise-norm.ts';
import { readRunConfig } from '../../src/train/read-config.ts';
import { createStepper } from '../../src/train/step.ts';

const runtime = nodeRuntime();
const SIZE = 4;

/** Three channels are normalised, averaged, and are the logits of three classes. */
const channels: Network = (s, { x }) => ({ logits: globalAveragePool(batchNorm(s.at('bn'), x!, { momentum: 0.3 })) });

/** Batches of noise, each channel with its own mean and spread, which drift from batch to batch. */
function loader(batches: number, labelled?: Pick<ImageBatch, 'labels' | 'targets'>): ImageLoader {
  const make = (b: number): ImageBatch => {
    const draws = random(1, b);
    const images = Float32Array.from({ length: 2 * 3 * SIZE * SIZE }, (_, i) => {
      const channel = Math.floor(i / (SIZE * SIZE)) % 3;
      return channel + b / 2 + (channel + 1) * draws.normal();
    });
    return { images, labels: Int32Array.of(0, 1), indices: Int32Array.of(2 * b, 2 * b + 1), ...labelled };
  };
  return {
    batches,
    skipped: () => [],
    async *epoch() {
      for (let b = 0; b < batches; b++) yield make(b);
    },
  };
}

describe('precise batch norm', () => {
  test('takes mean and variance over all pictures of the batches', async () => {
    const traced = traceTraining(channels, { batch: 2, size: SIZE, labelSmoothing: 0, provider: 'cpu' });
    const weights = new Map(traced.state.map((spec) => [spec.name, initialise(spec, 0)]));
    const options = { traced, pictures: loader(5), batches: 4, seed: 0, epoch: 0 };
    const precise = await preciseNorm(runtime, weights, options);
    const pixels: number[][] = [[], [], []];
    let seen = 0;
    for await (const { images } of loader(5).epoch(0)) {
      if (seen++ === 4) break;
      for (const [i, v] of images.entries()) pixels[Math.floor(i / (SIZE * SIZE)) % 3]!.push(v);
    }
    const mean = pixels.map((p) => p.reduce((a, b) => a + b, 0) / p.length);
    const n = 2 * SIZE * SIZE;
    // Within batches variances are unbiased, between them they are not: Σ (n/(n−1) v_b + m_b²) / B − m².
    const variance = pixels.map((p, c) => {
      const parts = [0, 1, 2, 3].map((b) => p.slice(b * n, (b + 1) * n));
      const squares = parts.map((part) => {
        const m = part.reduce((a, v) => a + v, 0) / n;
        return part.reduce((a, v) => a + (v - m) ** 2, 0) / (n - 1) + m * m;
      });
      return squares.reduce((a, v) => a + v, 0) / 4 - mean[c]! ** 2;
    });
    for (let c = 0; c < 3; c++) {
      expect(floats(precise.get('bn.running_mean')!)[c]).toBeCloseTo(mean[c]!, 4);
      expect(floats(precise.get('bn.running_var')!)[c]).toBeCloseTo(variance[c]!, 3);
    }
    expect(precise.get('bn.weight')).toBe(weights.get('bn.weight'));
    expect(Array.from(floats(weights.get('bn.running_mean')!))).toEqual([0, 0, 0]);
  });
});

describe('frozen stages', () => {
  const config = readRunConfig({
    data: { folder: 'x', size: 8 },
    model: { name: 'resnet14-gc', overrides: { layers: [1, 1, 1], width: 8 } },
    freeze: { stages: 1 },
  });
  test('keep parameters and statistics of stem and stage, and train the rest', async () => {
    const { network } = classifier(config.model, 3);
    const frozenNorm = frozenNorms(config, network)!;
    const shape = { batch: 2, size: 8, labelSmoothing: 0, provider: 'cpu' } as const;
    const traced = traceTraining(network, { ...shape, frozenNorm });
    const state = new Map(traced.state.map((spec) => [spec.name, initialise(spec, 0)]));
    const before = new Map([...state].map(([name, t]) => [name, Array.from(t.data, Number)]));
    const settings = parameterSettings(config, traced.state);
    const stepper = await createStepper(runtime, traced, { optimizer: { kind: 'sgd' }, settings }, { state });
    const draws = random(2);
    const images = Float32Array.from({ length: 2 * 3 * 64 }, () => draws.normal());
    const batch = { images, labels: Int32Array.of(0, 2), indices: Int32Array.of(0, 1) };
    await stepper.run(batchFeeds(batch, traced, { seed: 0, epoch: 0, batch: 0 }), 0.1);
    const changed = [...stepper.state].filter(([name, t]) =>
      Array.from(t.data, Number).some((v, i) => v !== before.get(name)![i]),
    );
    const names = changed.map(([name]) => name);
    expect(names.filter((name) => /^(conv1|bn1|layer1)/.test(name))).toEqual([]);
    expect(names).toEqual(expect.arrayContaining(['layer2.0.conv1.weight', 'layer2.0.bn1.running_mean', 'fc.bias']));
    expect(names).toContain('layer3.0.bn2.num_batches_tracked');
    await stepper.release();
  });
});

describe('what is drawn for a batch', () => {
  const spec = { name: 'random/layer1.0', shape: [64] };
  test('is a function of seed, epoch, batch and path, from 0 and below 1', () => {
    const keys = { seed: 1, epoch: 2, batch: 3 };
    const one = Array.from(floats(drawn(spec, keys)));
    expect(Array.from(floats(drawn(spec, keys)))).toEqual(one);
    expect(Math.min(...one)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...one)).toBeLessThan(1);
    for (const other of [
      { ...keys, seed: 2 },
      { ...keys, epoch: 3 },
      { ...keys, batch: 4 },
    ]) {
      expect(Array.from(floats(drawn(spec, other)))).not.toEqual(one);
    }
    expect(Array.from(floats(drawn({ ...spec, name: 'random/layer1.1' }, keys)))).not.toEqual(one);
  });
});

describe('the accuracy of a training batch', () => {
  const logits = Float32Array.of(3, 1, 0, 0, 2, 5);
  const batch = { images: new Float32Array(0), labels: Int32Array.of(0, 1), indices: Int32Array.of(0, 1) };
  test('counts labels that are likeliest', () => {
    expect(countCorrect(logits, batch)).toBe(1);
  });
  test('counts what a mixture is most of', () => {
    expect(countCorrect(logits, { ...batch, targets: Float32Array.of(0.3, 0.7, 0, 0, 0.4, 0.6) })).toBe(1);
    expect(countCorrect(logits, { ...batch, targets: Float32Array.of(0.7, 0.3, 0, 0, 0.4, 0.6) })).toBe(2);
  });
});

describe('an evaluation of pictures with several labels', () => {
  test('scores every class by itself, and the likeliest where it is one of the labels', async () => {
    const targets = Float32Array.of(1, 0, 1, 0, 0, 0); // the first picture is of classes 0 and 2, the second of none
    const pictures = loader(3, { labels: Int32Array.of(0, -1), targets });
    const engine = { provider: 'cpu', threads: 1 } as const;
    const judge = await createJudge(runtime, channels, { batch: 2, size: SIZE, classes: 3, parts: [], engine });
    // Statistics so that the logits of channel c are c + b / 2 + noise: the last class is the likeliest.
    const weights = new Map<string, Tensor>([
      ['bn.weight', float32([3], [1, 1, 1])],
      ['bn.bias', float32([3], [0, 0, 9])],
      ['bn.running_mean', float32([3], [0, 0, 0])],
      ['bn.running_var', float32([3], [1, 1, 1])],
    ]);
    const { result, labels } = await judge.score(pictures, weights);
    expect([result.samples, result.accuracy]).toEqual([3, 1]);
    expect(result.confusion[2]![2]).toBe(3);
    expect(labels!.samples).toBe(6);
    expect(labels!.perClass[1]!.averagePrecision).toBeNull();
    const scores = await scoresOf(weights, pictures);
    expect(labels!.perClass[0]!.averagePrecision).toBeCloseTo(naiveAveragePrecision(scores.map((s) => s[0]!)), 6);
    await judge.release();
  });
});

/** Logits of all pictures. */
async function scoresOf(weights: ReadonlyMap<string, Tensor>, pictures: ImageLoader): Promise<number[][]> {
  const rows: number[][] = [];
  for await (const { images } of pictures.epoch(0)) {
    for (let n = 0; n < 2; n++) {
      const own = images.subarray(n * 3 * SIZE * SIZE, (n + 1) * 3 * SIZE * SIZE);
      rows.push(
        [0, 1, 2].map((c) => {
          const plane = own.subarray(c * SIZE * SIZE, (c + 1) * SIZE * SIZE);
          const bias = floats(weights.get('bn.bias')!)[c]!;
          return plane.reduce((a, b) => a + b, 0) / plane.length / Math.sqrt(1 + 1e-5) + bias;
        }),
      );
    }
  }
  return rows;
}

/** Mean over the positives (every other picture) of the share of positives among those that score as high. */
function naiveAveragePrecision(scores: readonly number[]): number {
  const positives = scores.filter((_, i) => i % 2 === 0);
  const precisions = positives.map((p) => {
    const above = scores.filter((s) => s >= p);
    return above.filter((s) => positives.includes(s)).length / above.length;
  });
  return precisions.reduce((a, b) => a + b, 0) / precisions.length;
}

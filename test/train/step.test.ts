import { describe, expect, test } from 'vitest';
import { random } from '../../src/core/random.ts';
import { float32, floats, int64, type Tensor } from '../../src/core/tensor.ts';
import type { Feeds } from '../../src/engine/runtime.ts';
import * as op from '../../src/graph/ops/index.ts';
import { initialise } from '../../src/model/init.ts';
import { conv2d } from '../../src/model/layers/conv.ts';
import { linear } from '../../src/model/layers/linear.ts';
import { batchNorm } from '../../src/model/layers/norm.ts';
import { globalAveragePool } from '../../src/model/layers/pool.ts';
import { crossEntropy } from '../../src/model/losses/classification.ts';
import { type Network, traceNetwork } from '../../src/model/scope.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';
import type { OptimizerConfig } from '../../src/train/optimizers/optimizer.ts';
import { createStepper, type Stepper } from '../../src/train/step.ts';
import type { StepOptions } from '../../src/train/step-graph.ts';

const runtime = nodeRuntime();
const SIDE = 6;

/** A convolution, a norm where wanted, a classifier of three classes. */
const network =
  (norm: boolean): Network =>
  (s, { x, labels }) => {
    const y = conv2d(s.at('conv'), x!, { channels: 4, kernel: 3, padding: 1, bias: true });
    const z = op.relu(norm ? batchNorm(s.at('bn'), y) : y);
    const logits = linear(s.at('fc'), globalAveragePool(z), { features: 3 });
    return { loss: crossEntropy(logits, labels!, { labelSmoothing: 0.1 }), logits };
  };

async function stepper(batch: number, options: Partial<StepOptions> = {}, norm = false): Promise<Stepper> {
  const inputs = { x: { shape: [batch, 3, SIDE, SIDE] }, labels: { shape: [batch], dtype: 'int64' as const } };
  const traced = traceNetwork(network(norm), { inputs, mode: 'training' });
  const state = new Map(traced.state.map((spec) => [spec.name, initialise(spec, 5)]));
  const sgd: OptimizerConfig = { kind: 'sgd', momentum: 0.9, nesterov: true };
  const settings: StepOptions['settings'] = ({ shape }) => ({ decay: shape.length > 1 ? 0.01 : 0 });
  const how = { optimizer: sgd, settings, watch: () => true, ...options };
  return createStepper(runtime, traced, how, { state }, { threads: 1 });
}

/** Pictures `from` to `to` of an endless set. */
function batch(from: number, to: number): Feeds {
  const size = 3 * SIDE * SIDE;
  const images = new Float32Array((to - from) * size);
  for (let i = from; i < to; i++) {
    const draws = random(3, i);
    for (let j = 0; j < size; j++) images[(i - from) * size + j] = draws.normal() + (i % 3);
  }
  const labels = Array.from({ length: to - from }, (_, i) => (from + i) % 3);
  return { x: float32([to - from, 3, SIDE, SIDE], images), labels: int64([to - from], labels) };
}

const copy = (tensors: ReadonlyMap<string, Tensor>): Map<string, number[]> =>
  new Map([...tensors].map(([name, t]) => [name, Array.from(t.data, Number)]));

function largestDifference(a: ReadonlyMap<string, number[]>, b: ReadonlyMap<string, number[]>): number {
  expect([...a.keys()]).toEqual([...b.keys()]);
  return Math.max(...[...a].flatMap(([name, values]) => values.map((v, i) => Math.abs(v - b.get(name)![i]!))));
}

describe('a step made of several batches', () => {
  test.each<[string, Partial<StepOptions>]>([
    ['sgd', {}],
    ['adamw, clipped by norm', { optimizer: { kind: 'adamw' }, clipNorm: 0.05 }],
    ['lamb, clipped by value', { optimizer: { kind: 'lamb' }, clipValue: 0.01 }],
  ])('equals one on all of them where no statistics of a batch count: %s', async (_, options) => {
    const whole = await stepper(6, options);
    const parts = await stepper(2, { ...options, accumulate: true });
    for (let step = 0; step < 3; step++) {
      const one = await whole.run(batch(6 * step, 6 * step + 6), 0.01);
      let loss = 0;
      for (let i = 0; i < 3; i++) {
        const from = 6 * step + 2 * i;
        const some = await parts.run(batch(from, from + 2), 0.01, { share: 1 / 3, last: i === 2 });
        loss += floats(some['loss']!)[0]! / 3;
        if (i === 2 && options.clipNorm) {
          expect(floats(some['gradientNorm']!)[0]).toBeCloseTo(floats(one['gradientNorm']!)[0]!, 5);
        }
      }
      expect(loss).toBeCloseTo(floats(one['loss']!)[0]!, 5);
    }
    expect([whole.step, parts.step]).toEqual([3, 3]);
    // Adam's first directions are signs: a rounding error of a tiny gradient may show up to about 1e-5.
    expect(largestDifference(copy(whole.state), copy(parts.state))).toBeLessThan(2e-5);
    expect(largestDifference(copy(whole.slots), copy(parts.slots))).toBeLessThan(1e-6);
    await whole.release();
    await parts.release();
  });
  test('changes statistics and counters with each batch, parameters with the last', async () => {
    const parts = await stepper(3, { accumulate: true }, true);
    const before = copy(parts.state);
    await parts.run(batch(0, 3), 0.1, { share: 0.5, last: false });
    const between = copy(parts.state);
    expect(between.get('conv.weight')).toEqual(before.get('conv.weight'));
    expect(between.get('bn.running_mean')).not.toEqual(before.get('bn.running_mean'));
    expect(between.get('bn.num_batches_tracked')).toEqual([1]);
    await parts.run(batch(3, 6), 0.1, { share: 0.5, last: true });
    expect(copy(parts.state).get('conv.weight')).not.toEqual(before.get('conv.weight'));
    expect(copy(parts.state).get('bn.num_batches_tracked')).toEqual([2]);
    await parts.release();
  });
  test('that is rolled back and begun again ends the same, bit by bit', async () => {
    const [straight, back] = [
      await stepper(3, { accumulate: true }, true),
      await stepper(3, { accumulate: true }, true),
    ];
    const both = async (s: Stepper, from: number): Promise<void> => {
      await s.run(batch(from, from + 3), 0.1, { share: 0.5, last: false });
      await s.run(batch(from + 3, from + 6), 0.1, { share: 0.5, last: true });
    };
    for (const s of [straight, back]) await both(s, 0);
    const kept = copy(back.state);
    await back.run(batch(6, 9), 0.1, { share: 0.5, last: false });
    back.rollback();
    expect(copy(back.state)).toEqual(kept);
    for (const s of [straight, back]) await both(s, 6);
    expect(copy(back.state)).toEqual(copy(straight.state));
    expect(copy(back.slots)).toEqual(copy(straight.slots));
    for (const s of [straight, back]) await s.release();
  });
});

describe('clipping by value', () => {
  test('puts each number of the gradient between the bounds', async () => {
    const plain: OptimizerConfig = { kind: 'sgd' };
    const s = await stepper(6, { optimizer: plain, clipValue: 0.01, settings: () => ({ decay: 0 }) });
    const before = copy(s.state);
    const results = await s.run(batch(0, 6), 1);
    const gradient = Array.from(floats(results['grad/fc.weight']!));
    expect(Math.max(...gradient.map(Math.abs))).toBeGreaterThan(0.02);
    const moved = copy(s.state)
      .get('fc.weight')!
      .map((v, i) => before.get('fc.weight')![i]! - v);
    for (const [i, d] of moved.entries()) expect(d).toBeCloseTo(Math.max(-0.01, Math.min(0.01, gradient[i]!)), 6);
    await s.release();
  });
});

describe('LAMB', () => {
  /** Algorithm 2 in plain loops, from the gradients that the step itself gave. */
  function reference(p: number[], gradients: readonly number[][], decay: number, lr: number): number[] {
    const [b1, b2, eps] = [0.9, 0.999, 1e-6];
    let x = [...p];
    const m = p.map(() => 0);
    const v = p.map(() => 0);
    const norm = (a: readonly number[]): number => Math.sqrt(a.reduce((sum, y) => sum + y * y, 0));
    gradients.forEach((g, t) => {
      const u = x.map((value, i) => {
        m[i] = b1 * m[i]! + (1 - b1) * g[i]!;
        v[i] = b2 * v[i]! + (1 - b2) * g[i]! ** 2;
        const root = Math.sqrt(v[i]!) / Math.sqrt(1 - b2 ** (t + 1)) + eps;
        return m[i]! / (1 - b1 ** (t + 1)) / root + decay * value;
      });
      const trust = decay !== 0 && norm(x) > 0 && norm(u) > 0 ? norm(x) / norm(u) : 1;
      x = x.map((value, i) => value - lr * trust * u[i]!);
    });
    return x;
  }
  test.each([
    ['fc.weight', 0.02],
    ['fc.bias', 0],
  ])('moves %s by the trust ratio where it decays', async (name, decay) => {
    const s = await stepper(6, {
      optimizer: { kind: 'lamb' },
      settings: (spec) => ({ decay: spec.shape.length > 1 ? 0.02 : 0 }),
    });
    const start = copy(s.state).get(name)!;
    const gradients: number[][] = [];
    for (let i = 0; i < 3; i++)
      gradients.push(Array.from(floats((await s.run(batch(6 * i, 6 * i + 6), 0.05))[`grad/${name}`]!)));
    const expected = reference(start, gradients, decay, 0.05);
    for (const [i, v] of copy(s.state).get(name)!.entries()) expect(v).toBeCloseTo(expected[i]!, 5);
    expect([...s.slots.keys()]).toContain(`exp_avg_sq/${name}`);
    await s.release();
  });
});

describe('a step without anything to train', () => {
  test('is refused', async () => {
    await expect(stepper(2, { settings: () => ({ decay: 0, frozen: true }) })).rejects.toMatchObject({
      code: 'config',
    });
  });
});

import { beforeAll, describe, expect, test } from 'vitest';
import { float32, int64, type Tensor } from '../../src/core/tensor.ts';
import { initialise } from '../../src/model/init.ts';
import type { Traced } from '../../src/model/scope.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';
import { firstNonFinite } from '../../src/train/diagnose.ts';
import { classifier, traceTraining } from '../../src/train/network.ts';

const runtime = nodeRuntime();
const { network } = classifier({ name: 'resnet14-gc', overrides: { layers: [1, 1, 1], width: 8 } }, 3);
let traced: Traced;
let state: Map<string, Tensor>;

beforeAll(() => {
  traced = traceTraining(network, { batch: 2, size: 16, labelSmoothing: 0, provider: 'cpu' });
  state = new Map(traced.state.map((spec) => [spec.name, initialise(spec, 0)]));
});

const batch = (value: number): Record<string, Tensor> => ({
  x: float32(
    [2, 3, 16, 16],
    Float32Array.from({ length: 2 * 3 * 16 * 16 }, (_, i) => value * Math.sin(i)),
  ),
  labels: int64([2], [0, 1]),
});

/** The state with one parameter filled with a number. */
const withFilled = (name: string, value: number): Map<string, Tensor> => {
  const t = state.get(name)!;
  return new Map([...state, [name, float32(t.shape, new Float32Array(t.data.length).fill(value))]]);
};

describe('the first number that is not finite', () => {
  test('is found in the batch', async () => {
    const said = await firstNonFinite(runtime, traced, { batch: batch(Number.NaN), state });
    expect(said).toBe('the batch itself: input "x" holds NaN in 1536 of 1536 elements');
  });
  test('is found in a weight', async () => {
    const said = await firstNonFinite(runtime, traced, {
      batch: batch(1),
      state: withFilled('layer2.0.bn1.weight', Number.POSITIVE_INFINITY),
    });
    expect(said).toBe('layer2.0.bn1.weight: the update before left Infinity in 16 of 16 elements in it');
  });
  test('is found in the module whose weights are large beyond float32', async () => {
    const said = await firstNonFinite(runtime, traced, {
      batch: batch(1),
      state: withFilled('layer2.0.conv2.weight', 3e38),
    });
    expect(said).toMatch(/^layer2\.0\.conv2 \(Conv\): its output holds -?Infinity in \d+ of 2048 elements$/);
  });
  test('is nowhere where all is finite', async () => {
    expect(await firstNonFinite(runtime, traced, { batch: batch(1), state })).toContain('all intermediates are finite');
  });
});

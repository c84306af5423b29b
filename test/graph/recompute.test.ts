import { describe, expect, it } from 'vitest';
import { float32, int64, type Tensor } from '../../src/core/tensor.ts';
import { backward } from '../../src/graph/backward.ts';
import * as op from '../../src/graph/ops/index.ts';
import { RECOMPUTE } from '../../src/graph/ops/recompute.ts';
import { recomputeForward } from '../../src/graph/recompute.ts';
import { legalise, simplify } from '../../src/graph/simplify.ts';
import { input, nodesOf } from '../../src/graph/trace.ts';
import type { Node, Value } from '../../src/graph/value.ts';
import { initialise } from '../../src/model/init.ts';
import { createModel } from '../../src/model/networks/table.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';
import { traceTraining } from '../../src/train/network.ts';
import { createStepper } from '../../src/train/step.ts';
import { interpret } from '../support/interpret.ts';
import { numbers } from '../support/numbers.ts';

const LAYERS = 8;
const SHAPE = [4, 8] as const;

/** exp-free chain x → tanh(x w) eight times over, its loss and the gradients of the weights, lowered. */
function chain(): Map<string, Value> {
  const weights = Array.from({ length: LAYERS }, (_, i) => input(`w${i}`, 'float32', [8, 8]));
  const x = input('x', 'float32', SHAPE);
  const y = weights.reduce((v, w) => op.tanh(op.matMul(v, w)), x);
  const loss = op.reduceSum(op.mul(y, y), undefined, false);
  const gradients = backward(loss, weights);
  const named = weights.map((w, i) => [`dw${i}`, gradients.get(w)!] as const);
  return simplify(legalise(simplify(new Map([['loss', loss], ...named]))));
}

function feeds(): Map<string, ReturnType<typeof numbers>> {
  const values = (n: number, seed: number): Float64Array =>
    Float64Array.from({ length: n }, (_, i) => Math.sin(seed + i * 1.7) / 2);
  const weights = Array.from({ length: LAYERS }, (_, i) => [`w${i}`, numbers([8, 8], values(64, i))] as const);
  return new Map([['x', numbers([...SHAPE], values(32, 99))], ...weights]);
}

/** Whether a node reads another, directly or through others. */
function reads(node: Node, wanted: ReadonlySet<Node>): boolean {
  return nodesOf(node.outputs).some((n) => wanted.has(n));
}

describe('recomputeForward', () => {
  const plain = chain();
  const { outputs, before, after } = recomputeForward(plain, ['loss']);

  it('keeps fewer bytes than all layers and the square of the last, 128 bytes each', () => {
    expect(before).toBe((LAYERS + 1) * 128);
    expect(after).toBeLessThanOrEqual(5 * 128);
    expect(after).toBeGreaterThan(0);
  });

  it('gives the same numbers', () => {
    const [expected, got] = [interpret(plain, feeds()), interpret(outputs, feeds())];
    for (const [name, t] of expected) expect([...got.get(name)!.data]).toEqual([...t.data]);
  });

  it('computes each dropped layer twice and no other', () => {
    const count = (graph: ReadonlyMap<string, Value>): number =>
      nodesOf(graph.values()).filter((n) => n.def.name === 'Tanh').length;
    expect(count(plain)).toBe(LAYERS);
    expect(count(outputs)).toBe(LAYERS + (before - after) / 128);
  });

  it('begins to compute again only when the gradient has come', () => {
    const forward = new Set(nodesOf([outputs.get('loss')!]));
    const gates = nodesOf(outputs.values()).filter((n) => n.def === RECOMPUTE);
    expect(gates.length).toBeGreaterThan(0);
    for (const { inputs } of gates) expect(forward.has(inputs[1]!.node)).toBe(false);
    const again = nodesOf(outputs.values()).filter((n) => n.def.name === 'Tanh' && !forward.has(n));
    expect(again.every((n) => reads(n, new Set(gates)))).toBe(true);
  });

  it('leaves a graph without anything to drop as it is', () => {
    const x = input('x', 'float32', [2]);
    const graph = new Map([['loss', op.reduceSum(op.mul(x, x), undefined, false)]]);
    expect(recomputeForward(graph, ['loss']).outputs).toBe(graph);
  });
});

describe('a training step that computes values again', () => {
  /** Weights after three steps of a small residual network. */
  async function trained(recompute: boolean): Promise<Map<string, Tensor>> {
    const { network } = createModel('resnet14-gc', { classes: 3 });
    const traced = traceTraining(network, { batch: 4, size: 16, labelSmoothing: 0.1, provider: 'cpu' });
    const state = new Map(traced.state.map((spec) => [spec.name, initialise(spec, 1)]));
    const options = {
      optimizer: { kind: 'sgd', momentum: 0.9 },
      settings: () => ({ decay: 1e-3 }),
      recompute,
    } as const;
    const stepper = await createStepper(nodeRuntime(), traced, options, { state }, { threads: 1 });
    const x = float32(
      [4, 3, 16, 16],
      Float32Array.from({ length: 3072 }, (_, i) => Math.sin(i * 0.37)),
    );
    for (let i = 0; i < 3; i++) await stepper.run({ x, labels: int64([4], [0, 1, 2, 1]) }, 0.1);
    await stepper.release();
    return new Map(stepper.state);
  }

  it('makes the same weights as one that keeps them', async () => {
    const [kept, again] = [await trained(false), await trained(true)];
    for (const [name, t] of kept) {
      const [a, b] = [t.data as Float32Array, again.get(name)!.data as Float32Array];
      const largest = Math.max(...Array.from(a, (v) => Math.abs(Number(v))), 1e-6);
      expect(Math.max(...Array.from(a, (v, i) => Math.abs(Number(v) - Number(b[i])))) / largest).toBeLessThan(1e-5);
    }
  });
});

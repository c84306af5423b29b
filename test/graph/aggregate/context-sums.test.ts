import { describe, expect, it } from 'vitest';
import type { Tensor } from '../../../src/core/tensor.ts';
import { createSession } from '../../../src/engine/session.ts';
import { type Choice, lowerAggregates } from '../../../src/graph/aggregate/index.ts';
import { projectionOf } from '../../../src/graph/aggregate/projection.ts';
import { CONV } from '../../../src/graph/ops/conv.ts';
import { ADD } from '../../../src/graph/ops/elementwise.ts';
import { GEMM } from '../../../src/graph/ops/gemm.ts';
import * as op from '../../../src/graph/ops/index.ts';
import { RESIZE } from '../../../src/graph/ops/resize.ts';
import { inputName, nodesOf } from '../../../src/graph/trace.ts';
import type { Node, OpDef, Value } from '../../../src/graph/value.ts';
import { type GlobalContextConfig, globalContext } from '../../../src/model/blocks/global-context.ts';
import { conv2d } from '../../../src/model/layers/conv.ts';
import { batchNorm } from '../../../src/model/layers/norm.ts';
import { type Network, traceNetwork } from '../../../src/model/scope.ts';
import { nodeRuntime } from '../../../src/runtime/node/onnx.ts';
import { randomTensor } from '../../model/support.ts';
import { interpret } from '../../support/interpret.ts';
import { fromTensor, relativeError } from '../../support/numbers.ts';

const C = 256;
const K = 32;

/** ReLU(GC(BN(W h)) + identity), as at the end of a bottleneck. */
const end =
  (config: Partial<GlobalContextConfig>, taps: boolean): Network =>
  (s, { h, identity }) => {
    const x = batchNorm(s.at('bn3'), conv2d(s.at('conv3'), h!, { channels: C, kernel: 1 }));
    const y = op.relu(op.add(globalContext(s.at('gc'), x, { kind: 'global-context', ...config }), identity!));
    return taps ? { y, x } : { y };
  };

interface Ended {
  readonly outputs: Map<string, Value>;
  readonly choices: readonly Choice[];
  readonly feeds: Map<string, Tensor>;
}

function ended(training: boolean, config: Partial<GlobalContextConfig> = {}, size = 12, alsoX = false): Ended {
  const inputs = { h: { shape: [2, K, size, size] }, identity: { shape: [2, C, size, size] } };
  const traced = traceNetwork(end(config, alsoX), { inputs, mode: 'inference' });
  const feeds = new Map<string, Tensor>();
  for (const [name, v] of [...traced.inputs, ...traced.parameters]) {
    feeds.set(name, randomTensor(name, v.shape as readonly number[], name in inputs ? 1 : 0.2));
  }
  return { ...lowerAggregates(traced.outputs, { provider: 'cpu', training }), feeds };
}

const nodes = ({ outputs }: Ended): Node[] => nodesOf(outputs.values());
const count = (e: Ended, def: OpDef): number => nodes(e).filter((n) => n.def === def).length;

describe('a context that is read before the projection', () => {
  const [plain, eased] = [ended(true), ended(false)];

  it('is chosen where the source is narrow, and says why not elsewhere', () => {
    expect(eased.choices[0]!.lowering).toBe('before-projection');
    expect(plain.choices[0]!.alternatives).toContainEqual({
      lowering: 'before-projection',
      refused: 'the derivative needs the projected map',
    });
    expect(ended(false, {}, 2).choices[0]!.lowering).toBe('plain');
  });
  it('gives the same numbers', () => {
    const [a, b] = [plain, eased].map((e) => interpret(e.outputs, e.feeds).get('y')!);
    expect(relativeError(b!, a!)).toBeLessThan(1e-11);
  });
  it('gives them in the engine', async () => {
    const constants = new Map([...eased.feeds].filter(([name]) => name !== 'h' && name !== 'identity'));
    const session = await createSession(nodeRuntime(), eased.outputs, { threads: 1, constants });
    const { y } = await session.run({ h: eased.feeds.get('h')!, identity: eased.feeds.get('identity')! });
    await session.release();
    expect(relativeError(fromTensor(y!), interpret(plain.outputs, plain.feeds).get('y')!)).toBeLessThan(1e-5);
  });
  it('leaves the branch to one reader, the sum, so that the convolution can take that up', () => {
    const branch = nodes(eased).find((n) => n.def === op.BATCH_NORMALIZATION)!.outputs[0]!;
    const readers = nodes(eased).filter((n) => n.inputs.includes(branch));
    expect(readers.map((n) => n.def)).toEqual([ADD]);
    const other = readers[0]!.inputs.find((v) => v !== branch)!;
    expect(other.node.def).toBe(ADD);
    expect(other.node.inputs.map((v) => inputName(v!))).toContain('identity');
  });
  it('repeats the context in the layout of the convolution, and makes one product of two linear layers', () => {
    expect(count(eased, RESIZE)).toBe(1);
    expect(count(eased, CONV)).toBe(2);
    expect(count(eased, GEMM)).toBe(1);
    expect(count(plain, GEMM)).toBe(2);
  });
  it('leaves the sum as it is where something else reads the branch', () => {
    const both = ended(false, {}, 12, true);
    expect(count(both, RESIZE)).toBe(0);
    expect(
      relativeError(interpret(both.outputs, both.feeds).get('y')!, interpret(plain.outputs, plain.feeds).get('y')!),
    ).toBeLessThan(1e-11);
  });
  it('leaves a context that multiplies as it is', () => {
    const [a, b] = [true, false].map((training) => {
      const e = ended(training, { fusions: ['add', 'multiply'] });
      return interpret(e.outputs, e.feeds).get('y')!;
    });
    expect(relativeError(b!, a!)).toBeLessThan(1e-11);
  });
  it('adds channels that fill no block without a repetition', () => {
    const narrow = ended(false, { hiddenChannels: 5 });
    expect(count(narrow, RESIZE)).toBe(0);
    const other = ended(true, { hiddenChannels: 5 });
    expect(
      relativeError(interpret(narrow.outputs, narrow.feeds).get('y')!, interpret(other.outputs, other.feeds).get('y')!),
    ).toBeLessThan(1e-11);
  });
});

describe('a projection', () => {
  const x = randomTensor('x', [1, 3, 2, 2]);
  const check = (network: Network): number => {
    const traced = traceNetwork(network, { inputs: { x: { shape: [1, 3, 2, 2] } }, mode: 'inference' });
    const y = traced.outputs.get('y')!;
    const p = projectionOf(y)!;
    const bias = p.bias();
    const lines = op.matMul(p.weight(), op.reshape(p.source, [1, 3, 4]));
    const again = bias ? op.add(lines, op.reshape(bias, [p.outputs, 1])) : lines;
    const feeds = new Map([
      ['x', x],
      ...[...traced.parameters].map(([name, v]) => [name, randomTensor(name, v.shape as number[])] as const),
    ]);
    const found = interpret(
      new Map([
        ['y', op.reshape(y, again.shape)],
        ['again', again],
      ]),
      feeds,
    );
    return relativeError(found.get('again')!, found.get('y')!);
  };
  it('is W h + b of the convolution and the norm together', () => {
    expect(check((s, { x: v }) => ({ y: conv2d(s, v!, { channels: 5, kernel: 1 }) }))).toBeLessThan(1e-12);
    expect(check((s, { x: v }) => ({ y: conv2d(s, v!, { channels: 5, kernel: 1, bias: true }) }))).toBeLessThan(1e-12);
    for (const bias of [true, false]) {
      const normed: Network = (s, { x: v }) => ({
        y: batchNorm(s.at('n'), conv2d(s.at('c'), v!, { channels: 5, kernel: 1, bias })),
      });
      expect(check(normed)).toBeLessThan(1e-12);
    }
  });
  it('is none where a kernel, a stride, groups or the statistics of the batch come between', () => {
    const none = (network: Network, mode: 'inference' | 'training' = 'inference'): unknown =>
      projectionOf(traceNetwork(network, { inputs: { x: { shape: [1, 4, 4, 4] } }, mode }).outputs.get('y')!);
    expect(none((s, { x: v }) => ({ y: conv2d(s, v!, { channels: 4, kernel: 3, padding: 1 }) }))).toBeUndefined();
    expect(none((s, { x: v }) => ({ y: conv2d(s, v!, { channels: 4, kernel: 1, stride: 2 }) }))).toBeUndefined();
    expect(none((s, { x: v }) => ({ y: conv2d(s, v!, { channels: 4, kernel: 1, groups: 2 }) }))).toBeUndefined();
    expect(none((s, { x: v }) => ({ y: op.relu(conv2d(s, v!, { channels: 4, kernel: 1 })) }))).toBeUndefined();
    const normed: Network = (s, { x: v }) => ({
      y: batchNorm(s.at('n'), conv2d(s.at('c'), v!, { channels: 4, kernel: 1 })),
    });
    expect(none(normed, 'training')).toBeUndefined();
  });
});

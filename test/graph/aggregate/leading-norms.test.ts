import { describe, expect, it } from 'vitest';
import { foldLeadingNorms } from '../../../src/graph/aggregate/leading-norms.ts';
import * as op from '../../../src/graph/ops/index.ts';
import { nodesOf, scalar } from '../../../src/graph/trace.ts';
import type { Value } from '../../../src/graph/value.ts';
import { conv2d } from '../../../src/model/layers/conv.ts';
import { batchNorm } from '../../../src/model/layers/norm.ts';
import { type Network, traceNetwork } from '../../../src/model/scope.ts';
import { randomTensor } from '../../model/support.ts';
import { interpret } from '../../support/interpret.ts';
import { relativeError } from '../../support/numbers.ts';

/** How many norms are left, and the largest relative difference to what was computed before. */
function fold(network: Network, mode: 'inference' | 'training' = 'inference'): { norms: number; error: number } {
  const traced = traceNetwork(network, { inputs: { x: { shape: [2, 4, 5, 5] } }, mode });
  const feeds = new Map(
    [...traced.inputs, ...traced.parameters].map(([name, v]) => {
      const t = randomTensor(name, v.shape as readonly number[]);
      if (!name.endsWith('running_var')) return [name, t] as const;
      return [name, { ...t, data: (t.data as Float32Array).map((u) => 0.5 + u * u) }] as const;
    }),
  );
  const folded = foldLeadingNorms(traced.outputs);
  const [before, after] = [interpret(traced.outputs, feeds), interpret(folded, feeds)];
  const isNorm = (v: Value): boolean => v.node.def === op.BATCH_NORMALIZATION;
  return {
    norms: nodesOf(folded.values()).filter((n) => isNorm(n.outputs[0]!)).length,
    error: Math.max(...[...before].map(([name, t]) => relativeError(after.get(name)!, t))),
  };
}

describe('a norm before a projection', () => {
  it.each([true, false])('goes into its weights, with a bias: %s', (bias) => {
    const { norms, error } = fold((s, { x }) => ({
      y: op.add(conv2d(s.at('c'), batchNorm(s.at('n'), op.relu(x!)), { channels: 3, kernel: 1, bias }), scalar(1)),
    }));
    expect(norms).toBe(0);
    expect(error).toBeLessThan(1e-12);
  });
  it('goes into a projection with a stride', () => {
    const { norms, error } = fold((s, { x }) => ({
      y: conv2d(s.at('c'), batchNorm(s.at('n'), x!), { channels: 3, kernel: 1, stride: 2 }),
    }));
    expect(norms).toBe(0);
    expect(error).toBeLessThan(1e-12);
  });
  it('stays where something else reads it, where zeros surround the map, and with statistics of the batch', () => {
    const shared: Network = (s, { x }) => {
      const normed = batchNorm(s.at('n'), x!);
      return { y: op.add(conv2d(s.at('c'), normed, { channels: 4, kernel: 1 }), normed) };
    };
    expect(fold(shared).norms).toBe(1);
    const shown: Network = (s, { x }) => {
      const normed = batchNorm(s.at('n'), x!);
      return { y: conv2d(s.at('c'), normed, { channels: 4, kernel: 1 }), normed };
    };
    expect(fold(shown).norms).toBe(1);
    const surrounded: Network = (s, { x }) => ({
      y: conv2d(s.at('c'), batchNorm(s.at('n'), x!), { channels: 4, kernel: 3, padding: 1 }),
    });
    expect(fold(surrounded).norms).toBe(1);
    const projected: Network = (s, { x }) => ({
      y: conv2d(s.at('c'), batchNorm(s.at('n'), x!), { channels: 4, kernel: 1 }),
    });
    expect(fold(projected, 'training').norms).toBe(1);
  });
});

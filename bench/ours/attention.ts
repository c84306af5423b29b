import { float32, floats } from '../../src/core/tensor.ts';
import type { Runtime, SessionRequest } from '../../src/engine/runtime.ts';
import { createSession } from '../../src/engine/session.ts';
import { fillInput } from '../../src/golden/fill.ts';
import { lowerAggregates } from '../../src/graph/aggregate/index.ts';
import { backward } from '../../src/graph/backward.ts';
import type { Value } from '../../src/graph/value.ts';
import { aggregate } from '../../src/model/aggregate.ts';
import { type Network, traceNetwork } from '../../src/model/scope.ts';
import type { AttentionSubject, Runnable } from '../subject.ts';

/** One head of softmax attention, forward and backward to q, k and v: y, dq, dk and dv, each [1, positions, channels]. */
export async function attention(
  runtime: Runtime,
  { positions, channels }: AttentionSubject,
  request: SessionRequest,
): Promise<Runnable> {
  const shape = [1, positions, channels];
  const network: Network = (s, { q, k, v }) => ({
    y: aggregate(s, {
      queries: q!,
      keys: k!,
      values: v!,
      layout: 'channels-last',
      reads: { kind: 'everywhere' },
      score: { kind: 'dot-product', scale: channels ** -0.5 },
      normalise: 'softmax',
    }),
  });
  const each = { shape };
  const traced = traceNetwork(network, { inputs: { q: each, k: each, v: each, dy: each }, mode: 'training' });
  const y = lowerAggregates(traced.outputs, { provider: request.provider, training: true }).outputs.get('y')!;
  const gradients = backward(
    y,
    ['q', 'k', 'v'].map((name) => traced.inputs.get(name)!),
    traced.inputs.get('dy')!,
  );
  const outputs = new Map<string, Value>([
    ['y', y],
    ...['q', 'k', 'v'].map((name): [string, Value] => [`d${name}`, gradients.get(traced.inputs.get(name)!)!]),
  ]);
  const session = await createSession(runtime, outputs, request);
  const feeds = Object.fromEntries(['q', 'k', 'v', 'dy'].map((name) => [name, float32(shape, fillInput(name, shape))]));
  return {
    run: async () => {
      await session.run(feeds);
    },
    output: async () => Object.entries(await session.run(feeds)).map(([name, t]) => ({ name, values: floats(t) })),
  };
}

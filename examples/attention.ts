/** Describes a network with one non-local block, runs it, and reads where a position looks. */
import {
  conv2d,
  createSession,
  float32,
  floats,
  globalAveragePool,
  initialise,
  linear,
  lowerAggregates,
  type Network,
  nodeRuntime,
  nonLocal,
  traceNetwork,
} from '../src/node.ts';

const network: Network = (s, { x }) => {
  const features = conv2d(s.at('stem'), x!, { channels: 16, kernel: 3, stride: 2, padding: 1 }); // [N, 16, 8, 8]
  const context = nonLocal(s.at('context'), features, { kind: 'non-local' }); // [N, 16, 8, 8]
  return { logits: linear(s.at('fc'), globalAveragePool(context), { features: 3 }) };
};

const traced = traceNetwork(network, {
  inputs: { x: { shape: [1, 3, 16, 16] } },
  mode: 'inference',
  taps: () => true,
});
const [tap] = traced.taps.values();
console.log(`${tap?.name}: ${tap?.axes}`);

const outputs = new Map([...traced.outputs, ['attention', tap!.value] as const]);
const { outputs: lowered } = lowerAggregates(outputs, { provider: 'cpu', training: false });
const weights = new Map(traced.state.map((spec) => [spec.name, initialise(spec, 0)]));
const session = await createSession(nodeRuntime(), lowered, { constants: weights });
const { attention } = await session.run({
  x: float32(
    [1, 3, 16, 16],
    Array.from({ length: 3 * 16 * 16 }, (_, i) => Math.sin(i)),
  ),
});
const row = floats(attention!).subarray(0, 64); // what the first of 8 x 8 positions reads
console.log(`position 0 reads ${row.length} positions; the weights sum to ${row.reduce((a, b) => a + b).toFixed(4)}`);
await session.release();

// A ResNet-18 with one non-local block: describe it, count it, run it, and look at what one position reads.
import {
  createModel,
  createSession,
  float32,
  floats,
  initialise,
  nodeRuntime,
  parameterCount,
  traceInference,
} from 'farsight/node';

const { network } = createModel('resnet18', {
  classes: 10,
  context: [{ context: { kind: 'non-local' }, position: 'after-block', stages: [3], blocks: [1] }],
});

// A network holds no weights: it traces to a graph that names them.
const traced = traceInference(network, { batch: 1, size: 64, provider: 'cpu', taps: () => true });
const attention = [...traced.taps.values()][0]!;
console.log(`${parameterCount(traced.state)} parameters; ${attention.name}: ${attention.axes}`);

const weights = traced.state
  .filter((s) => traced.parameters.has(s.name))
  .map((s) => [s.name, initialise(s, 0)] as const);
const outputs = new Map([
  ['logits', traced.outputs.get('logits')!],
  ['attention', attention.value],
]);
const session = await createSession(nodeRuntime(), outputs, { provider: 'cpu', constants: new Map(weights) });
const results = await session.run({ x: float32([1, 3, 64, 64], new Float32Array(3 * 64 * 64).fill(0.5)) });

// Rows of the affinity [1, 1, 16, 16]: what each of 4 x 4 positions reads from all of them. They sum to 1.
const row = floats(results['attention']!).subarray(0, 16);
console.log(`position 0 reads ${row.length} positions; its weights sum to ${row.reduce((a, b) => a + b).toFixed(4)}`);
await session.release();

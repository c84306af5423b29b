// Objects that read objects: three queries read the five members of another set, of which two are not there.
import {
  aggregate,
  convNd,
  createReader,
  float32,
  floats,
  initialise,
  type Network,
  nodeRuntime,
  traceNetwork,
  type Value,
} from 'farsight/node';

/** queries [N, 4, Q], objects [N, 6, R], there [N, 1, 1, R] → read [N, 8, Q]: two heads of four numbers. */
const network: Network = (s, { queries, objects, there }) => {
  const project = (name: string, v: Value): Value => convNd(s.at(name), v, { channels: 8, kernel: 1, bias: true });
  const read = aggregate(s, {
    queries: project('query', queries!),
    keys: project('key', objects!),
    values: project('value', objects!),
    reads: { kind: 'everywhere' }, // of the other set
    score: { kind: 'dot-product', scale: 4 ** -0.5 },
    normalise: 'softmax',
    heads: 2,
    mask: there!,
    tap: 'relation',
  });
  return { read };
};

const inputs = { queries: { shape: [1, 4, 3] }, objects: { shape: [1, 6, 5] }, there: { shape: [1, 1, 1, 5] } };
const { state } = traceNetwork(network, { inputs, mode: 'inference' });
const weights = new Map(state.map((spec) => [spec.name, initialise(spec, 0)] as const));
const reader = await createReader(nodeRuntime(), network, { inputs, weights, rows: { relation: [2] } });
const wave = (shape: readonly number[]) =>
  float32(
    shape,
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)),
  );
const results = await reader.run({
  queries: wave([1, 4, 3]),
  objects: wave([1, 6, 5]),
  there: float32([1, 1, 1, 5], [1, 1, 1, 0, 0]),
});
await reader.release();

// [1, heads, 1, 5]: what the third query reads, head by head
const rows = floats(results['rows/relation']!);
for (const head of [0, 1]) {
  const row = [...rows.subarray(5 * head, 5 * head + 5)];
  const sum = row.reduce((a, b) => a + b, 0);
  console.log(`head ${head}: ${row.filter((w) => w > 0).length} objects read, weights sum to ${sum.toFixed(4)}`);
}

/**
 * Times one network in float32, float16 and int8 on ONNX Runtime's CPU, in turns, and prints medians:
 *
 *     npx tsx bench/precisions.ts resnet50-gc --size 224 --batch 1 --rounds 15
 *
 * Weights are fresh and ranges come from noise: this says what precision does to speed and size, not to accuracy.
 */
import { parseArgs } from 'node:util';
import {
  type Classifier,
  calibrate,
  createModel,
  encodeFrozen,
  float32,
  freezeClassifier,
  halve,
  initialise,
  nodeRuntime,
  planQuantisation,
  quantise,
  type RuntimeSession,
  random,
  type Tensor,
  traceInference,
} from '../src/node.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: 'string', default: '224' },
    batch: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '15' },
    threads: { type: 'string', default: '2' },
  },
});
const [name = 'resnet50-gc'] = positionals;
const [size, batch, rounds, threads] = [values.size, values.batch, values.rounds, values.threads].map(Number) as [
  number,
  number,
  number,
  number,
];
const runtime = nodeRuntime();

function noise(n: number, key: number): Tensor {
  const draws = random(key, 'precisions');
  return float32(
    [n, 3, size, size],
    Float32Array.from({ length: n * 3 * size * size }, () => draws.normal()),
  );
}

function fresh(): Classifier {
  const { network } = createModel(name);
  const { state } = traceInference(network, { batch: 1, size, provider: 'cpu' });
  const common = { size, resize: size, mean: [0, 0, 0], std: [1, 1, 1] };
  const transform = { kind: 'evaluation', interpolation: 'bilinear', intermediate: 'uint8', ...common } as const;
  const facts = { model: { name, overrides: {} }, classes: [], transform, licence: null, version: '0' };
  return { network, facts, weights: new Map(state.map((spec) => [spec.name, initialise(spec, 1)])) };
}

/** The three files. */
async function variants(classifier: Classifier): Promise<ReadonlyMap<string, Uint8Array>> {
  const frozen = await freezeClassifier(runtime, classifier);
  const plan = planQuantisation(frozen, () => false);
  const feeds = async function* (): AsyncGenerator<{ x: Tensor }> {
    yield { x: noise(2, 1) };
  };
  const seen = { constants: frozen.constants, values: new Set(plan.points.values()) };
  const ranges = await calibrate(runtime, seen, feeds, { kind: 'min-max' });
  const bytes = (f: typeof frozen): Uint8Array => encodeFrozen(f, classifier);
  return new Map([
    ['float32', bytes(frozen)],
    ['float16', bytes(halve(frozen))],
    ['int8', bytes(quantise(frozen, plan, ranges))],
  ]);
}

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]!;

const files = await variants(fresh());
const sessions = new Map<string, RuntimeSession>();
for (const [precision, bytes] of files)
  sessions.set(precision, await runtime.load(bytes, { provider: 'cpu', threads }));
const x = noise(batch, 9);
const times = new Map([...files.keys()].map((precision) => [precision, [] as number[]]));
for (let round = -2; round < rounds; round++) {
  for (const [precision, session] of sessions) {
    const began = performance.now();
    await session.run({ x }, { logits: null });
    if (round >= 0) times.get(precision)!.push(performance.now() - began);
  }
}
for (const [precision, bytes] of files) {
  const ms = median(times.get(precision)!).toFixed(1);
  process.stdout.write(
    `${name} ${size} batch ${batch}: ${precision} ${(bytes.length / 1e6).toFixed(2)} MB, ${ms} ms\n`,
  );
}
for (const session of sessions.values()) await session.release();

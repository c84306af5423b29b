// Which points of a drawn character belong to its radical? A sequence [6, 64] of points along the strokes, two classes a
// point. What a point reads from the others is one line; its affinity is looked at by rows.
import { readFileSync } from 'node:fs';
import {
  batchNorm,
  type ContextSpec,
  contextBlock,
  convNd,
  createLearner,
  createReader,
  crossEntropy,
  fitLogistic,
  float32,
  floats,
  int64,
  logisticLogits,
  type Network,
  nodeRuntime,
  op,
  random,
  type Scope,
  type Tensor,
  type Value,
} from 'farsight/node';

/** What a point reads: any block that takes one axis of positions, by its kind. */
const AFFINITY: ContextSpec = { kind: process.argv[2] ?? 'non-local' };

const [C, L, TRAIN, BATCH] = [6, 64, 1200, 32];
const STEPS = Number(process.argv[3] ?? 300);
const runtime = nodeRuntime();

interface Character {
  readonly character: string;
  /** Points of each stroke, in order; 64 together. */
  readonly strokes: readonly number[];
  /** The strokes of the radical. */
  readonly radical: readonly number[];
  /** x and y of each point, a byte each. */
  readonly points: string;
}

/** A character as the network sees it: its points [C, L], channel by channel, and 1 where the radical is. */
interface Drawn {
  readonly points: Float32Array;
  readonly labels: readonly number[];
}

/** Of each point: place, way to the next one of its stroke, whether a stroke begins, how much is written. */
function read({ strokes, radical, points: bytes }: Character): Drawn {
  const at = [...Buffer.from(bytes, 'base64')].map((v) => v / 127.5 - 1);
  const labels = strokes.flatMap((count, stroke) => new Array<number>(count).fill(radical.includes(stroke) ? 1 : 0));
  const begins = new Set(strokes.map((_, k) => strokes.slice(0, k).reduce((a, b) => a + b, 0)));
  const points = new Float32Array(C * L);
  for (let p = 0; p < L; p++) {
    const next = p + 1 < L && !begins.has(p + 1) ? p + 1 : p;
    const [x, y, nextX, nextY] = [at[2 * p]!, at[2 * p + 1]!, at[2 * next]!, at[2 * next + 1]!];
    const values = [x, y, 4 * (nextX - x), 4 * (nextY - y), Number(begins.has(p)), (2 * p) / L - 1];
    values.forEach((v, c) => {
      points[c * L + p] = v;
    });
  }
  return { points, labels };
}

/** Four residual convolutions, and a context block behind the second and the fourth. x [N, C, L] → logits [N L, 2] */
const network: Network = (s, { x, labels }) => {
  const layer = (at: Scope, v: Value, kernel: number): Value =>
    op.relu(batchNorm(at.at('bn'), convNd(at.at('conv'), v, { channels: 32, kernel, padding: 'same' })));
  let y = layer(s.at('stem'), x!, 5);
  for (let i = 0; i < 4; i++) {
    y = op.add(y, layer(s.at(`block${i}`), y, 3));
    if (i % 2 === 1 && AFFINITY.kind !== 'none') y = contextBlock(s.at(`context${i}`), y, AFFINITY);
  }
  const head = convNd(s.at('head'), y, { channels: 2, kernel: 1, bias: true, init: { kind: 'constant', value: 0 } });
  const logits = op.reshape(op.transpose(head, [0, 2, 1]), [-1, 2]);
  return labels ? { loss: crossEntropy(logits, labels) } : { logits };
};

const x = (of: readonly Drawn[]): Tensor =>
  float32(
    [of.length, C, L],
    of.flatMap((d) => [...d.points]),
  );

async function trained(train: readonly Drawn[]): Promise<ReadonlyMap<string, Tensor>> {
  const inputs = { x: { shape: [BATCH, C, L] }, labels: { shape: [BATCH * L], dtype: 'int64' as const } };
  const learner = await createLearner(runtime, network, { inputs, clipNorm: 1 });
  const draws = random(0, 'batches');
  for (let step = 0; step < STEPS; step++) {
    const batch = Array.from({ length: BATCH }, () => train[draws.integer(train.length)]!);
    const labels = int64(
      [BATCH * L],
      batch.flatMap((d) => d.labels),
    );
    await learner.learn({ x: x(batch), labels }, 1.5e-3 * (1 + Math.cos((Math.PI * step) / STEPS)));
  }
  const weights = learner.weights();
  await learner.release();
  return weights;
}

/** Logistic regression on a point and the six before and behind it. Says of each point of `test` which class it is. */
function regression(train: readonly Drawn[], test: readonly Drawn[]): readonly number[] {
  const [reach, columns] = [6, 13 * C];
  const rows = (of: readonly Drawn[], step: number): { readonly x: Float32Array; readonly labels: number[] } => {
    const places = of.flatMap((d, i) => Array.from({ length: L / step }, (_, k) => ({ d, p: k * step + (i % step) })));
    const x = new Float32Array(places.length * columns);
    places.forEach(({ d, p }, row) => {
      for (let q = Math.max(0, p - reach); q <= Math.min(L - 1, p + reach); q++)
        for (let c = 0; c < C; c++) x[row * columns + (q - p + reach) * C + c] = d.points[c * L + q]!;
    });
    return { x, labels: places.map(({ d, p }) => d.labels[p]!) };
  };
  const known = rows(train, 2); // neighbours say much the same
  const model = fitLogistic(known.x, known.labels, { classes: 2, l2: 1e-5 });
  const logits = logisticLogits(model, rows(test, 1).x);
  return Array.from({ length: test.length * L }, (_, i) => (logits[2 * i + 1]! > logits[2 * i]! ? 1 : 0));
}

const { characters } = JSON.parse(readFileSync('data/strokes/characters.json', 'utf8')) as { characters: Character[] };
const drawn = characters.map(read);
const [train, test] = [drawn.slice(0, TRAIN), drawn.slice(TRAIN)];
const truth = test.flatMap((d) => d.labels);
const show = (what: string, said: readonly number[]): void => {
  const right = said.filter((v, i) => v === truth[i]).length / truth.length;
  console.log(`${what}: ${(100 * right).toFixed(1)} % of ${truth.length} points of ${test.length} characters held out`);
};

show(
  'all outside the radical',
  truth.map(() => 0),
);
show('logistic regression', regression(train, test));
const weights = await trained(train);
const inputs = { x: { shape: [test.length, C, L] } };
const reader = await createReader(runtime, network, { inputs, weights });
const logits = floats((await reader.run({ x: x(test) })).logits!);
await reader.release();
show(
  `network with ${AFFINITY.kind}`,
  truth.map((_, i) => (logits[2 * i + 1]! > logits[2 * i]! ? 1 : 0)),
);

// What the first and the last point of one character read from its 64: two rows of the affinity, not the whole map.
if (AFFINITY.kind === 'non-local') {
  const tap = 'context3.attention';
  const one = await createReader(runtime, network, {
    inputs: { x: { shape: [1, C, L] } },
    weights,
    rows: { [tap]: [0, 63] },
  });
  const rows = (await one.run({ x: x([test[0]!]) }))[`rows/${tap}`]!;
  await one.release();
  const radical = test[0]!.labels;
  for (const [i, point] of [0, 63].entries()) {
    const row = floats(rows).subarray(i * L, (i + 1) * L);
    const share = row.reduce((sum, v, p) => sum + v * radical[p]!, 0);
    console.log(`${characters[TRAIN]!.character}, point ${point}: ${(100 * share).toFixed(0)} % read from the radical`);
  }
}

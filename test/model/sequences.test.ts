import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/core/shape.ts';
import { float32, type Tensor } from '../../src/core/tensor.ts';
import { lowerAggregates } from '../../src/graph/aggregate/index.ts';
import { integers } from '../../src/graph/trace.ts';
import { aggregate } from '../../src/model/aggregate.ts';
import type { ContextSpec } from '../../src/model/blocks/context.ts';
import { allBlocks } from '../../src/model/blocks/table.ts';
import { convNd } from '../../src/model/layers/conv.ts';
import { type Network, traceNetwork } from '../../src/model/scope.ts';
import { centralDifferences, differentiate } from '../support/check.ts';
import { interpret } from '../support/interpret.ts';
import { fromTensor, type Numbers, numbers, relativeError } from '../support/numbers.ts';
import {
  type BlockRun,
  fed,
  gradientError,
  outputOf,
  project,
  randomTensor,
  runOf,
  softmax,
  tapOf,
} from './support.ts';

const [N, C, L] = [2, 8, 7];
const LINE = [N, C, L];
const EXACT = 1e-9;

/** A map of sequences as rows: channel c of sample b. */
const at = (x: Numbers, b: number, c: number, l: number): number =>
  l < 0 || l >= x.shape[2]! ? 0 : x.data[(b * x.shape[1]! + c) * x.shape[2]! + l]!;
const made = (shape: readonly [number, number, number], value: (b: number, c: number, l: number) => number): Numbers =>
  numbers(
    shape,
    Array.from({ length: sizeOf(shape) }, (_, i) => {
      const [c, l] = [Math.floor(i / shape[2]) % shape[1], i % shape[2]];
      return value(Math.floor(i / shape[2] / shape[1]), c, l);
    }),
  );
const mapped = (run: BlockRun, name: string, x: Numbers): Numbers =>
  project(x, fed(run, `${name}.weight`), fed(run, `${name}.bias`));

/** The blocks that read everywhere, or pool: on a sequence they are what they are on a map of one row. */
const EVERYWHERE: readonly ContextSpec[] = [
  ...(['embedded-gaussian', 'gaussian', 'dot-product', 'concatenation'] as const).map((mode) => ({
    kind: 'non-local',
    mode,
    norm: 'batch',
  })),
  { kind: 'simplified-non-local' },
  { kind: 'squeeze-excitation', ratio: 1 / 2, divisor: 1 },
  ...(['norm-relu', 'relu', 'nothing'] as const).flatMap((between) =>
    (['attention', 'average'] as const).map((pooling) => ({
      kind: 'global-context',
      ratio: 1 / 2,
      fusions: ['add', 'multiply'],
      between,
      pooling,
    })),
  ),
  { kind: 'self-attention', heads: 2 },
  { kind: 'container-mix', heads: 2, affinity: 'dynamic' },
];

describe('a block that reads everywhere', () => {
  it.each(EVERYWHERE)('is on a sequence what it is on a map of one row: %j', (spec) => {
    const [line, map] = [runOf(spec, LINE), runOf(spec, [N, C, 1, L])];
    expect(line.state.map((s) => s.name)).toEqual(map.state.map((s) => s.name));
    for (const { name, shape } of line.state) {
      const t = line.feeds.get(name);
      if (t)
        (map.feeds as Map<string, Tensor>).set(name, { ...t, shape: map.state.find((s) => s.name === name)!.shape });
      expect(sizeOf(shape)).toBe(sizeOf(map.state.find((s) => s.name === name)!.shape));
    }
    (map.feeds as Map<string, Tensor>).set('x', { ...line.feeds.get('x')!, shape: [N, C, 1, L] });
    const [a, b] = [outputOf(line), outputOf(map)];
    expect(a.shape).toEqual(LINE);
    expect(relativeError(a, { ...b, shape: LINE })).toBeLessThan(EXACT);
  });
  it('pools keys along the line where it sub-samples', () => {
    const spec = { kind: 'non-local', subSample: { order: 'before-projection' } };
    const tap = tapOf(runOf(spec, LINE), 'attention');
    expect(tap.shape).toEqual([N, 1, L, 3]);
    for (let row = 0; row < N * L; row++) {
      expect([0, 1, 2].reduce((s, k) => s + tap.data[3 * row + k]!, 0)).toBeCloseTo(1, 12);
    }
  });
  it('has axes of one letter', () => {
    const run = runOf({ kind: 'non-local' }, LINE);
    expect(run.taps.get('attention')).toMatchObject({ axes: 'n head (l) (l)', sizes: { l: L } });
  });
});

describe('the transform of the global context block', () => {
  const c = (run: BlockRun): Numbers => ({ ...tapOf(run, 'context'), shape: [N, C, 1] });
  it.each(['relu', 'nothing'] as const)('is two layers with %s between them, in plain loops', (between) => {
    const run = runOf({ kind: 'global-context', ratio: 1 / 2, between }, LINE);
    const hidden = mapped(run, 'channel_add_conv.0', c(run));
    const act = between === 'relu' ? { ...hidden, data: hidden.data.map((v) => Math.max(0, v)) } : hidden;
    const t = mapped(run, `channel_add_conv.${between === 'relu' ? 2 : 1}`, act);
    const x = fed(run, 'x');
    expect(
      relativeError(
        outputOf(run),
        made([N, C, L], (b, k, l) => at(x, b, k, l) + at(t, b, k, 0)),
      ),
    ).toBeLessThan(EXACT);
  });
});

/** Σ_k of a window along a line of what `value` says of place k and position p. */
const window = (k: number, i: number, value: (place: number, p: number) => number, step = 1): number =>
  Array.from({ length: k }, (_, place) => value(place, i + (place - (k - 1) / 2) * step)).reduce((a, b) => a + b, 0);

describe('a window on a sequence', () => {
  it('of a depthwise convolution', () => {
    const run = runOf({ kind: 'depthwise', window: 3, heads: 4, dilation: 2 }, LINE);
    const [x, w, bias] = [fed(run, 'x'), fed(run, 'weight'), fed(run, 'bias')];
    const y = made([N, C, L], (b, c, i) => {
      const kernel = Math.floor((c * 4) / C);
      return bias.data[c]! + window(3, i, (place, p) => w.data[kernel * 3 + place]! * at(x, b, c, p), 2);
    });
    expect(relativeError(outputOf(run), y)).toBeLessThan(EXACT);
  });
  it('of a convolution', () => {
    const run = runOf({ kind: 'convolution', window: 5 }, LINE);
    const [x, w] = [fed(run, 'x'), fed(run, 'weight')];
    const bias = run.feeds.has('bias') ? fed(run, 'bias').data : new Float64Array(C);
    const y = made([N, C, L], (b, o, i) => {
      let sum = bias[o]!;
      for (let c = 0; c < C; c++) sum += window(5, i, (place, p) => w.data[(o * C + c) * 5 + place]! * at(x, b, c, p));
      return sum;
    });
    expect(relativeError(outputOf(run), y)).toBeLessThan(EXACT);
  });
  it('of a local relation layer: neighbours before and behind', () => {
    const share = 4;
    const run = runOf({ kind: 'local-relation', window: 3, share }, LINE);
    const x = fed(run, 'x');
    const [q, k] = [mapped(run, 'query', x), mapped(run, 'key', x)];
    const [w1, b1, w2, b2] = ['geometry.0.weight', 'geometry.0.bias', 'geometry.2.weight', 'geometry.2.bias'].map(
      (name) => fed(run, name).data,
    ) as [Float64Array, Float64Array, Float64Array, Float64Array];
    const prior = (g: number, place: number): number =>
      b2[g]! + b1.reduce((s, b, h) => s + w2[g * b1.length + h]! * Math.max(0, w1[h]! * (place - 1) + b), 0);
    const rows = (b: number, g: number, i: number): number[] =>
      softmax(
        [0, 1, 2].map((place) => {
          const p = i + place - 1;
          const compared = p < 0 || p >= L ? -100 : -((at(q, b, g, i) - at(k, b, g, p)) ** 2);
          return compared + prior(g, place);
        }),
      );
    const y = made([N, C, L], (b, c, i) => {
      const row = rows(b, Math.floor(c / share), i);
      return window(3, i, (place, p) => row[place]! * at(x, b, c, p));
    });
    expect(relativeError(outputOf(run), mapped(run, 'out', y))).toBeLessThan(EXACT);
    const tap = tapOf(run, 'attention_window');
    expect(tap.shape).toEqual([N, C / share, L, 3]);
    expect(
      relativeError(
        tap,
        numbers(
          [N, 2, L, 3],
          [0, 1].flatMap((b) => [0, 1].flatMap((g) => Array.from({ length: L }, (_, i) => rows(b, g, i)).flat())),
        ),
      ),
    ).toBeLessThan(EXACT);
  });
  it('of a contextual transformer: its affinity given by a convolution along the line', () => {
    const run = runOf({ kind: 'contextual-transformer', kernel: 3, share: 4, context: 'dynamic' }, LINE);
    const tap = tapOf(run, 'attention_window');
    expect(tap.shape).toEqual([N, 2, L, 3]);
    const x = fed(run, 'x');
    const normed = (v: Numbers, name: string): Numbers => {
      const [m, s, w, b] = ['running_mean', 'running_var', 'weight', 'bias'].map((n) => fed(run, `${name}.${n}`).data);
      return made(
        [N, v.shape[1]!, L],
        (n, c, l) => ((at(v, n, c, l) - m![c]!) / Math.sqrt(s![c]! + 1e-5)) * w![c]! + b![c]!,
      );
    };
    const v = normed(project(x, fed(run, 'conv1x1.0.weight')), 'conv1x1.1');
    // Channel c reads with head c mod heads
    const read = made([N, C, L], (n, c, i) =>
      window(3, i, (place, p) => tap.data[((n * 2 + (c % 2)) * L + i) * 3 + place]! * at(v, n, c, p)),
    );
    const y = normed(read, 'bn');
    const expected = { ...y, data: y.data.map((t) => t / (1 + Math.exp(-t))) };
    expect(relativeError(outputOf(run), expected)).toBeLessThan(EXACT);
  });
  it('mixed with what is read everywhere: CONTAINER on a line', () => {
    const run = runOf({ kind: 'container-mix', heads: 2, window: 3 }, LINE);
    const qkv = mapped(run, 'conv1', fed(run, 'x'));
    const part = (k: number) => (b: number, c: number, l: number) => at(qkv, b, k * C + c, l);
    const [q, k, v] = [part(0), part(1), part(2)];
    const gate = 1 / (1 + Math.exp(-fed(run, 'sa_weight').data[0]!));
    const [w, bias] = [fed(run, 'conv.weight').data, fed(run, 'conv.bias').data];
    const D = C / 2;
    const y = made([N, C, L], (b, c, i) => {
      const head = Math.floor(c / D);
      const scores = Array.from({ length: L }, (_, j) => {
        let s = 0;
        for (let d = 0; d < D; d++) s += q(b, head * D + d, i) * k(b, head * D + d, j);
        return s / Math.sqrt(D);
      });
      const all = softmax(scores).reduce((s, a, j) => s + a * v(b, c, j), 0);
      const near = window(3, i, (place, p) => (p < 0 || p >= L ? 0 : w[c * 3 + place]! * v(b, c, p))) + bias[c]!;
      return gate * all + (1 - gate) * near;
    });
    expect(relativeError(outputOf(run), mapped(run, 'conv2', y))).toBeLessThan(EXACT);
  });
  it('learned for each pair of positions: token mixing', () => {
    const run = runOf({ kind: 'mlp-mixer', positions: L, heads: 2 }, LINE);
    const [x, a] = [fed(run, 'x'), fed(run, 'static_a').data];
    const y = made([N, C, L], (b, c, i) => {
      const head = Math.floor((c * 2) / C);
      return Array.from({ length: L }, (_, j) => a[(head * L + i) * L + j]! * at(x, b, c, j)).reduce(
        (s, v) => s + v,
        0,
      );
    });
    expect(relativeError(outputOf(run), y)).toBeLessThan(EXACT);
  });
});

const LINES = allBlocks().filter((b) => (b.axes as readonly number[]).includes(1));

describe('every block that takes one axis', () => {
  it('is most of them', () => {
    expect(LINES.map((b) => b.kind)).toEqual(
      expect.arrayContaining(['non-local', 'global-context', 'local-relation', 'contextual-transformer', 'depthwise']),
    );
  });
  it.each(LINES.map((b) => [b.kind, b] as const))('%s: has the gradient that central differences give', (_, block) => {
    const { config, shape } = block.sample;
    const positions = 'positions' in config ? { positions: 5 } : {};
    // Without its fusion, whose first width is 32 whatever the channels
    const less = block.kind === 'contextual-transformer' ? { context: 'dynamic' } : {};
    const spec = { ...config, ...positions, ...less } as ContextSpec;
    expect(gradientError(runOf(spec, [1, shape[1]!, 5]))).toBeLessThan(1e-6);
  });
});

/** Objects [N, C, R] read by queries [N, C, Q] of another set, where the mask lets them. */
describe('a set that is read by another', () => {
  const [Q, R, HEADS] = [3, 5, 2];
  const reader =
    (normalise: 'softmax' | 'count', pairs: boolean): Network =>
    (s, { queries, objects, mask, prior }) => {
      const make = (name: string, v: typeof queries): NonNullable<typeof queries> =>
        convNd(s.at(name), v!, { channels: 4, kernel: 1, bias: true });
      return {
        y: aggregate(s, {
          queries: make('query', queries),
          keys: make('key', objects),
          values: make('value', objects),
          reads: { kind: 'everywhere' },
          score: { kind: 'dot-product', scale: 0.5 },
          normalise,
          heads: HEADS,
          mask: mask!,
          ...(pairs && { prior: prior! }),
          tap: 'relation',
        }),
      };
    };
  const shapes = (pairs: boolean) => ({
    queries: { shape: [N, 6, Q] },
    objects: { shape: [N, 8, R] },
    mask: { shape: pairs ? [N, 1, Q, R] : [N, 1, 1, R] },
    ...(pairs && { prior: { shape: [N, HEADS, Q, R] } }),
  });
  /** The second set has two objects that are not there; where pairs are masked, one query may read nothing. */
  const maskOf = (pairs: boolean): Tensor =>
    pairs
      ? float32(
          [N, 1, Q, R],
          Array.from({ length: N * Q * R }, (_, i) => (Math.floor(i / R) === 4 || i % 4 === 1 ? 0 : 1)),
        )
      : float32([N, 1, 1, R], [1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);

  describe.each([
    ['softmax', false],
    ['softmax', true],
    ['count', false],
    ['count', true],
  ] as const)('%s, pairs masked: %s', (normalise, pairs) => {
    const traced = traceNetwork(reader(normalise, pairs), {
      inputs: shapes(pairs),
      mode: 'training',
      taps: () => true,
    });
    const feeds = new Map<string, Tensor>([['mask', maskOf(pairs)]]);
    for (const [name, { shape }] of Object.entries(shapes(pairs))) {
      if (name !== 'mask') feeds.set(name, randomTensor(name, shape));
    }
    for (const { name, shape } of traced.state) feeds.set(name, randomTensor(name, shape, 0.5));
    const at3 = (name: string): Numbers => fromTensor(feeds.get(name)!);
    const line = (name: string, x: Numbers): Numbers => project(x, at3(`${name}.weight`), at3(`${name}.bias`));
    const [q, k, v] = [line('query', at3('queries')), line('key', at3('objects')), line('value', at3('objects'))];
    const mask = (b: number, i: number, j: number): boolean =>
      maskOf(pairs).data[pairs ? (b * Q + i) * R + j : b * R + j] === 1;
    const row = (b: number, h: number, i: number): number[] => {
      const open = Array.from({ length: R }, (_, j) => j).filter((j) => mask(b, i, j));
      const scores = open.map((j) => {
        const product = [0, 1].reduce((s, d) => s + at(q, b, 2 * h + d, i) * at(k, b, 2 * h + d, j), 0);
        return 0.5 * product + (pairs ? at3('prior').data[((b * HEADS + h) * Q + i) * R + j]! : 0);
      });
      const weights = normalise === 'softmax' ? softmax(scores) : scores.map((s) => s / open.length);
      return Array.from({ length: R }, (_, j) => (open.includes(j) ? weights[open.indexOf(j)]! : 0));
    };
    const lowered = lowerAggregates(traced.outputs, { provider: 'cpu', training: true }).outputs;

    it('equals plain loops; what is masked is not read, and who may read nothing gets nothing', () => {
      const y = made([N, 4, Q], (b, c, i) =>
        row(b, Math.floor(c / 2), i).reduce((s, a, j) => s + (a === 0 ? 0 : a * at(v, b, c, j)), 0),
      );
      expect(relativeError(interpret(lowered, feeds).get('y')!, y)).toBeLessThan(EXACT);
      if (pairs) expect([0, 1, 2, 3].map((c) => at(y, 1, c, 1))).toEqual([0, 0, 0, 0]);
    });
    it('has the gradient that central differences give', () => {
      const floats = [traced.inputs.get('objects')!, traced.inputs.get('queries')!, ...traced.parameters.values()];
      const d = differentiate({ outputs: lowered, feeds, floats, bindings: new Map() })!;
      const ours = interpret(d.gradients, d.feeds);
      for (const name of ['objects', 'queries', 'key.weight']) {
        expect(relativeError(ours.get(`d.${name}`)!, centralDifferences(d, name, 1e-5)), name).toBeLessThan(1e-6);
      }
    });
    it('shows its affinity by rows: queries against the other set', () => {
      const tap = traced.taps.get('relation')!;
      expect(tap.axes).toBe('n head (l) (kl)');
      const rows = interpret(new Map([['rows', tap.rows!(integers([2, 0]))]]), feeds).get('rows')!;
      expect(rows.shape).toEqual([N, HEADS, 2, R]);
      const expected = [0, 1].flatMap((b) => [0, 1].flatMap((h) => [2, 0].flatMap((i) => row(b, h, i))));
      expect(relativeError(rows, numbers(rows.shape, expected))).toBeLessThan(EXACT);
    });
  });
});

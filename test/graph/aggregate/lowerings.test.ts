import { describe, expect, it } from 'vitest';
import { int64 } from '../../../src/core/tensor.ts';
import { createSession } from '../../../src/engine/session.ts';
import {
  type Affinity,
  AGGREGATE,
  affinityOf,
  affinityRows,
  aggregate,
  LOWERINGS,
  type LoweringName,
  lowerAggregates,
  siteOf,
  siteOfNode,
} from '../../../src/graph/aggregate/index.ts';
import { symbol } from '../../../src/graph/dimension.ts';
import { constant, input, nodesOf } from '../../../src/graph/trace.ts';
import type { Value } from '../../../src/graph/value.ts';
import { nodeRuntime } from '../../../src/runtime/node/onnx.ts';
import { differentiate, type Traced, traceSample } from '../../support/check.ts';
import { interpret } from '../../support/interpret.ts';
import { fromTensor, relativeError } from '../../support/numbers.ts';
import { AGGREGATE_SAMPLES } from '../../support/samples/aggregate.ts';
import { AGGREGATE_WINDOW_SAMPLES } from '../../support/samples/aggregate-windows.ts';
import type { Sample, Sampler } from '../../support/samples/sampler.ts';

const NAMES = Object.keys(LOWERINGS) as LoweringName[];
const SOFTMAX: Affinity = {
  reads: { kind: 'everywhere' },
  score: { kind: 'dot-product', scale: 0.5 },
  normalise: 'softmax',
  heads: 2,
  querySpace: [20, 15],
};
/** More queries than one block of rows holds. */
const MANY: readonly Sample[] = (['softmax', 'count', 'none'] as const).map((normalise) => ({
  op: 'aggregate',
  name: `300 queries, ${normalise}`,
  build: (s: Sampler): Value =>
    aggregate(
      { queries: s.normal([1, 4, 20, 15]), keys: s.normal([1, 4, 7]), values: s.normal([1, 6, 7]) },
      { ...SOFTMAX, normalise },
    ),
}));
const SAMPLES = [...AGGREGATE_SAMPLES.filter((s) => s.op === AGGREGATE.name), ...AGGREGATE_WINDOW_SAMPLES, ...MANY];

function siteIn(traced: Traced): ReturnType<typeof siteOfNode> {
  return siteOfNode([...nodesOf(traced.outputs.values())].find((n) => n.def === AGGREGATE)!);
}

const lowered = (traced: Traced, prefer: LoweringName, training: boolean): Map<string, Value> =>
  lowerAggregates(traced.outputs, { provider: 'cpu', training, prefer }).outputs;

/** Both are exact in double precision, up to the rounding of sums taken in another order. */
const DOUBLE = 1e-12;

describe.each(NAMES)('the lowering %s', (name) => {
  const inference = SAMPLES.filter(
    (s) => !LOWERINGS[name].refuses(siteIn(traceSample(s)), { provider: 'cpu', training: false }),
  );
  const training = SAMPLES.filter(
    (s) => !LOWERINGS[name].refuses(siteIn(traceSample(s)), { provider: 'cpu', training: true }),
  );

  it('can be taken for some sample', () => {
    expect(inference.length).toBeGreaterThan(0);
  });

  it.each(inference.map((s) => [s.name, s] as const))('gives what the word means: %s', (_, sample) => {
    const traced = traceSample(sample);
    const meant = interpret(traced.outputs, traced.feeds).get('y0')!;
    const given = interpret(lowered(traced, name, false), traced.feeds).get('y0')!;
    expect(relativeError(given, meant)).toBeLessThan(DOUBLE);
  });

  it.each(inference.map((s) => [s.name, s] as const))('gives it in the engine: %s', async (_, sample) => {
    const traced = traceSample(sample);
    const meant = interpret(traced.outputs, traced.feeds).get('y0')!;
    const session = await createSession(nodeRuntime(), lowered(traced, name, false), { threads: 1 });
    const { y0 } = await session.run(Object.fromEntries(traced.feeds));
    await session.release();
    expect(relativeError(fromTensor(y0!), meant)).toBeLessThan(1e-5);
  });

  if (training.length > 0) {
    it.each(training.map((s) => [s.name, s] as const))('has the gradients of the plain one: %s', (_, sample) => {
      const traced = traceSample(sample);
      const [ours, plain] = [name, 'plain' as const].map((way) => {
        const d = differentiate({ ...traced, outputs: lowered(traced, way, true) })!;
        return interpret(d.gradients, d.feeds);
      });
      expect(plain!.size).toBe(traced.floats.length);
      for (const [wrt, g] of plain!) expect(relativeError(ours!.get(wrt)!, g)).toBeLessThan(DOUBLE);
    });
  }
});

describe('the choice of a lowering', () => {
  const map = (size: number, change: Partial<Affinity> = {}, channels = 32): Value => {
    const x = input('x', 'float32', [1, channels, size, size]);
    return aggregate({ queries: x, keys: x, values: x }, { ...SOFTMAX, heads: 1, querySpace: [size, size], ...change });
  };
  const choiceOf = (y: Value, training = false, provider = 'cpu'): string =>
    lowerAggregates(new Map([['y', y]]), { provider, training }).choices[0]!.lowering;

  it('takes the blocked softmax for a large map in inference on the CPU', () => {
    expect(choiceOf(map(64))).toBe('blocked-softmax');
  });
  it('takes it in training too', () => {
    expect(choiceOf(map(64), true)).toBe('blocked-softmax');
    expect(choiceOf(map(96), true)).toBe('blocked-softmax');
  });
  it('takes the plain one for a small map', () => {
    expect(choiceOf(map(14))).toBe('plain');
    expect(choiceOf(map(14), true)).toBe('plain');
  });
  it('keeps memory linear in the positions where the provider has no blocked softmax', () => {
    expect(choiceOf(map(64), false, 'wasm')).toBe('blocks-of-rows');
    expect(choiceOf(map(64), true, 'wasm')).toBe('blocks-of-rows');
  });
  it('multiplies V Kᵀ first where that is shorter, and last where the map is smaller than D x V', () => {
    expect(choiceOf(map(64, { normalise: 'count' }))).toBe('associative');
    expect(choiceOf(map(4, { normalise: 'count' }, 512))).toBe('plain');
  });
  it('weighs open sizes by the sizes it is given', () => {
    const x = input('x', 'float32', [symbol('n'), 16, symbol('h'), symbol('w')]);
    const y = aggregate({ queries: x, keys: x, values: x }, { ...SOFTMAX, heads: 1, querySpace: x.shape.slice(2) });
    const at = (h: number): string => {
      const sizes = new Map([
        ['n', 1],
        ['h', h],
        ['w', h],
      ]);
      return lowerAggregates(new Map([['y', y]]), { provider: 'cpu', training: false, sizes }).choices[0]!.lowering;
    };
    expect([at(8), at(128)]).toEqual(['plain', 'blocked-softmax']);
  });
  it('says the path, the cost and why others were not taken', () => {
    const { choices } = lowerAggregates(new Map([['y', map(8)]]), { provider: 'cpu', training: true });
    expect(choices).toHaveLength(1);
    expect(choices[0]).toMatchObject({
      path: '',
      lowering: 'plain',
      cost: { macs: 64 * 64 * 64, bytes: 2 * 4 * 64 * 64 },
    });
    expect(choices[0]!.alternatives).toContainEqual({
      lowering: 'blocks-of-rows',
      refused: 'one block holds all queries',
    });
    expect(choices[0]!.alternatives).toContainEqual({ lowering: 'mean', refused: 'positions are weighed' });
  });
  it('refuses to prefer an unknown lowering, and names the nearest', () => {
    const wrong = { provider: 'cpu', training: false, prefer: 'plane' as LoweringName };
    expect(() => lowerAggregates(new Map(), wrong)).toThrow('Did you mean "plain"');
  });
});

describe('rows of an affinity', () => {
  it.each(SAMPLES.map((s) => [s.name, s] as const))('equal those of the whole: %s', (_, sample) => {
    const traced = traceSample(sample);
    const site = siteIn(traced);
    const chosen = [1, 0, 1];
    const rows = affinityRows(site, constant(int64([3], chosen)));
    const found = interpret(
      new Map([
        ['all', affinityOf(site)],
        ['rows', rows],
      ]),
      traced.feeds,
    );
    const [all, some] = [found.get('all')!, found.get('rows')!];
    const [n, heads, q, l] = all.shape as [number, number, number, number];
    const shared = q === 1;
    expect(some.shape).toEqual([n, heads, shared ? 1 : 3, l]);
    for (let b = 0; b < n * heads; b++) {
      (shared ? [0] : chosen).forEach((row, r) => {
        const expected = [...all.data].slice((b * q + row) * l, (b * q + row + 1) * l);
        const got = [...some.data].slice((b * some.shape[2]! + r) * l, (b * some.shape[2]! + r + 1) * l);
        got.forEach((v, i) => {
          expect(v).toBeCloseTo(expected[i]!, 12);
        });
      });
    }
  });
  it('sum to one after a softmax', () => {
    const traced = traceSample(SAMPLES[1]!);
    const a = interpret(new Map([['a', affinityOf(siteIn(traced))]]), traced.feeds).get('a')!;
    const l = a.shape[3]!;
    for (let r = 0; r < a.data.length / l; r++) {
      expect(a.data.slice(r * l, (r + 1) * l).reduce((x, y) => x + y)).toBeCloseTo(1, 12);
    }
  });
});

describe('the record', () => {
  const x = input('x', 'float32', [1, 6, 5]);
  const scores = (shape: readonly number[]): Value => input('s', 'float32', shape);
  it('refuses heads that do not divide the channels', () => {
    expect(() => aggregate({ queries: x, keys: x, values: x }, { ...SOFTMAX, heads: 4, querySpace: [5] })).toThrow(
      'heads',
    );
  });
  it('refuses keys that lie elsewhere than the values', () => {
    const keys = input('k', 'float32', [1, 6, 4]);
    expect(() => aggregate({ queries: x, keys, values: x }, { ...SOFTMAX, querySpace: [5] })).toThrow('positions');
  });
  it('refuses given scores of another size than queries by positions', () => {
    const given: Affinity = { ...SOFTMAX, score: { kind: 'given' }, querySpace: [5] };
    expect(() => siteOf([undefined, undefined, x, scores([1, 2, 4, 5])], given)).toThrow('[N, heads, Q, L]');
    expect(() => siteOf([undefined, undefined, x], given)).toThrow('scores');
  });
  it('has no derivative before it is lowered, and says what to do', () => {
    const traced = traceSample(SAMPLES[0]!);
    expect(() => differentiate(traced)).toThrow('lowerAggregates');
  });
});

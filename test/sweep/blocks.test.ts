import { describe, expect, it } from 'vitest';
import { Fault } from '../../src/core/fault.ts';
import { int64, type Tensor } from '../../src/core/tensor.ts';
import { lowerAggregates, sitesOf } from '../../src/graph/aggregate/index.ts';
import { backward } from '../../src/graph/backward.ts';
import * as op from '../../src/graph/ops/index.ts';
import { constant } from '../../src/graph/trace.ts';
import type { Block, BlockSpec } from '../../src/model/blocks/block.ts';
import { contextBlock } from '../../src/model/blocks/context.ts';
import { describeBlock } from '../../src/model/blocks/describe.ts';
import { BLOCKS } from '../../src/model/blocks/table.ts';
import { explainModel } from '../../src/model/explain.ts';
import { readContextSpec } from '../../src/model/networks/read-config.ts';
import { createModel } from '../../src/model/networks/table.ts';
import { type Mode, type Traced, traceNetwork } from '../../src/model/scope.ts';
import { type BlockRun, gradientsOf, randomTensor, runOf, tapOf } from '../model/support.ts';
import { differentiate } from '../support/check.ts';
import { interpret } from '../support/interpret.ts';
import { fromTensor, type Numbers, relativeError } from '../support/numbers.ts';

/** The sample and each row's options, so that every form of a block is looked at. */
function formsOf({ sample, algebra }: Block): readonly (readonly [string, BlockSpec])[] {
  const rows = algebra.map(({ mechanism, changes }) => [mechanism, { ...sample.config, ...changes }] as const);
  const isNew = (spec: BlockSpec, i: number): boolean =>
    rows.findIndex(([, other]) => JSON.stringify(other) === JSON.stringify(spec)) === i;
  const forms = rows.filter(([, spec], i) => isNew(spec, i));
  const isSample = forms.some(([, spec]) => JSON.stringify(spec) === JSON.stringify(sample.config));
  return isSample ? forms : [['sample', sample.config], ...forms];
}

function messageOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof Fault) return `${error.code}: ${error.message}`;
  }
  return 'no fault';
}

/** A residual network so small that any block is cheap in it. */
const SMALL = { layers: [1, 1, 1], width: 16, classes: 3 };

it('the kinds of blocks are all different', () => {
  expect(new Set(BLOCKS.map((b) => b.kind)).size).toBe(BLOCKS.length);
});

describe.each(BLOCKS.map((b) => [b.kind, b] as const))('the block %s', (kind, block) => {
  const { sample } = block;
  it('takes its sample’s options and refuses an unknown one by name', () => {
    expect(readContextSpec(sample.config, 'block')).toMatchObject(sample.config);
    const wrong = messageOf(() => readContextSpec({ ...sample.config, strenght: 1 }, 'block'));
    expect(wrong).toMatch(/^config: block: unknown option "strenght"\. (Did you mean|Known:)/);
  });
  it('keeps the batch and, where it does not stride, the positions', () => {
    const { outputs } = runOf(sample.config, sample.shape);
    const shape = outputs.get('y')!.shape;
    expect(shape[0]).toBe(sample.shape[0]);
    if (!block.strides) expect(shape.slice(2)).toEqual(sample.shape.slice(2));
  });
  it('names references that give options of its own, or say what is not built', () => {
    for (const [model, read] of Object.entries(block.references ?? {})) {
      const given = messageOf(() => {
        const spec = read({});
        if (typeof spec !== 'string') throw new Fault('config', `${spec.kind}`);
        throw new Fault('config', spec);
      });
      expect(given, model).toMatch(new RegExp(`^(data: config\\.|config: ${kind}$|config: \\w)`));
    }
  });
  it('stands in a small residual network, which can be traced', () => {
    const { network } = createModel('resnet20', {
      ...SMALL,
      context: [{ context: withPositions(sample.config), position: 'after-conv2', stages: [2] }],
    });
    const x = { shape: [1, 3, 16, 16] };
    const { outputs, state } = traceNetwork(network, { inputs: { x }, mode: 'inference' });
    expect(outputs.get('logits')!.shape).toEqual([1, 3]);
    const own = state.filter(({ name }) => name.startsWith(`layer2.0.${block.child.block}.`));
    expect(own.length > 0).toBe(describeBlock(kind).parameters > 0);
  });
  it('is listed with its options, and explained by as many affinities as it has', () => {
    const facts = describeBlock(kind);
    expect([facts.block, facts.title]).toEqual([kind, block.title]);
    const { uses, parameters } = explainModel({ model: `block:${kind}` });
    const { outputs } = traceNetwork((s, { x }) => ({ y: contextBlock(s, x!, sample.config) }), {
      inputs: { x: { shape: sample.shape } },
      mode: 'inference',
    });
    expect(uses.reduce((sum, { paths }) => sum + paths.length, 0)).toBe(sitesOf(outputs).length);
    expect(parameters).toBe(facts.parameters);
    for (const { chosen } of uses) expect(chosen.refused).toBeUndefined();
  });
});

/** Blocks that are made for one size of the map are made for that of the small network's second stage. */
function withPositions(config: BlockSpec): BlockSpec {
  return 'positions' in config ? ({ ...config, positions: [8, 8] } as BlockSpec) : config;
}

describe.each(
  BLOCKS.flatMap((block) => formsOf(block).map(([form, spec]) => [block.kind, form, spec, block] as const)),
)('%s, %s,', (_, __, spec, { sample }) => {
  it.each(['inference', 'training'] as const)('gives the same by every lowering, traced for %s', (mode) => {
    const { outputs } = traceNetwork((s, { x }) => ({ y: contextBlock(s, x!, spec) }), {
      inputs: { x: { shape: sample.shape } },
      mode,
    });
    const plain = lowerAggregates(outputs, { provider: 'cpu', training: true, prefer: 'plain' }).outputs;
    const chosen = lowerAggregates(outputs, { provider: 'cpu', training: mode === 'training' }).outputs;
    const { feeds } = runOf(spec, sample.shape, { mode });
    const given = new Map([...feeds]);
    for (const { name, shape } of randomsOf(spec, sample.shape, mode)) given.set(name, randomTensor(name, shape));
    const [a, b] = [plain, chosen].map((graph) => interpret(new Map([['y', graph.get('y')!]]), given).get('y')!);
    expect(relativeError(b!, a!)).toBeLessThan(1e-9);
  });
  it('gives every parameter the gradient that central differences give', () => {
    const run = runOf(spec, small(sample.shape));
    const sum = op.reduceSum(run.outputs.get('y')!, undefined, false);
    const reached = backward(sum, run.floats);
    expect(run.floats.filter((v) => !reached.has(v))).toEqual([]);
    expect(sampledError(run)).toBeLessThan(2e-5);
  });
  it('has rows of taps that sum to one wherever a softmax alone reads', () => {
    const run = runOf(spec, sample.shape);
    const sites = sitesOf(
      traceNetwork((s, { x }) => ({ y: contextBlock(s, x!, spec) }), {
        inputs: { x: { shape: sample.shape } },
        mode: 'inference',
      }).outputs,
    );
    const softmaxes = sites.filter((s) => s.affinity.normalise === 'softmax');
    const tap = run.taps.get('attention');
    if (softmaxes.length === 0 || sites.length > 1 || !tap) return;
    const { outside } = sites[0]!.window ?? { outside: 'zero' };
    const map = tapOf(run, 'attention');
    const l = map.shape.at(-1)!;
    for (let row = 0; row < map.data.length; row += l) {
      const sum = map.data.slice(row, row + l).reduce((a, b) => a + b, 0);
      // What a window reads beyond the border is in no column of the map.
      if (sites[0]!.window && outside !== 'excluded') expect(sum).toBeLessThan(1 + 1e-9);
      else expect(sum).toBeCloseTo(1, 9);
    }
  });
});

describe.each(BLOCKS.map((b) => [b.kind, b] as const))('the taps of %s', (_, { sample }) => {
  it('give by rows what they give whole', () => {
    const run = runOf(sample.config, sample.shape);
    for (const [name, tap] of run.taps) {
      if (!tap.rows) continue;
      const whole = tapOf(run, name);
      const [n, heads, q, l] = whole.shape as readonly [number, number, number, number];
      const chosen = [q - 1, 0];
      const graph = new Map([['rows', tap.rows(constant(int64([2], chosen)))]]);
      const rows = interpret(lowerAggregates(graph, { provider: 'cpu', training: true }).outputs, run.feeds).get(
        'rows',
      )!;
      const count = rows.shape[2] === 1 ? 1 : 2; // one row that all queries share is given once
      expect(rows.shape).toEqual([n, heads, count, l]);
      const expected = rows.data.map((_v, at) => {
        const [map, row, j] = [Math.floor(at / (count * l)), Math.floor(at / l) % count, at % l];
        return whole.data[(map * q + chosen[row]!) * l + j]!;
      });
      expect(relativeError(rows, { shape: rows.shape, data: expected }), name).toBeLessThan(1e-12);
    }
  });
});

function randomsOf(spec: BlockSpec, shape: readonly number[], mode: Mode): Traced['randoms'] {
  return traceNetwork((s, { x }) => ({ y: contextBlock(s, x!, spec) }), { inputs: { x: { shape } }, mode }).randoms;
}

/** Numbers of a tensor by which differences are taken. */
const SAMPLES = 6;

/** Largest difference of our gradients from central differences of some numbers of each tensor, relative to the largest. */
function sampledError(run: BlockRun): number {
  const d = differentiate(run)!;
  const loss = new Map([['loss', d.loss]]);
  const pairs = [...gradientsOf(run)].flatMap(([name, ours]) => {
    const x = fromTensor(d.feeds.get(name)!);
    const step = 1e-5;
    const lossAt = (i: number, by: number): number => {
      const data = x.data.map((v, at) => (at === i ? v + by : v));
      return interpret(loss, new Map<string, Tensor | Numbers>([...d.feeds, [name, { ...x, data }]])).get('loss')!
        .data[0]!;
    };
    const count = Math.min(SAMPLES, x.data.length);
    const places = Array.from({ length: count }, (_, k) => Math.floor(((k + 0.5) * x.data.length) / count));
    return places.map((i) => [ours.data[i]!, (lossAt(i, step) - lossAt(i, -step)) / (2 * step)] as const);
  });
  const largest = Math.max(...pairs.map(([, theirs]) => Math.abs(theirs)));
  return Math.max(...pairs.map(([ours, theirs]) => Math.abs(ours - theirs))) / largest;
}

/** One picture of a sample: differences are taken of every number. */
function small(shape: readonly number[]): readonly number[] {
  return [1, ...shape.slice(1)];
}

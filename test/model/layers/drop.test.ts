import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/core/fault.ts';
import { float32 } from '../../../src/core/tensor.ts';
import { backward } from '../../../src/graph/backward.ts';
import * as op from '../../../src/graph/ops/index.ts';
import type { Value } from '../../../src/graph/value.ts';
import { dropout, dropPath, dropPathRates } from '../../../src/model/layers/drop.ts';
import { createModel } from '../../../src/model/networks/table.ts';
import { type Scope, type Traced, type TraceOptions, traceNetwork } from '../../../src/model/scope.ts';
import { traceTraining } from '../../../src/train/network.ts';
import { interpret } from '../../support/interpret.ts';
import { randomTensor } from '../support.ts';

const SHAPE = [4, 3, 2, 2];
const trace = (body: (s: Scope, x: Value) => Value, mode: TraceOptions['mode'] = 'training'): Traced =>
  traceNetwork((s, { x }) => ({ y: body(s.at('block'), x!) }), { inputs: { x: { shape: SHAPE } }, mode });
const x = randomTensor('x', SHAPE);

describe('drop path', () => {
  const traced = trace((s, v) => dropPath(s, v, 0.25));
  const drawn = float32([4, 1, 1, 1], [0.1, 0.25, 0.2499, 0.9]);
  const kept = [0, 1, 0, 1];

  it('zeroes the pictures drawn below its rate and divides the others by 1 less it', () => {
    expect(traced.randoms).toEqual([{ name: 'random/block.drop_path', shape: [4, 1, 1, 1] }]);
    const y = interpret(
      traced.outputs,
      new Map([
        ['x', x],
        ['random/block.drop_path', drawn],
      ]),
    ).get('y')!;
    [...x.data].forEach((v, i) => {
      expect(y.data[i]).toBeCloseTo((Number(v) * kept[Math.floor(i / 12)]!) / 0.75, 6);
    });
  });
  it('lets gradients through where it lets pictures through', () => {
    const input = traced.inputs.get('x')!;
    const dx = backward(op.reduceSum(traced.outputs.get('y')!, undefined, false), [input]).get(input)!;
    const g = interpret(new Map([['dx', dx]]), new Map([['random/block.drop_path', drawn]])).get('dx')!;
    expect([...g.data].map((v) => Math.round(v * 1e6) / 1e6)).toEqual(
      Array.from({ length: 48 }, (_, i) => (kept[Math.floor(i / 12)] ? 1.333333 : 0)),
    );
  });
  it('is the identity and draws nothing in inference, and at rate 0', () => {
    const still = trace((s, v) => dropPath(s, v, 0.25), 'inference');
    expect(still.outputs.get('y')).toBe(still.inputs.get('x'));
    expect(still.randoms).toEqual([]);
    const never = trace((s, v) => dropPath(s, v, 0));
    expect(never.outputs.get('y')).toBe(never.inputs.get('x'));
  });
  it('has rates from 0 to the last in equal steps over the blocks', () => {
    expect(dropPathRates(0.3, [2, 1, 1])).toEqual([[0, 0.3 / 3], [0.6 / 3], [0.3]]);
    expect(dropPathRates(0.3, [1])).toEqual([[0]]);
  });
  it('is refused at rates that leave nothing', () => {
    expect(() => trace((s, v) => dropPath(s, v, 1))).toThrowError(Fault);
    expect(() => trace((s, v) => dropPath(s, v, -0.1))).toThrowError(/block\.drop_path: expected a probability/);
  });
});

describe('dropout', () => {
  it('draws for each element', () => {
    const traced = trace((s, v) => dropout(s, v, 0.5));
    const drawn = Array.from({ length: 48 }, (_, i) => ((i * 7919 * 13) % 100) / 100);
    const feeds = new Map([
      ['x', x],
      ['random/block.dropout', float32(SHAPE, drawn)],
    ]);
    const y = interpret(traced.outputs, feeds).get('y')!;
    [...x.data].forEach((v, i) => {
      expect(y.data[i]).toBeCloseTo(drawn[i]! < 0.5 ? 0 : 2 * Number(v), 6);
    });
  });
  it('is drawn twice at one place only under two names', () => {
    expect(() => trace((s, v) => dropout(s, dropout(s, v, 0.5), 0.5))).toThrowError(/block\.dropout: drawn twice/);
  });
});

const SMALL = { width: 8, layers: [1, 2, 1], classes: 5, stem: '3x3' };

describe('a residual network', () => {
  it('draws for every block but the first, and before the classifier, through to the lowered training graph', () => {
    const { network } = createModel('resnet18', { ...SMALL, dropPath: 0.3, dropout: 0.2, context: GC });
    const traced = traceTraining(network, { batch: 2, size: 16, labelSmoothing: 0, provider: 'cpu' });
    expect(traced.randoms).toEqual([
      { name: 'random/layer2.0.drop_path', shape: [2, 1, 1, 1] },
      { name: 'random/layer2.1.drop_path', shape: [2, 1, 1, 1] },
      { name: 'random/layer3.0.drop_path', shape: [2, 1, 1, 1] },
      { name: 'random/dropout', shape: [2, 32] },
    ]);
  });
  it('refuses a rate of 1', () => {
    expect(() => createModel('resnet18', { dropPath: 1 })).toThrowError(/dropPath/);
  });
});

const GC = [{ context: { kind: 'global-context', ratio: 0.5 }, position: 'after-conv2' }];

describe('a frozen batch norm', () => {
  const { network } = createModel('resnet18', SMALL);
  const run = (mode: TraceOptions['mode'], frozen: (path: string) => boolean): Traced =>
    traceNetwork(network, { inputs: { x: { shape: [2, 3, 8, 8] } }, mode, frozenNorm: frozen });
  const feeds = (t: Traced): Map<string, ReturnType<typeof randomTensor>> =>
    new Map([
      ['x', randomTensor('x', [2, 3, 8, 8])],
      ...t.state.map(({ name, shape }) => [name, randomTensor(name, shape, 0.3)] as const),
    ]);

  it('uses its running statistics in training: all frozen, the network is that of inference', () => {
    const frozen = run('training', () => true);
    expect(frozen.updates.size).toBe(0);
    expect(frozen.counting.size).toBe(0);
    const still = run('inference', () => false);
    const [a, b] = [frozen, still].map((t) => interpret(t.outputs, feeds(t)).get('logits')!);
    expect([...a!.data]).toEqual([...b!.data]);
  });
  it('is chosen by path; the others go on counting and changing', () => {
    const t = run('training', (path) => path === 'bn1' || path.startsWith('layer1.'));
    const norms = (names: Iterable<string>): string[] =>
      [...new Set([...names].map((n) => n.replace(/\.\w+$/, '')))].sort();
    const rest = norms(t.state.filter((s) => s.role === 'counter').map((s) => s.name)).filter(
      (n) => n !== 'bn1' && !n.startsWith('layer1.'),
    );
    expect(norms(t.updates.keys())).toEqual(rest);
    expect(norms(t.counting)).toEqual(rest);
    expect(rest).toHaveLength(8);
  });
});

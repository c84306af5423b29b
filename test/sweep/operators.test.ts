import { describe, expect, it } from 'vitest';
import { createSession } from '../../src/engine/session.ts';
import * as aggregation from '../../src/graph/aggregate/index.ts';
import { bindGraph } from '../../src/graph/bind.ts';
import * as op from '../../src/graph/ops/index.ts';
import { OPS } from '../../src/graph/ops/table.ts';
import { legalise, portable, simplify } from '../../src/graph/simplify.ts';
import { nodesOf } from '../../src/graph/trace.ts';
import type { OpDef, Value } from '../../src/graph/value.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';
import { derivativeError, differentiate, type Traced, traceSample } from '../support/check.ts';
import { interpret, KERNELS, SOURCES } from '../support/interpret.ts';
import { fromTensor, relativeError } from '../support/numbers.ts';
import { SAMPLES } from '../support/samples/index.ts';

/** Operators without a derivative, and why. */
const NO_DERIVATIVE: Readonly<Record<string, string>> = {
  Greater: 'a truth value is constant between its jumps',
  GreaterOrEqual: 'a truth value is constant between its jumps',
  Less: 'a truth value is constant between its jumps',
  LessOrEqual: 'a truth value is constant between its jumps',
  Equal: 'a truth value is constant between its jumps',
  And: 'truth values in and out',
  Or: 'truth values in and out',
  Not: 'truth values in and out',
  Sign: 'constant between its jumps',
  Floor: 'constant between its jumps',
  Ceil: 'constant between its jumps',
  Round: 'constant between its jumps',
  ArgMax: 'gives an index',
  OneHot: 'takes indices',
  QuantizeLinear: 'constant between its jumps',
  DequantizeLinear: 'takes whole numbers',
};

/** Words whose derivative is not that of what they compute: that is what they are for. */
const OTHER_DERIVATIVE = new Set(['stopGradient', 'scaleGradient']);

/** Relative to the largest element: float32 rounding of sums of up to a hundred terms. */
const FLOAT32_ERROR = 1e-5;
const DERIVATIVE_ERROR = 1e-6;

const runtime = nodeRuntime();
const of = (def: OpDef): typeof SAMPLES => SAMPLES.filter((s) => s.op === def.name);
const uses = (def: OpDef, traced: Traced): boolean => nodesOf(traced.outputs.values()).some((n) => n.def === def);

/** `aggregate` is lowered before all else; other graphs stay as they are. */
function lowered(outputs: ReadonlyMap<string, Value>, training: boolean): Map<string, Value> {
  return aggregation.lowerAggregates(outputs, { provider: 'cpu', training }).outputs;
}

/** What the provider lacks and the graph still holds. */
function lacking(outputs: ReadonlyMap<string, Value>, provider: string): string[] {
  const left = nodesOf(outputs.values()).filter((n) => n.def.elsewhere?.[provider]?.(n));
  return left.map((n) => n.def.name);
}

async function engineError(outputs: ReadonlyMap<string, Value>, traced: Pick<Traced, 'feeds'>): Promise<number> {
  const session = await createSession(runtime, lowered(outputs, false), { threads: 1 });
  const results = await session.run(Object.fromEntries(traced.feeds));
  await session.release();
  const expected = interpret(outputs, traced.feeds);
  return Math.max(0, ...[...expected].map(([name, t]) => relativeError(fromTensor(results[name]!), t)));
}

describe('the table of operators', () => {
  it('lists every record that the operators export, once', () => {
    const records = [...Object.values(op), ...Object.values(aggregation)].filter(
      (v): v is OpDef => typeof v === 'object' && 'vjp' in v,
    );
    expect(records.filter((r) => !OPS.includes(r)).map((r) => r.name)).toEqual([]);
    expect(new Set(OPS.map((r) => r.name)).size).toBe(OPS.length);
  });
  it('has a kernel in the interpreter for every record', () => {
    expect(OPS.filter((r) => !KERNELS[r.name] && !SOURCES.has(r.name)).map((r) => r.name)).toEqual([]);
  });
  it('has a sample for every record', () => {
    expect(OPS.filter((r) => of(r).length === 0).map((r) => r.name)).toEqual([]);
  });
  it('says why each record without a derivative has none', () => {
    expect(
      OPS.filter((r) => r.vjp === null)
        .map((r) => r.name)
        .sort(),
    ).toEqual(Object.keys(NO_DERIVATIVE).sort());
  });
});

describe.each(OPS.map((def) => [def.name, def] as const))('%s', (_, def) => {
  for (const sample of of(def)) {
    it(`gives the interpreter's shape and values in the engine: ${sample.name}`, async () => {
      const traced = traceSample(sample);
      expect(uses(def, traced)).toBe(true);
      expect(await engineError(traced.outputs, traced)).toBeLessThan(FLOAT32_ERROR);
    });

    if (def.vjp && !OTHER_DERIVATIVE.has(def.name)) {
      it(`has the derivative that central differences give: ${sample.name}`, async () => {
        const traced = traceSample(sample);
        const d = differentiate({ ...traced, outputs: lowered(traced.outputs, true) });
        if (!d) return;
        expect(derivativeError(d)).toBeLessThan(DERIVATIVE_ERROR);
        if (d.gradients.size > 0) expect(await engineError(d.gradients, d)).toBeLessThan(FLOAT32_ERROR);
      });
    }

    it(`means the same after simplification and lowering: ${sample.name}`, () => {
      const traced = traceSample(sample);
      const before = interpret(traced.outputs, traced.feeds);
      const ready = simplify(legalise(simplify(lowered(traced.outputs, false))));
      for (const graph of [ready, portable(ready)]) {
        const after = interpret(graph, traced.feeds);
        for (const [name, t] of before) expect(relativeError(after.get(name)!, t)).toBeLessThan(DERIVATIVE_ERROR);
      }
    });

    for (const provider of Object.keys(def.elsewhere ?? {})) {
      it(`means the same in operators that ${provider} has, its derivative too: ${sample.name}`, async () => {
        const traced = traceSample(sample);
        const d = differentiate(traced);
        const outputs = new Map([...traced.outputs, ...(d?.gradients ?? [])]);
        const feeds = d?.feeds ?? traced.feeds;
        const ready = simplify(legalise(simplify(outputs), provider));
        expect(lacking(ready, provider)).toEqual([]);
        const [before, after] = [interpret(outputs, feeds), interpret(ready, feeds)];
        for (const [name, t] of before) expect(relativeError(after.get(name)!, t)).toBeLessThan(DERIVATIVE_ERROR);
        expect(await engineError(ready, { feeds })).toBeLessThan(FLOAT32_ERROR);
      });
    }

    if (sample.name.startsWith('open')) {
      it(`traced with open sizes and bound equals traced with sizes: ${sample.name}`, () => {
        const [closed, open] = [traceSample(sample), traceSample(sample, true)];
        const bound = bindGraph(open.outputs, open.bindings);
        const expected = interpret(closed.outputs, closed.feeds);
        for (const [name, t] of interpret(bound, open.feeds)) expect(relativeError(t, expected.get(name)!)).toBe(0);
      });

      it(`runs in the engine with sizes left open: ${sample.name}`, async () => {
        const [closed, open] = [traceSample(sample), traceSample(sample, true)];
        const session = await createSession(runtime, lowered(open.outputs, false), { threads: 1 });
        const results = await session.run(Object.fromEntries(open.feeds));
        await session.release();
        for (const [name, t] of interpret(closed.outputs, closed.feeds)) {
          expect(relativeError(fromTensor(results[name]!), t)).toBeLessThan(FLOAT32_ERROR);
        }
      });
    }
  }
});

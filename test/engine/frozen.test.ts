import { describe, expect, test } from 'vitest';
import { float16Bits, toFloat16 } from '../../src/core/half.ts';
import { float32, fromFloat16, type Tensor, toNumbers } from '../../src/core/tensor.ts';
import { bake } from '../../src/engine/bake.ts';
import { calibrate } from '../../src/engine/calibrate.ts';
import { encode, ONNX_MODULES } from '../../src/engine/encode.ts';
import { foldNorms } from '../../src/engine/fold-norms.ts';
import { type Frozen, modulesOf } from '../../src/engine/frozen.ts';
import { halve } from '../../src/engine/half.ts';
import { planQuantisation, quantise } from '../../src/engine/quantise.ts';
import { readModelFacts } from '../../src/engine/read-model.ts';
import { symbol } from '../../src/graph/dimension.ts';
import * as op from '../../src/graph/ops/index.ts';
import { inputName, nodesOf } from '../../src/graph/trace.ts';
import type { Value } from '../../src/graph/value.ts';
import { ZEROS } from '../../src/model/init.ts';
import { conv2d } from '../../src/model/layers/conv.ts';
import { linear } from '../../src/model/layers/linear.ts';
import { batchNorm } from '../../src/model/layers/norm.ts';
import { globalAveragePool } from '../../src/model/layers/pool.ts';
import { type Network, type Scope, traceNetwork } from '../../src/model/scope.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';
import { interpret } from '../support/interpret.ts';

const runtime = nodeRuntime();

/** Numbers in (-1, 1), always the same. */
function draws(shape: readonly number[], key: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return float32(
    shape,
    Float32Array.from({ length: size }, (_, i) => Math.sin(12.9898 * (i + 1) + key) * 0.9),
  );
}

/** A network with weights, traced for pictures [batch, 3, 8, 8]. */
function frozenOf(network: Network, batch: 'open' | number = 2): Frozen {
  const shape = [batch === 'open' ? symbol('batch') : batch, 3, 8, 8];
  const { outputs, state, parameters } = traceNetwork(network, { inputs: { x: { shape } }, mode: 'inference' });
  const constants = new Map(
    state
      .filter((s) => parameters.has(s.name))
      .map((s, i) => {
        const t = draws(s.shape, i);
        return [
          s.name,
          s.name.endsWith('var')
            ? float32(
                s.shape,
                toNumbers(t).map((v) => 1 + v),
              )
            : t,
        ];
      }),
  );
  return { outputs, modules: modulesOf(outputs, (name) => name === 'x'), constants };
}

/** Convolution and norm, twice, with a shortcut; then classes. */
const small: Network = (s, { x }) => {
  const first = op.relu(batchNorm(s.at('bn1'), conv2d(s.at('conv1'), x!, { channels: 8, kernel: 3, padding: 1 })));
  const second = batchNorm(
    s.at('bn2'),
    conv2d(s.at('conv2'), first, { channels: 8, kernel: 3, padding: 1, bias: true }),
  );
  return { logits: linear(s.at('fc'), globalAveragePool(op.relu(op.add(second, first))), { features: 4 }) };
};

const x = draws([2, 3, 8, 8], 77);
const run = ({ outputs, constants }: Frozen): Float64Array =>
  interpret(outputs, new Map([...constants, ['x', x] as const])).get('logits')!.data;
const largest = (a: Float64Array, b: Float64Array): number => Math.max(...a.map((v, i) => Math.abs(v - b[i]!)));
const names = ({ outputs }: Frozen): string[] => nodesOf(outputs.values()).map((n) => n.def.name);

describe('half precision', () => {
  test('numbers that it has come back as they were, all 65,536 of them', () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = fromFloat16(bits);
      if (Number.isNaN(value)) expect(fromFloat16(float16Bits(value))).toBeNaN();
      else if (float16Bits(value) !== bits) expect([value, float16Bits(value)]).toEqual([value, bits]);
    }
  });
  test.each([
    [1 + 2 ** -11, 1],
    [1 + 3 * 2 ** -11, 1 + 2 ** -9],
    [1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
    [2 ** -25, 0],
    [3 * 2 ** -25, 2 * 2 ** -24],
    [65519, 65504],
    [65520, Number.POSITIVE_INFINITY],
    [-65504, -65504],
  ])('%s is rounded to %s', (value, nearest) => {
    expect(fromFloat16(float16Bits(value))).toBe(nearest);
  });
  test('refuses a weight that is too large for it, by name', () => {
    expect(() => toFloat16(float32([1], [1e6]), 'fc.weight')).toThrow('fc.weight: expected numbers within ±65504');
  });
  test('leaves inputs and outputs float32 and changes little', () => {
    const frozen = foldNorms(frozenOf(small));
    const half = halve(frozen);
    expect(half.outputs.get('logits')!.dtype).toBe('float32');
    expect([...half.constants.values()].filter((t) => t.dtype === 'float16')).toHaveLength(6);
    expect(largest(run(half), run(frozen))).toBeLessThan(5e-3);
    expect(largest(run(half), run(frozen))).toBeGreaterThan(0);
  });
  test('sums and softmax stay float32, also where one follows the other', () => {
    const network: Network = (s, { x: given }) => {
      const scores = op.softmax(conv2d(s.at('scores'), given!, { channels: 4, kernel: 1 }), 3);
      return { logits: op.reduceSum(scores, [2, 3], false) };
    };
    const nodes = nodesOf(halve(frozenOf(network)).outputs.values());
    const dtypes = (name: string): string[] => nodes.find((n) => n.def.name === name)!.inputs.map((v) => v!.dtype);
    expect([dtypes('Conv'), dtypes('Softmax'), dtypes('ReduceSum')]).toEqual([
      ['float16', 'float16'],
      ['float32'],
      ['float32'],
    ]);
    expect(nodes.filter((n) => n.def.name === 'Cast')).toHaveLength(2); // into the convolution and out of it
  });
});

describe('folding of norms', () => {
  test('leaves none after a convolution and the same numbers', () => {
    const frozen = frozenOf(small);
    const folded = foldNorms(frozen);
    expect(names(frozen)).toContain('BatchNormalization');
    expect(names(folded)).not.toContain('BatchNormalization');
    expect(largest(run(folded), run(frozen))).toBeLessThan(1e-6);
  });
  test('gives the convolution a bias of its own name where it had none', () => {
    const { constants, outputs } = foldNorms(frozenOf(small));
    const biases = nodesOf(outputs.values()).flatMap((n) => (n.def.name === 'Conv' ? [inputName(n.inputs[2]!)] : []));
    expect(biases).toEqual(['conv1.bias', 'conv2.bias']);
    expect(constants.get('conv1.bias')!.shape).toEqual([8]);
  });
  test('keeps a norm whose convolution is read by others too', () => {
    const twice: Network = (s, { x: given }) => {
      const y = conv2d(s.at('conv'), given!, { channels: 4, kernel: 1 });
      return { logits: globalAveragePool(op.add(batchNorm(s.at('bn'), y), y)) };
    };
    const frozen = frozenOf(twice);
    expect(names(foldNorms(frozen))).toContain('BatchNormalization');
    expect(largest(run(foldNorms(frozen)), run(frozen))).toBe(0);
  });
  test('keeps norms of a convolution whose weights serve twice', () => {
    const shared: Network = (s, { x: given }) => {
      const conv = (v: Value): Value => conv2d(s.at('conv'), v, { channels: 3, kernel: 1 });
      return { logits: globalAveragePool(batchNorm(s.at('b'), conv(batchNorm(s.at('a'), conv(given!))))) };
    };
    const frozen = frozenOf(shared);
    expect(largest(run(foldNorms(frozen)), run(frozen))).toBeLessThan(1e-12);
  });
});

describe('baking', () => {
  /** A product with a weight that is reshaped, scaled by another weight. */
  const made: Network = (s: Scope, { x: given }) => {
    const w = op.reshape(s.param('weight', [4, 3, 1, 1], ZEROS), [4, 3]);
    const scaled = op.mul(s.param('scale', [4, 1], ZEROS), s.param('other', [4, 3], ZEROS));
    const pooled = globalAveragePool(given!);
    return {
      logits: op.add(op.matMul(pooled, op.transpose(w, [1, 0])), op.matMul(pooled, op.transpose(scaled, [1, 0]))),
    };
  };
  test('leaves no operator that reads weights alone, and the same numbers', async () => {
    const frozen = frozenOf(made);
    const baked = await bake(runtime, frozen);
    expect(names(baked).sort()).toEqual(['Add', 'MatMul', 'MatMul', 'ReduceMean', 'input', 'input', 'input']);
    expect(largest(run(baked), run(frozen))).toBeLessThan(1e-6);
  });
  test('keeps the name of a weight that only changed its shape', async () => {
    const { constants } = await bake(runtime, frozenOf(made));
    expect(constants.get('weight')!.shape).toEqual([3, 4]);
  });
});

describe('quantisation', () => {
  const frozen = foldNorms(frozenOf(small, 'open'));
  const fixed = foldNorms(frozenOf(small));
  const feeds = async function* (): AsyncGenerator<{ x: Tensor }> {
    yield { x };
    yield { x: draws([1, 3, 8, 8], 5) };
  };
  const ranges = (f: Frozen, method: Parameters<typeof calibrate>[3]): ReturnType<typeof calibrate> => {
    const plan = planQuantisation(f, () => false);
    return calibrate(runtime, { constants: f.constants, values: new Set(plan.points.values()) }, feeds, method);
  };
  test('sees the least and the greatest number of every value', async () => {
    const plan = planQuantisation(fixed, () => false);
    const seen = await ranges(frozen, { kind: 'min-max' });
    const fed = [...seen].find(([v]) => inputName(v) === 'x')![1];
    const numbers = [...toNumbers(x), ...toNumbers(draws([1, 3, 8, 8], 5))];
    expect([fed.least, fed.greatest]).toEqual([Math.min(...numbers), Math.max(...numbers)]);
    expect(seen.size).toBe(plan.points.size);
  });
  test('a percentile leaves out what is rare', async () => {
    const whole = await ranges(frozen, { kind: 'min-max' });
    const most = await ranges(frozen, { kind: 'percentile', share: 0.9 });
    const widths = (r: typeof whole): number[] => [...r].map(([, { least, greatest }]) => greatest - least);
    const [all, cut] = [widths(whole), widths(most)];
    expect(cut.every((w, i) => w <= all[i]! * 1.001)).toBe(true);
    expect(cut.filter((w, i) => w < all[i]! * 0.98).length).toBeGreaterThan(2);
  });
  test('costs no more than its steps', async () => {
    const plan = planQuantisation(fixed, () => false);
    const seen = [...(await ranges(frozen, { kind: 'min-max' })).values()];
    const quantised = quantise(fixed, plan, new Map([...plan.points.values()].map((v, i) => [v, seen[i]!])));
    const [exact, rough] = [run(fixed), run(quantised)];
    const scale = Math.max(...exact.map(Math.abs));
    expect(largest(exact, rough) / scale).toBeLessThan(0.05);
    expect(largest(exact, rough)).toBeGreaterThan(0);
  });
  test('makes every weight int8 with a step for each output, and stays off what is kept', () => {
    const plan = planQuantisation(fixed, (path) => path === 'fc');
    expect([...plan.products].map((n) => n.path)).toEqual(['conv1', 'conv2']);
    const seen = new Map([...plan.points.values()].map((v) => [v, { least: -2, greatest: 2 }]));
    const { constants } = quantise(fixed, plan, seen);
    const weights = constants.get('conv1.weight.int8')!;
    expect([weights.dtype, weights.shape]).toEqual(['int8', [8, 3, 3, 3]]);
    expect(Math.max(...toNumbers(weights).map(Math.abs))).toBe(127);
    expect(constants.get('conv1.weight.scale')!.shape).toEqual([8]);
    expect(constants.get('conv1.bias.int32')!.dtype).toBe('int32');
    expect(constants.has('fc.weight.int8')).toBe(false);
  });
  test('sets the steps after a ReLU, not before', () => {
    const plan = planQuantisation(fixed, () => false);
    const kinds = [...plan.points.keys()].map((v) => v.node.def.name);
    expect(kinds).toEqual(['input', 'Relu', 'Conv', 'Relu', 'ReduceMean']);
  });
  test('refuses a value that was not seen, by its module', () => {
    const plan = planQuantisation(fixed, () => false);
    expect(() => quantise(fixed, plan, new Map())).toThrow('expected a range of finite numbers from calibration');
  });
});

describe('a file', () => {
  test('says which tensor each module gives, also where a norm went into its convolution', () => {
    const { outputs, modules, constants } = foldNorms(frozenOf(small));
    const bytes = encode(outputs, { constants, modules });
    const { metadata } = readModelFacts(bytes, 'a file');
    const told = JSON.parse(metadata[ONNX_MODULES]!) as Record<string, string>;
    expect(Object.keys(told).sort()).toEqual(['bn1', 'bn2', 'fc']);
    expect(told['fc']).toBe('logits');
    expect(told['bn1']).toMatch(/^conv1\/Conv_/);
  });
});

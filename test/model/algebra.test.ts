import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/core/shape.ts';
import { float32, type Tensor } from '../../src/core/tensor.ts';
import * as op from '../../src/graph/ops/index.ts';
import type { Value } from '../../src/graph/value.ts';
import { aggregate } from '../../src/model/aggregate.ts';
import type { ContextSpec } from '../../src/model/blocks/context.ts';
import { ZEROS } from '../../src/model/init.ts';
import { overPositions } from '../../src/model/layers/pointwise.ts';
import type { Scope } from '../../src/model/scope.ts';
import { type Numbers, relativeError } from '../support/numbers.ts';
import { type BlockRun, fed, flat, outputOf, project, runOf, runPart, softmax, tapOf } from './support.ts';

/** Eight channels on a 4 x 3 map. */
const SHAPE = [2, 8, 4, 3] as const;
const [N, C, H, W] = SHAPE;
const L = H * W;
/** Different ways to the same sum in double precision. */
const SAME = 1e-12;

/** A run with other numbers for some of its tensors. */
function withState(run: BlockRun, state: Readonly<Record<string, readonly number[]>>): BlockRun {
  const changed = Object.entries(state).map(([name, values]): [string, Tensor] => {
    const { shape } = run.feeds.get(name)!;
    if (sizeOf(shape) !== values.length) throw new Error(`${name}: ${values.length} values for ${shape.join(' x ')}`);
    return [name, float32(shape, values)];
  });
  return { ...run, feeds: new Map([...run.feeds, ...changed]) };
}

const values = (run: BlockRun, name: string): number[] => [...fed(run, name).data];
const eye = (n: number): number[] => Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
const zeros = (n: number): number[] => new Array<number>(n).fill(0);

/** CONTAINER's mixture with free weights α and β. */
function container(change: object, alpha: number, beta: number): BlockRun {
  const spec: ContextSpec = { kind: 'container-mix', heads: 2, window: 3, weights: 'free', ...change };
  return withState(runOf(spec, SHAPE), { alpha: [alpha], beta: [beta] });
}

/** The same where what is read is x itself and nothing follows, so that the affinity alone is seen. */
function bare(run: BlockRun): BlockRun {
  return withState(run, {
    'conv1.weight': [...values(run, 'conv1.weight').slice(0, 2 * C * C), ...eye(C)],
    'conv1.bias': [...values(run, 'conv1.bias').slice(0, 2 * C), ...zeros(C)],
    'conv2.weight': eye(C),
    'conv2.bias': zeros(C),
  });
}

/** y_i = Σ_j A_ij x_j of each channel, by loops. affinity [rows of one head][i][j] */
function read(x: Numbers, affinity: (n: number, c: number, i: number) => readonly number[]): Numbers {
  const data = Float64Array.from(x.data, (_, at) => {
    const [n, c, i] = [Math.floor(at / (C * L)), Math.floor(at / L) % C, at % L];
    return affinity(n, c, i).reduce((sum, a, j) => sum + a * x.data[(n * C + c) * L + j]!, 0);
  });
  return { shape: x.shape, data };
}

describe('self-attention is CONTAINER without its static affinity: α = 1, β = 0', () => {
  const run = container({}, 1, 0);
  it('block for block, with the same weights', () => {
    const attention = runOf({ kind: 'self-attention', heads: 2 }, SHAPE);
    const same = withState(attention, {
      'qkv.weight': values(run, 'conv1.weight'),
      'qkv.bias': values(run, 'conv1.bias'),
      'proj.weight': values(run, 'conv2.weight'),
      'proj.bias': values(run, 'conv2.bias'),
    });
    expect(relativeError(outputOf(run), outputOf(same))).toBeLessThan(SAME);
  });
  it('equation for equation: softmax(QKᵀ / √(C/M)) V in plain loops', () => {
    const alone = bare(run);
    const x = flat(fed(alone, 'x'));
    const qk = project(x, fed(alone, 'conv1.weight'), fed(alone, 'conv1.bias'));
    const at = (n: number, c: number, i: number): number => qk.data[(n * 3 * C + c) * L + i]!;
    const d = C / 2;
    const expected = read(fed(alone, 'x'), (n, c, i) => {
      const first = Math.floor(c / d) * d;
      const logits = Array.from({ length: L }, (_, j) =>
        Array.from({ length: d }, (_, k) => at(n, first + k, i) * at(n, C + first + k, j)).reduce((a, b) => a + b, 0),
      );
      return softmax(logits.map((v) => v / Math.sqrt(d)));
    });
    expect(relativeError(outputOf(alone), expected)).toBeLessThan(SAME);
  });
});

describe('depthwise convolution is CONTAINER with a kernel for each channel alone: α = 0, β = 1, M = C', () => {
  const run = bare(container({}, 0, 1));
  const kernel = values(run, 'conv.weight');
  const shift = values(run, 'conv.bias');
  it('block for block, with the same kernels', () => {
    const plain = withState(runOf({ kind: 'depthwise', window: 3 }, SHAPE), { weight: kernel, bias: shift });
    expect(relativeError(outputOf(run), outputOf(plain))).toBeLessThan(SAME);
  });
  it('equation for equation: A_ij = w_(j−i) inside the window and 0 elsewhere, in plain loops', () => {
    const expected = read(fed(run, 'x'), (_, c, i) =>
      Array.from({ length: L }, (_, j) => {
        const [dy, dx] = [Math.floor(j / W) - Math.floor(i / W) + 1, (j % W) - (i % W) + 1];
        return dy >= 0 && dy < 3 && dx >= 0 && dx < 3 ? kernel[c * 9 + dy * 3 + dx]! : 0;
      }),
    );
    const biased = { ...expected, data: expected.data.map((v, at) => v + shift[Math.floor(at / L) % C]!) };
    expect(relativeError(outputOf(run), biased)).toBeLessThan(SAME);
  });
});

describe('MLP-Mixer is CONTAINER with one learned matrix for all channels: α = 0, β = 1, M = 1', () => {
  const run = bare(container({ static: 'dense', staticHeads: 1, positions: [H, W] }, 0, 1));
  const matrix = values(run, 'static_a');
  it('block for block, with the same matrix', () => {
    const mixer = withState(runOf({ kind: 'mlp-mixer', positions: [H, W] }, SHAPE), { static_a: matrix });
    expect(relativeError(outputOf(run), outputOf(mixer))).toBeLessThan(SAME);
  });
  it('equation for equation: Y = A X, in plain loops', () => {
    const expected = read(fed(run, 'x'), (_, __, i) => matrix.slice(i * L, (i + 1) * L));
    expect(relativeError(outputOf(run), expected)).toBeLessThan(SAME);
  });
});

describe('a non-local block whose map does not depend on the query', () => {
  const D = C / 2;
  const full = runOf({ kind: 'non-local' }, SHAPE);
  /** θ(x) = b_θ for all x. */
  const shared = withState(full, { 'theta.conv.weight': zeros(D * C) });
  it('has the same row for every query', () => {
    const map = tapOf(shared, 'attention');
    for (const [at, v] of map.data.entries()) {
      expect(v).toBeCloseTo(map.data[Math.floor(at / (L * L)) * L * L + (at % L)]!, 12);
    }
  });
  it('is the simplified one with w_k = φᵀ b_θ / √D and W_v = W_z W_g', () => {
    const part = (name: string): number[] => values(shared, `${name}.conv.weight`);
    const bias = (name: string): number[] => values(shared, `${name}.conv.bias`);
    const product = (row: readonly number[], m: readonly number[]): number[] =>
      Array.from({ length: C }, (_, c) => row.reduce((sum, v, d) => sum + v * m[d * C + c]!, 0));
    const rows = Array.from({ length: C }, (_, o) => part('conv_out').slice(o * D, (o + 1) * D));
    const simplified = withState(runOf({ kind: 'simplified-non-local' }, SHAPE), {
      'conv_mask.weight': product(bias('theta'), part('phi')).map((v) => v / Math.sqrt(D)),
      'conv_value.weight': rows.flatMap((row) => product(row, part('g'))),
      'conv_value.bias': rows.map((row, o) => row.reduce((s, v, d) => s + v * bias('g')[d]!, bias('conv_out')[o]!)),
    });
    // Weights are float32, products of them rounded once more.
    expect(relativeError(outputOf(shared), outputOf(simplified))).toBeLessThan(1e-6);
  });
});

describe('squeeze-and-excitation', () => {
  const run = runOf({ kind: 'squeeze-excitation', squeezeChannels: 4 }, SHAPE);
  it('is the mean of all positions, compared with nothing, that scales x', () => {
    const written = runPart((s: Scope, x: Value) => {
      const mean = aggregate(s, {
        values: x,
        reads: { kind: 'everywhere' },
        score: { kind: 'none' },
        normalise: 'count',
      });
      const vector = op.reshape(mean, [N, C]);
      const layer = (name: string, v: Value, [o, i]: readonly [number, number]): Value => {
        const weight = s.param(`${name}.weight`, [o, i, 1, 1], ZEROS);
        const bias = s.param(`${name}.bias`, [o], ZEROS);
        return op.add(op.matMul(v, op.transpose(op.reshape(weight, [o, i]), [1, 0])), bias);
      };
      const scale = op.sigmoid(layer('fc2', op.relu(layer('fc1', vector, [4, C])), [C, 4]));
      return op.mul(x, overPositions(scale, 2));
    }, SHAPE);
    expect(relativeError(outputOf(run), outputOf(written))).toBeLessThan(SAME);
  });
  it('is a global context block that averages, without norm, and multiplies', () => {
    const spec: ContextSpec = {
      kind: 'global-context',
      hiddenChannels: 4,
      pooling: 'average',
      fusions: ['multiply'],
      between: 'relu',
    };
    const context = runOf(spec, SHAPE);
    const names = [...context.feeds.keys()].filter((name) => name !== 'x');
    const [w1, b1, w2, b2] = ['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias'].map((name) => values(run, name));
    const same = withState(context, Object.fromEntries(names.map((name, i) => [name, [w1, b1, w2, b2][i]!])));
    expect(names).toHaveLength(4);
    expect(relativeError(outputOf(run), outputOf(same))).toBeLessThan(SAME);
  });
});

describe('the classical non-local means filter', () => {
  const h = 0.7;
  it('is a value of the algebra without parameters: a Gaussian of distances, in plain loops', () => {
    const run = runOf({ kind: 'non-local-means', strength: h, patch: 1 }, SHAPE);
    const x = fed(run, 'x');
    const distance = (n: number, i: number, j: number): number =>
      Array.from({ length: C }, (_, c) => (x.data[(n * C + c) * L + i]! - x.data[(n * C + c) * L + j]!) ** 2).reduce(
        (a, b) => a + b,
        0,
      ) / C;
    const expected = read(x, (n, _, i) => softmax(Array.from({ length: L }, (_, j) => -distance(n, i, j) / h ** 2)));
    expect(run.state).toEqual([]);
    expect(relativeError(outputOf(run), expected)).toBeLessThan(1e-6); // kernels that cut patches are float32
  });
  it('is a Gaussian non-local block of pixels that all have one length', () => {
    // −|x_i − x_j|² = 2 x_iᵀ x_j − 2 for unit vectors, and a softmax does not feel what all its logits share.
    const spec: ContextSpec = { kind: 'non-local-means', strength: Math.sqrt(2 / C), patch: 1 };
    const unit = unitPixels(runOf(spec, SHAPE));
    const gaussian = unitPixels(
      runPart(
        (s, x) =>
          aggregate(s, {
            ...{ queries: x, keys: x, values: x, reads: { kind: 'everywhere' }, normalise: 'softmax' },
            score: { kind: 'dot-product', scale: 1 },
          }),
        SHAPE,
      ),
    );
    expect(relativeError(outputOf(unit), outputOf(gaussian))).toBeLessThan(1e-6);
  });
});

/** A run on pixels that are divided by their lengths. */
function unitPixels(run: BlockRun): BlockRun {
  const x = fed(run, 'x');
  const length = (n: number, i: number): number =>
    Math.sqrt(Array.from({ length: C }, (_, c) => x.data[(n * C + c) * L + i]! ** 2).reduce((a, b) => a + b, 0));
  return withState(run, { x: [...x.data].map((v, at) => v / length(Math.floor(at / (C * L)), at % L)) });
}

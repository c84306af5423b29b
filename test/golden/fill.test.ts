import { describe, expect, it } from 'vitest';
import { float32, floats } from '../../src/core/tensor.ts';
import type { ArrayCase } from '../../src/golden/case.ts';
import { stateTensors } from '../../src/golden/case.ts';
import { compareOutput } from '../../src/golden/compare.ts';
import { fill, fillInput, samplePositions, scaleFloat32 } from '../../src/golden/fill.ts';
import { corpusCase, corpusTitle, hasCorpus } from './corpus.ts';

/** u of a name at element i, by unbounded integers and a remainder after every step. */
function slowU(name: string, i: number): number {
  const wrap = (x: bigint): bigint => x % 2n ** 32n;
  let h = 0x811c9dc5n;
  for (const byte of Buffer.from(name, 'utf8')) h = wrap((h ^ BigInt(byte)) * 0x01000193n);
  let x = wrap(h + BigInt(i) * 0x9e3779b9n);
  x ^= x >> 16n;
  x = wrap(x * 0x7feb352dn);
  x ^= x >> 15n;
  x = wrap(x * 0x846ca68bn);
  x ^= x >> 16n;
  return Number(x) / 2 ** 31 - 1;
}

const last = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1) - 1;

describe('fill', () => {
  const rules: readonly [string, readonly number[], (u: number) => number][] = [
    ['layer4.2.bn3.running_var', [512], (u) => 1 + 0.5 * u],
    ['bn1.running_mean', [64], (u) => 0.1 * u],
    ['fc.bias', [1000], (u) => 0.1 * u],
    ['channel_add_conv.1.bias', [4, 1, 1], (u) => 0.1 * u],
    ['attn.in_proj_bias', [96], (u) => 0.1 * u],
    ['bn1.weight', [64], (u) => 1 + 0.2 * u],
    ['cls_token_scalar', [], (u) => 1 + 0.2 * u],
    ['layer1.0.conv1.weight', [64, 3, 7, 7], (u) => u * Math.sqrt(3 / 147)],
    ['attn.in_proj_weight', [96, 32], (u) => u * Math.sqrt(3 / 32)],
    ['channel_add_conv.1.weight', [4, 1, 1], (u) => u * Math.sqrt(3)],
    ['pos_embed', [1, 197, 192], (u) => 0.1 * u],
    ['größe.weight', [2, 70_000], (u) => u * Math.sqrt(3 / 70_000)],
  ];
  it.each(rules)('gives %s %j the value of the formula at every sampled element', (name, shape, value) => {
    const got = fill(name, shape);
    for (const i of [0, 1, 2, 77, 4097, last(shape)].filter((n) => n <= last(shape))) {
      expect(got[i]).toBe(Math.fround(value(slowU(name, i))));
    }
  });

  it('gives num_batches_tracked zero', () => {
    expect([...fill('bn1.num_batches_tracked', [])]).toEqual([0]);
  });

  it('gives an input of kind unit u of the name "input." and its key', () => {
    const got = fillInput('images3', [2, 3]);
    expect([...got]).toEqual([0, 1, 2, 3, 4, 5].map((i) => Math.fround(slowU('input.images3', i))));
  });

  it('samples at floor((u + 1) / 2 * size), clipped to the last element', () => {
    const size = 802_816;
    const got = samplePositions('layer1', size);
    const want = Array.from({ length: 4096 }, (_, i) =>
      Math.min(Math.floor(((slowU('sample.layer1', i) + 1) / 2) * size), size - 1),
    );
    expect([...got]).toEqual(want);
  });

  it('rounds the factor to float32 before it multiplies', () => {
    const values = fill('rpn.head.bbox_pred.weight', [40, 40]);
    const got = scaleFloat32(values, 0.06);
    expect(got).toEqual(values.map((v) => Math.fround(v * Math.fround(0.06))));
    expect(got).not.toEqual(values.map((v) => Math.fround(v * 0.06)));
  });

  it('refuses a tensor that would not fit in memory before allocating it', () => {
    expect(() => fill('w.weight', [1e6, 1e6])).toThrowError(/at most 536870912 elements/);
    expect(() => fill('w.weight', [-1, 2])).toThrowError(expect.objectContaining({ code: 'data' }));
  });
});

describe.skipIf(!hasCorpus)(corpusTitle('fill, judged by the corpus'), () => {
  it('gives opt_sgd_plain its first loss, 0.5 sum(a (p - c)^2)', () => {
    const c = corpusCase('training/opt_sgd_plain.json') as ArrayCase;
    const p = floats(stateTensors(c).get('p')!);
    const { a, c: target } = c.config as { a: number[]; c: number[] };
    const loss = a.reduce((sum, ai, i) => sum + 0.5 * ai * (p[i]! - target[i]!) ** 2, 0);
    expect(Math.abs(loss / floats(c.outputs.get('loss')!.values)[0]! - 1)).toBeLessThan(1e-6);
  });

  it('gives a squeeze-excitation block the output of torchvision, weights, biases and input from the formula', () => {
    const c = corpusCase('blocks/se_torchvision.json') as ArrayCase;
    const input = c.inputs.get('x')!;
    if (input.from === 'file') throw new Error('x is a tensor');
    const y = squeezeExcite(floats(input.tensor), input.shape, stateTensors(c));
    const verdict = compareOutput(c, c.outputs.get('y')!, float32(input.shape, y));
    expect(verdict).toMatchObject({ pass: true, measure: 'relative', bound: 1e-5 });
    expect(verdict.error).toBeGreaterThan(0);
  });
});

/** x sigmoid(W2 relu(W1 mean(x) + b1) + b2), mean over positions; x [N, C, H, W]. */
function squeezeExcite(
  x: Float32Array,
  [n = 0, c = 0, h = 0, w = 0]: readonly number[],
  state: ReturnType<typeof stateTensors>,
): Float64Array {
  const l = h * w;
  const layer = (name: string, v: number[], f: (z: number) => number): number[] => {
    const weight = floats(state.get(`${name}.weight`)!);
    const bias = floats(state.get(`${name}.bias`)!);
    return Array.from(bias, (b, o) => f(v.reduce((sum, vi, i) => sum + weight[o * v.length + i]! * vi, b)));
  };
  const out = new Float64Array(x.length);
  for (let i = 0; i < n; i++) {
    const mean = Array.from({ length: c }, (_, j) => {
      const at = (i * c + j) * l;
      return x.subarray(at, at + l).reduce((a, b) => a + b, 0) / l;
    });
    const hidden = layer('fc1', mean, (z) => Math.max(z, 0));
    const gate = layer('fc2', hidden, (z) => 1 / (1 + Math.exp(-z)));
    for (let j = 0; j < c * l; j++) out[i * c * l + j] = x[i * c * l + j]! * gate[Math.floor(j / l)]!;
  }
  return out;
}

import { describe, expect, it } from 'vitest';
import { erfOf } from '../../../src/graph/ops/index.ts';
import { containerBlock } from '../../../src/model/blocks/container-block.ts';
import { type ContainerMixConfig, containerMix } from '../../../src/model/blocks/container-mix.ts';
import { patchEmbed } from '../../../src/model/blocks/patch-embed.ts';
import { tokenBlock } from '../../../src/model/blocks/token-block.ts';
import { parameterCount } from '../../../src/model/scope.ts';
import { type Numbers, relativeError } from '../../support/numbers.ts';
import { type BlockRun, fed, flat, gradientError, outputOf, project, runPart } from '../support.ts';

const SHAPE = [2, 4, 3, 2];
const gelu = (v: number): number => 0.5 * v * (1 + erfOf(v / Math.SQRT2));
const sum = (a: Numbers, b: Numbers): Numbers => ({ shape: a.shape, data: a.data.map((v, i) => v + b.data[i]!) });

const block = (affinity: NonNullable<ContainerMixConfig['affinity']>, shape: readonly number[], mlpRatio: number) =>
  runPart(
    (s, x) =>
      containerBlock(s, x, {
        mixer: (place, v) => containerMix(place, v, { kind: 'container-mix', affinity, heads: 2 }),
        mlpRatio,
      }),
    shape,
  );

/** Σ over a k x k window with zeros around the map, a kernel for each channel. x [N, C, L] → the same */
function windowed(x: Numbers, run: BlockRun, name: string, [h, w]: readonly [number, number]): Numbers {
  const [n, c, l] = x.shape as [number, number, number];
  const kernel = fed(run, `${name}.weight`);
  const k = kernel.shape[2]!;
  const bias = fed(run, `${name}.bias`).data;
  const data = new Float64Array(x.data.length);
  for (let b = 0; b < n; b++)
    for (let ch = 0; ch < c; ch++)
      for (let y = 0; y < h; y++)
        for (let z = 0; z < w; z++) {
          let total = bias[ch]!;
          for (let dy = 0; dy < k; dy++)
            for (let dx = 0; dx < k; dx++) {
              const [u, v] = [y + dy - (k - 1) / 2, z + dx - (k - 1) / 2];
              if (u >= 0 && u < h && v >= 0 && v < w)
                total += kernel.data[(ch * k + dy) * k + dx]! * x.data[(b * c + ch) * l + u * w + v]!;
            }
          data[(b * c + ch) * l + y * w + z] = total;
        }
  return { shape: x.shape, data };
}

/** Batch norm with running statistics. x [N, C, L] → the same */
function normed(x: Numbers, run: BlockRun, name: string): Numbers {
  const [, c, l] = x.shape as [number, number, number];
  const [scale, bias, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map(
    (part) => fed(run, `${name}.${part}`).data,
  ) as [Float64Array, Float64Array, Float64Array, Float64Array];
  const data = x.data.map((v, i) => {
    const k = Math.floor(i / l) % c;
    return ((v - mean[k]!) / Math.sqrt(variance[k]! + 1e-5)) * scale[k]! + bias[k]!;
  });
  return { shape: x.shape, data };
}

const convolved = (x: Numbers, run: BlockRun, name: string): Numbers =>
  project(x, fed(run, `${name}.weight`), fed(run, `${name}.bias`));

/** u, v and y of the block's equations with a static mixer, in plain loops. */
function equation(run: BlockRun): Numbers {
  const x = flat(fed(run, 'x'));
  const size = [3, 2] as const;
  const u = sum(x, windowed(x, run, 'pos_embed', size));
  const read = windowed(convolved(normed(u, run, 'norm1'), run, 'conv1'), run, 'attn', size);
  const v = sum(u, convolved(read, run, 'conv2'));
  const hidden = convolved(normed(v, run, 'norm2'), run, 'mlp.fc1');
  return sum(v, convolved({ shape: hidden.shape, data: hidden.data.map(gelu) }, run, 'mlp.fc2'));
}

describe('the block of CONTAINER', () => {
  it('equals its equations in plain loops', () => {
    const run = block('static', SHAPE, 2);
    expect(relativeError(flat(outputOf(run)), equation(run))).toBeLessThan(1e-8);
  });
  it('has the gradient that central differences give', () => {
    expect(gradientError(block('both', [1, 4, 2, 2], 1))).toBeLessThan(1e-6);
  });
  it('has 2 (1 + r) C² + (43 + r) C parameters with a static mixer, (4 + 2r) C² + (45 + r) C + 1 with a mixture', () => {
    expect(parameterCount(block('static', [1, 64, 2, 2], 8).state)).toBe(76_992);
    expect(parameterCount(block('both', [1, 512, 2, 2], 4).state)).toBe(3_170_817);
  });
});

describe('the patch embedding of CONTAINER', () => {
  const run = runPart((s, x) => patchEmbed(s, x, { channels: 3, patch: 2 }), [2, 2, 4, 6]);
  it('norms the channels of each patch', () => {
    const y = outputOf(run);
    expect(y.shape).toEqual([2, 3, 2, 3]);
    const [x, w, b] = [fed(run, 'x'), fed(run, 'proj.weight'), fed(run, 'proj.bias')];
    const [scale, bias] = [fed(run, 'norm.weight').data, fed(run, 'norm.bias').data];
    const token = [0, 1, 2].map((o) => {
      let total = b.data[o]!;
      for (let c = 0; c < 2; c++)
        for (let dy = 0; dy < 2; dy++)
          for (let dx = 0; dx < 2; dx++)
            total += w.data[((o * 2 + c) * 2 + dy) * 2 + dx]! * x.data[((2 + c) * 4 + 2 + dy) * 6 + 4 + dx]!;
      return total;
    });
    const mean = token.reduce((a, v) => a + v) / 3;
    const variance = token.reduce((a, v) => a + (v - mean) ** 2, 0) / 3;
    token.forEach((v, c) => {
      const expected = ((v - mean) / Math.sqrt(variance + 1e-5)) * scale[c]! + bias[c]!;
      expect(y.data[((3 + c) * 2 + 1) * 3 + 2]).toBeCloseTo(expected, 9); // patch (1, 2) of the second picture
    });
  });
  it('leaves out the last rows and columns that make no patch', () => {
    const odd = runPart((s, x) => patchEmbed(s, x, { channels: 3, patch: 2 }), [1, 2, 5, 7]);
    expect(outputOf(odd).shape).toEqual([1, 3, 2, 3]);
  });
  it('has the gradient that central differences give', () => {
    expect(gradientError(runPart((s, x) => patchEmbed(s, x, { channels: 3, patch: 2 }), [1, 2, 4, 2]))).toBeLessThan(
      1e-6,
    );
  });
});

describe('the transformer block of tokens', () => {
  it('equals its equations with a mixer that changes nothing, and has their gradient', () => {
    const run = runPart((s, x) => tokenBlock(s, x, { mixer: (_, v) => v, hidden: 5, epsilon: 1e-5 }), [2, 3, 4]);
    const norm = (x: Numbers, name: string): Numbers => {
      const data = new Float64Array(x.data.length);
      for (let row = 0; row < x.data.length; row += 4) {
        const v = [...x.data.slice(row, row + 4)];
        const mean = v.reduce((a, b) => a + b) / 4;
        const variance = v.reduce((a, b) => a + (b - mean) ** 2, 0) / 4;
        v.forEach((e, c) => {
          const scaled = ((e - mean) / Math.sqrt(variance + 1e-5)) * fed(run, `${name}.weight`).data[c]!;
          data[row + c] = scaled + fed(run, `${name}.bias`).data[c]!;
        });
      }
      return { shape: x.shape, data };
    };
    const layer = (x: Numbers, name: string): Numbers => {
      const w = fed(run, `${name}.weight`);
      const [o, c] = w.shape as [number, number];
      const rows = x.data.length / c;
      const data = Float64Array.from({ length: rows * o }, (_, i) => {
        const [row, k] = [Math.floor(i / o), i % o];
        let total = fed(run, `${name}.bias`).data[k]!;
        for (let q = 0; q < c; q++) total += w.data[k * c + q]! * x.data[row * c + q]!;
        return total;
      });
      return { shape: [...x.shape.slice(0, -1), o], data };
    };
    const x = fed(run, 'x');
    const v = sum(x, norm(x, 'norm1'));
    const hidden = layer(norm(v, 'norm2'), 'mlp.fc1');
    const y = sum(v, layer({ shape: hidden.shape, data: hidden.data.map(gelu) }, 'mlp.fc2'));
    expect(relativeError(outputOf(run), y)).toBeLessThan(1e-8);
    expect(gradientError(run)).toBeLessThan(1e-6);
  });
});

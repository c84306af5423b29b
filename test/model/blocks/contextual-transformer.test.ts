import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/core/fault.ts';
import type { ContextualTransformerConfig } from '../../../src/model/blocks/contextual-transformer.ts';
import { parameterCount } from '../../../src/model/scope.ts';
import { build, get, type Numbers, relativeError } from '../../support/numbers.ts';
import { type BlockRun, fed, outputOf, runOf, shapesOf, slopeError, tapOf } from '../support.ts';

type Options = Omit<ContextualTransformerConfig, 'kind'>;
const spec = (change: Options = {}): ContextualTransformerConfig => ({ kind: 'contextual-transformer', ...change });

const [RELU, SIGMOID] = [(v: number) => Math.max(0, v), (v: number) => 1 / (1 + Math.exp(-v))];
const each = (x: Numbers, f: (v: number, i: readonly number[]) => number): Numbers =>
  build(x.shape, (i) => f(get(x, i), i));

/** A convolution in plain loops, zeros beyond the border. */
function conv(run: BlockRun, name: string, x: Numbers, groups = 1): Numbers {
  const w = fed(run, `${name}.weight`);
  const bias = run.feeds.has(`${name}.bias`) ? fed(run, `${name}.bias`) : undefined;
  const [n, , h, l] = x.shape as [number, number, number, number];
  const [o, c, k] = w.shape as [number, number, number];
  const half = (k - 1) / 2;
  return build([n, o, h, l], ([b, ch, i, j]) => {
    let sum = bias?.data[ch!] ?? 0;
    const first = Math.floor(ch! / (o / groups)) * c;
    for (let q = 0; q < c; q++)
      for (let dy = 0; dy < k; dy++)
        for (let dx = 0; dx < k; dx++)
          sum += get(w, [ch!, q, dy, dx]) * get(x, [b!, first + q, i! + dy - half, j! + dx - half]);
    return sum;
  });
}

function norm(run: BlockRun, name: string, x: Numbers): Numbers {
  const [scale, bias, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((v) =>
    fed(run, `${name}.${v}`),
  ) as [Numbers, Numbers, Numbers, Numbers];
  return each(
    x,
    (v, [, c]) => (scale.data[c!]! * (v - mean.data[c!]!)) / Math.sqrt(variance.data[c!]! + 1e-5) + bias.data[c!]!,
  );
}

/** Mean 0 and variance 1 over the weights of a head and all positions. */
function groupNormed(run: BlockRun, x: Numbers, heads: number): Numbers {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const [scale, bias] = [fed(run, 'embed.4.weight'), fed(run, 'embed.4.bias')];
  const size = (c / heads) * h * w;
  const statistics = Array.from({ length: n * heads }, (_, g) => {
    const part = [...x.data.slice(g * size, (g + 1) * size)];
    const mean = part.reduce((a, b) => a + b, 0) / size;
    return [mean, part.reduce((a, b) => a + (b - mean) ** 2, 0) / size] as const;
  });
  return each(x, (v, [b, k]) => {
    const [mean, variance] = statistics[b! * heads + Math.floor((k! * heads) / c)]!;
    return (scale.data[k!]! * (v - mean)) / Math.sqrt(variance + 1e-5) + bias.data[k!]!;
  });
}

interface Parts {
  readonly logits: Numbers;
  readonly shares: Numbers;
  readonly y: Numbers;
}

/** The block as the paper and the authors' code have it. */
function equation(run: BlockRun, config: Options): Parts {
  const { kernel = 3, groups = 1, share = 8 } = config;
  const x = fed(run, 'x');
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const [heads, half] = [c / share, (kernel - 1) / 2];
  const k1 = each(norm(run, 'key_embed.1', conv(run, 'key_embed.0', x, 4 * groups)), RELU);
  const both =
    groups === 1
      ? build([n, 2 * c, h, w], ([b, q, i, j]) => get(q! < c ? x : k1, [b!, q! % c, i!, j!]))
      : build([n, 2 * c, h, w], ([b, q, i, j]) => get(q! % 2 === 0 ? x : k1, [b!, Math.floor(q! / 2), i!, j!]));
  const hidden = each(norm(run, 'embed.1', conv(run, 'embed.0', both, groups)), RELU);
  const logits = groupNormed(run, conv(run, 'embed.3', hidden, groups), heads);
  const values = norm(run, 'conv1x1.1', conv(run, 'conv1x1.0', x, groups));
  const headOf = (ch: number): number =>
    Math.floor(ch / (c / groups)) * (heads / groups) + ((ch % (c / groups)) % (heads / groups));
  const read = build([n, c, h, w], ([b, ch, i, j]) => {
    let sum = 0;
    for (let t = 0; t < kernel * kernel; t++) {
      const [dy, dx] = [Math.floor(t / kernel) - half, (t % kernel) - half];
      sum += get(logits, [b!, headOf(ch!) * kernel * kernel + t, i!, j!]) * get(values, [b!, ch!, i! + dy, j! + dx]);
    }
    return sum;
  });
  const k2 = each(norm(run, 'bn', read), (v) => v * SIGMOID(v));
  const pooled = build([n, c, 1, 1], ([b, ch]) => {
    let sum = 0;
    for (let i = 0; i < h; i++) for (let j = 0; j < w; j++) sum += get(k1, [b!, ch!, i, j]) + get(k2, [b!, ch!, i, j]);
    return sum / (h * w);
  });
  const scores = conv(run, 'se.3', each(norm(run, 'se.1', conv(run, 'se.0', pooled)), RELU));
  const shares = build([n, c, 2], ([b, ch, r]) => {
    const [a, z] = [0, 1].map((q) => Math.exp(get(scores, [b!, 2 * ch! + q, 0, 0]))) as [number, number];
    return (r === 0 ? a : z) / (a + z);
  });
  const y = build([n, c, h, w], (i) => {
    const [b, ch] = i as [number, number];
    return get(shares, [b, ch, 0]) * get(k2, i) + get(shares, [b, ch, 1]) * get(k1, i);
  });
  return { logits, shares, y };
}

const CASES: readonly (readonly [string, Options, readonly number[]])[] = [
  ['two heads of eight channels', {}, [2, 16, 4, 3]],
  ['a 5 x 5 window on a map that is smaller', { kernel: 5 }, [1, 16, 4, 2]],
  ['two groups, each half of the channels with two heads', { groups: 2, share: 4 }, [2, 16, 3, 4]],
  ['a key of another size than the window', { keyKernel: 1, share: 4 }, [1, 8, 3, 3]],
];

describe('the contextual transformer block', () => {
  it.each(CASES)('equals its equation in plain loops: %s', (_, options, shape) => {
    const run = runOf(spec(options), shape);
    expect(relativeError(outputOf(run), equation(run, options).y)).toBeLessThan(1e-9);
  });

  it.each([
    ['in inference', { share: 4 }, 'inference'],
    ['of two groups', { share: 4, groups: 2 }, 'inference'],
    ['with the statistics of the batch', { share: 4 }, 'training'],
  ] as const)('has the gradient that central differences give, %s', (_, options, mode) => {
    expect(slopeError(runOf(spec(options), [2, 8, 2, 3], { mode }))).toBeLessThan(1e-5);
  });

  it('shows the weights that each position gives its window, and, spread over the map, its affinity', () => {
    const run = runOf(spec({ share: 4 }), [1, 8, 3, 4]);
    const { logits } = equation(run, { share: 4 });
    expect(run.taps.get('attention_window')!.axes).toBe('n head (h w) (dy dx)');
    const window = build([1, 2, 12, 9], ([b, g, q, t]) => get(logits, [b!, g! * 9 + t!, Math.floor(q! / 4), q! % 4]));
    expect(relativeError(tapOf(run, 'attention_window'), window)).toBeLessThan(1e-9);
    expect(run.taps.get('attention')!.axes).toBe('n head (h w) (h w)');
    const dense = build([1, 2, 12, 12], ([b, g, q, k]) => {
      const [dy, dx] = [Math.floor(k! / 4) - Math.floor(q! / 4) + 1, (k! % 4) - (q! % 4) + 1];
      const near = dy >= 0 && dy < 3 && dx >= 0 && dx < 3;
      return near ? get(window, [b!, g!, q!, dy * 3 + dx]) : 0;
    });
    expect(relativeError(tapOf(run, 'attention'), dense)).toBeLessThan(1e-9);
  });

  it('shows what share of each channel is dynamic and what static; together they are one', () => {
    const run = runOf(spec({ share: 4 }), [2, 8, 3, 3]);
    expect(run.taps.get('fusion')!.axes).toBe('n c context');
    expect(relativeError(tapOf(run, 'fusion'), equation(run, { share: 4 }).shares)).toBeLessThan(1e-9);
  });

  it('has 6.3125 d² + 13.875 d parameters, of two groups 3.90625 d² + 13.875 d', () => {
    const count = (d: number, options: Options): number => parameterCount(runOf(spec(options), [1, d, 2, 2]).state);
    expect([64, 128].map((d) => count(d, {}))).toEqual([26_744, 105_200]);
    expect([96, 192].map((d) => count(d, { groups: 2 }))).toEqual([37_332, 146_664]);
  });

  it('bears the names and shapes of the authors’ CoXtLayer', () => {
    expect(shapesOf(runOf(spec({ groups: 2 }), [1, 32, 2, 2]))).toMatchObject({
      'key_embed.0.weight': [32, 4, 3, 3],
      'embed.0.weight': [16, 32, 1, 1],
      'embed.3.weight': [36, 8, 1, 1],
      'embed.3.bias': [36],
      'embed.4.weight': [36],
      'conv1x1.0.weight': [32, 16, 1, 1],
      'se.0.weight': [32, 32, 1, 1],
      'se.3.weight': [64, 32, 1, 1],
    });
  });

  it('gives the parts that the ablation takes away', () => {
    const names = (options: Options): string[] => [
      ...new Set(runOf(spec(options), [1, 16, 3, 3]).state.map((s) => s.name.split('.')[0]!)),
    ];
    expect(names({ context: 'static' })).toEqual(['key_embed']);
    expect(names({ context: 'dynamic' })).toEqual(['key_embed', 'embed', 'conv1x1', 'bn']);
    expect(names({ fusion: 'sum' })).toEqual(['key_embed', 'embed', 'conv1x1', 'bn']);
    expect(names({ fusion: 'concatenate' })).toEqual(['key_embed', 'embed', 'conv1x1', 'bn', 'fuse']);
  });

  it('is the sum of its contexts with fusion "sum"', () => {
    const at = (options: Options): Numbers => outputOf(runOf(spec(options), [1, 16, 3, 3]));
    const [whole, one, other] = [at({ fusion: 'sum' }), at({ context: 'static' }), at({ context: 'dynamic' })];
    expect(
      relativeError(
        whole,
        each(one, (v, i) => v + get(other, i)),
      ),
    ).toBeLessThan(1e-12);
  });

  it.each([
    ['channels that its heads do not divide', {}, 20, 'multiple of 8 channels'],
    ['half a head in each group', { groups: 2 } as const, 24, 'multiple of 16 channels'],
    ['an even window', { kernel: 4 }, 16, 'odd kernel, got 4. Use 3 or 5'],
  ])('refuses %s while it is described', (_, options, channels, message) => {
    const attempt = (): unknown => runOf(spec(options), [1, channels, 4, 4]);
    expect(attempt).toThrow(Fault);
    expect(attempt).toThrow(message);
  });
});

import { describe, expect, it } from 'vitest';
import { float32, floats, type Tensor } from '../../src/core/tensor.ts';
import { createSession } from '../../src/engine/session.ts';
import { initialise } from '../../src/model/init.ts';
import { createModel } from '../../src/model/networks/table.ts';
import { type Network, traceNetwork } from '../../src/model/scope.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';
import { type AttentionReader, attentionReader } from '../../src/train/attention.ts';
import type { Classifier } from '../../src/train/classifier.ts';
import type { EngineConfig } from '../../src/train/config.ts';
import { lowerTraced } from '../../src/train/network.ts';

const SIZE = 64;
const ENGINE = { provider: 'cpu', threads: 1 } as EngineConfig;
const x = float32(
  [1, 3, SIZE, SIZE],
  Array.from({ length: 3 * SIZE * SIZE }, (_, i) => Math.sin(i / 7)),
);

function weightsOf(network: Network): Map<string, Tensor> {
  const traced = traceNetwork(network, { inputs: { x: { shape: x.shape } }, mode: 'inference' });
  return new Map(traced.state.map((s) => [s.name, initialise(s, 4)]));
}

async function readerOf(network: Network, weights: ReadonlyMap<string, Tensor>): Promise<AttentionReader> {
  const facts = { transform: { size: SIZE } };
  return (await attentionReader(nodeRuntime(), { network, facts, weights } as unknown as Classifier, ENGINE))!;
}

describe('what a network’s affinities read in a picture', () => {
  const small = { widths: [8, 8, 8, 8], blocks: [1, 1, 1, 1], mlpRatios: [1, 1, 1, 1], classes: 3 };
  const mix = { kind: 'container-mix', heads: 2 };
  it('is the row of each whole affinity for the place that is asked for, the mean over heads', async () => {
    const mixers = [{ ...mix, affinity: 'static' }, mix, mix, mix];
    const { network } = createModel('container', { ...small, mixers });
    const weights = weightsOf(network);
    const reader = await readerOf(network, weights);
    const { maps } = await reader.read(x, { x: 0.9, y: 0.3 });
    await reader.release();
    expect(maps.map((m) => m.tap)).toEqual([
      'blocks1.0.attn.attention',
      'blocks2.0.attention',
      'blocks3.0.attention',
      'blocks4.0.attention',
    ]);
    const names = maps.map((m) => m.tap);
    const taps = (path: string): boolean => names.includes(path);
    const traced = traceNetwork(network, { inputs: { x: { shape: x.shape } }, mode: 'inference', taps });
    const whole = lowerTraced(traced, { provider: 'cpu', training: false });
    const outputs = new Map([...whole.taps].map(([name, tap]) => [name, tap.value]));
    const session = await createSession(nodeRuntime(), outputs, { threads: 1 });
    const results = await session.run({ x, ...Object.fromEntries(weights) });
    await session.release();
    for (const { tap, map, query } of maps) {
      const side = map.columns;
      expect(query).toEqual({ row: Math.floor(0.3 * side), column: Math.floor(0.9 * side) });
      const t = results[tap]!;
      const [, heads, q, l] = t.shape as readonly [number, number, number, number];
      const row = query!.row * side + query!.column;
      map.weights.forEach((v, j) => {
        let sum = 0;
        for (let h = 0; h < heads; h++) sum += floats(t)[(h * q + row) * l + j]!;
        expect(v).toBeCloseTo(sum / heads, 5);
      });
    }
  });
  it('is what the class token reads where there is one', async () => {
    const overrides = {
      imgSize: SIZE,
      width: 12,
      depth: 2,
      mlpRatio: 1,
      classes: 3,
      mixer: { kind: 'self-attention', heads: 3 },
    };
    const { network } = createModel('deit_tiny_patch16_224', overrides);
    const reader = await readerOf(network, weightsOf(network));
    const { maps } = await reader.read(x);
    await reader.release();
    expect(maps.map(({ tap, query, map }) => [tap, query, map.rows, map.columns])).toEqual([
      ['blocks.1.attn.class_attention', undefined, 4, 4],
    ]);
    const sum = maps[0]!.map.weights.reduce((a, b) => a + b);
    expect(sum).toBeGreaterThan(0.8); // the class token reads itself too
    expect(sum).toBeLessThan(1);
  });
});

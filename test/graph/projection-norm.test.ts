import { describe, expect, it } from 'vitest';
import { float32, floats, type Tensor } from '../../src/core/tensor.ts';
import { createSession } from '../../src/engine/session.ts';
import * as op from '../../src/graph/ops/index.ts';
import { input, nodesOf } from '../../src/graph/trace.ts';
import { nodeRuntime } from '../../src/runtime/node/onnx.ts';

const [N, C, O, L] = [2, 16, 32, 25];

/** Batch variance, [O], of 1 x 1 projections whose terms cancel: channels alike but for their last bits, of large size. */
async function cancelled(): Promise<{ readonly variance: Tensor; readonly y: Tensor }> {
  const [u, w] = [input('u', 'float32', [N, C, L]), input('w', 'float32', [O, C, 1])];
  const [scale, bias] = [input('scale', 'float32', [O]), input('bias', 'float32', [O])];
  const x = op.conv(u, w);
  const outputs = new Map([
    ['variance', op.batchStatistics(x).variance],
    ['y', op.batchNormalizationTraining(x, scale, bias, 1e-12)],
  ]);
  expect(nodesOf(outputs.values()).some((n) => n.def === op.PROJECTION_NORMALIZATION)).toBe(true);
  const session = await createSession(nodeRuntime(), outputs, { threads: 1 });
  const wave = (i: number): number => 1e4 * Math.sin(1 + (i % L) + 31 * Math.floor(i / (C * L)));
  // Each row of w sums to nearly nothing, so that the projection of equal channels is nearly nothing too.
  const rows = Float32Array.from({ length: O * C }, (_, i) => Math.sin(i + 1));
  for (let o = 0; o < O; o++) {
    const row = rows.subarray(o * C, (o + 1) * C);
    row[C - 1] = -row.subarray(0, C - 1).reduce((a, b) => a + b, 0);
  }
  const results = await session.run({
    u: float32(
      [N, C, L],
      Float32Array.from({ length: N * C * L }, (_, i) => wave(i)),
    ),
    w: float32([O, C, 1], rows),
    scale: float32([O], new Float32Array(O).fill(1)),
    bias: float32([O], new Float32Array(O)),
  });
  await session.release();
  return { variance: results['variance']!, y: results['y']! };
}

describe('batch norm of a projection whose terms cancel', () => {
  it('has no variance below zero and no number that is none', async () => {
    const { variance, y } = await cancelled();
    expect(Math.min(...floats(variance))).toBeGreaterThanOrEqual(0);
    expect(floats(y).every(Number.isFinite)).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import { float32, zeros } from '../../../src/core/tensor.ts';
import { createSession } from '../../../src/engine/session.ts';
import { runCase } from '../../../src/golden/run.ts';
import * as op from '../../../src/graph/ops/index.ts';
import { input } from '../../../src/graph/trace.ts';
import { wasmRuntime } from '../../../src/runtime/web/onnx.ts';
import { corpusCase, corpusTitle, hasCorpus } from '../../golden/corpus.ts';

const runtime = wasmRuntime();

describe('wasmRuntime', () => {
  it('writes a result into the tensor that is given for it', async () => {
    const x = input('x', 'float32', [3]);
    const session = await createSession(runtime, new Map([['y', op.mul(x, x)]]));
    const y = zeros('float32', [3]);
    const results = await session.run({ x: float32([3], [1, -2, 3]) }, { y });
    await session.release();
    expect(results['y']).toBe(y);
    expect([...y.data]).toEqual([1, 4, 9]);
  });

  it('knows its version once it is loaded', async () => {
    await (await createSession(runtime, new Map([['y', op.neg(input('x', 'float32', [1]))]]))).release();
    expect(runtime.version).toMatch(/^\d+\.\d+/);
  });
});

describe.skipIf(!hasCorpus)(corpusTitle('golden cases on WebAssembly'), () => {
  it.each([
    'training/opt_adamw',
    'blocks/nonlocal2d_embedded_gaussian_sub',
    'blocks/contextblock_att_mul_r16',
    'blocks/nonlocal3d_gaussian_sub',
    'ops/pool_ceil',
    'ops/interpolate',
  ])('%s', async (name) => {
    const result = await runCase(corpusCase(`${name}.json`), { runtime, provider: 'wasm' });
    expect(result).toMatchObject({ status: 'pass', why: '' });
  });
});

import { describe, expect, it } from 'vitest';
import { nodeFiles } from '../../../src/runtime/node/files.ts';
import { openWeights, readWeights } from '../../../src/weights/open.ts';
import { expected, fixture, valuesOf } from './fixtures.ts';

const DTYPES: Readonly<Record<string, string>> = { bfloat16: 'float32', int16: 'int32' };

describe('a checkpoint of PyTorch', () => {
  it.each([
    ['plain.zip.pth', 'torch-zip'],
    ['plain.protocol4.pth', 'torch-zip'],
    ['plain.legacy.pth', 'torch-legacy'],
    ['plain.tar.pth', 'torch-tar'],
  ])('%s holds the dtypes, shapes and values that PyTorch says', async (name, format) => {
    const read = await readWeights(nodeFiles, fixture(name));
    expect(read.format).toBe(format);
    expect(read.unwrapped).toEqual([]);
    const wanted = Object.entries(expected.plain).filter(([key]) => format !== 'torch-tar' || read.tensors.has(key));
    expect(wanted.length).toBe(format === 'torch-tar' ? 16 : 20);
    expect([...read.tensors.keys()]).toEqual(wanted.map(([key]) => key));
    for (const [key, { dtype, shape, values }] of wanted) {
      const tensor = read.tensors.get(key)!;
      expect([key, tensor.dtype, tensor.shape]).toEqual([key, DTYPES[dtype] ?? dtype, shape]);
      expect([key, valuesOf(tensor)]).toEqual([key, values]);
    }
  });

  it.each(['plain.zip.pth', 'plain.legacy.pth', 'plain.tar.pth'])(
    '%s gives the same tensors one by one',
    async (name) => {
      const file = await openWeights(nodeFiles, fixture(name));
      for (const { name: key, dtype, shape } of file.entries) {
        const tensor = await file.read(key);
        expect([key, tensor.dtype, tensor.shape]).toEqual([key, dtype, shape]);
        expect([key, valuesOf(tensor)]).toEqual([key, expected.plain[key]!.values]);
      }
      await file.close();
    },
  );

  it.each(['wrapped.zip.pth', 'wrapped.legacy.pth'])(
    '%s is unwrapped of state_dict and module., and says so',
    async (name) => {
      const { tensors, unwrapped, metadata } = await readWeights(nodeFiles, fixture(name));
      expect(unwrapped).toEqual(['key "state_dict"', 'prefix "module."']);
      expect([...tensors].map(([key, t]) => [key, t.shape, valuesOf(t)])).toEqual(
        Object.entries(expected.wrapped).map(([key, { shape, values }]) => [key, shape, values]),
      );
      expect(metadata).toEqual({ epoch: '7', arch: 'resnet18', metric: '71.5', steps: '5', device: 'cpu' });
    },
  );
});

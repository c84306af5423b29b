import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { float32, int64, type Tensor, toNumbers } from '../../src/core/tensor.ts';
import { initialise } from '../../src/model/init.ts';
import { createModel } from '../../src/model/networks/table.ts';
import { nodeFiles } from '../../src/runtime/node/files.ts';
import { nodeOutput } from '../../src/runtime/node/output.ts';
import { temporaryFolder } from '../../src/runtime/node/temporary.ts';
import { type ConvertRequest, convertWeights, inspectWeights } from '../../src/train/convert.ts';
import { stateOf } from '../../src/train/network-parts.ts';
import { readWeights } from '../../src/weights/open.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';

const platform = { files: nodeFiles, output: nodeOutput };
let root: Awaited<ReturnType<typeof temporaryFolder>>;
let input: string;
let out: string;
let count = 0;
beforeAll(async () => {
  root = await temporaryFolder();
});
afterAll(() => root.remove());
beforeEach(async () => {
  count += 1;
  input = `${root.path}/${count}/in.safetensors`;
  out = `${root.path}/${count}/out/w.safetensors`;
  await nodeOutput.makeFolder(`${root.path}/${count}`);
});

const put = (tensors: Iterable<readonly [string, Tensor]>, metadata = {}): Promise<void> =>
  nodeOutput.write(input, [writeSafetensors([...tensors], metadata)]);
const convert = (request: Partial<ConvertRequest> = {}) => convertWeights({ input, output: out, ...request }, platform);
const written = () => readdir(`${root.path}/${count}/out`).catch(() => []);

const SOME: readonly [string, Tensor][] = [
  ['b.weight', float32([2, 2], [1, -2.5, 1 / 3, 4])],
  ['a.count', int64([], [7])],
];
/** A small residual network under other names, with four classes and grey pictures. */
const small = (rename: (name: string) => string): [string, Tensor][] =>
  stateOf(createModel('resnet14', { classes: 4, inChannels: 1 }))
    .filter((s) => s.role !== 'counter')
    .map((s) => [rename(s.name), initialise(s, 3)]);

describe('weights without a network', () => {
  it('keep names, order, values and free text', async () => {
    await put(SOME, { note: 'hello' });
    const result = await convert();
    const { tensors, metadata } = await readWeights(nodeFiles, out);
    expect([...tensors.keys()]).toEqual(['b.weight', 'a.count']);
    expect(tensors.get('b.weight')).toEqual(SOME[0]![1]);
    expect(metadata).toEqual({ format: 'pt', note: 'hello' });
    expect(result).toMatchObject({ path: out, files: ['w.safetensors'], tensors: 2, bytes: 24, network: null });
  });

  it('become half precision, integers staying as they are', async () => {
    await put(SOME);
    await convert({ dtype: 'float16' });
    const { tensors } = await readWeights(nodeFiles, out);
    expect(tensors.get('b.weight')!.dtype).toBe('float16');
    // The half-precision number nearest to 1/3 is 1365/4096.
    expect([...toNumbers(tensors.get('b.weight')!)]).toEqual([1, -2.5, 1365 / 4096, 4]);
    expect(tensors.get('a.count')).toEqual(SOME[1]![1]);
  });

  it('too large for half precision are a fault by name that leaves nothing', async () => {
    await put([['big.weight', float32([1], [70000])]]);
    await expect(convert({ dtype: 'float16' })).rejects.toThrow('big.weight: expected numbers within ±65504');
    expect(await written()).toEqual([]);
  });

  it('are split into shards whose index reads as one', async () => {
    const tensors = [0, 1, 2].map((i): [string, Tensor] => [`t${i}`, float32([100], new Array(100).fill(i))]);
    await put(tensors);
    const result = await convert({ maxShardBytes: 500 });
    expect(result.files).toEqual([
      'w-00001-of-00003.safetensors',
      'w-00002-of-00003.safetensors',
      'w-00003-of-00003.safetensors',
      'w.safetensors.index.json',
    ]);
    const whole = await readWeights(nodeFiles, result.path);
    expect([...whole.tensors.values()].map((t) => t.data[99])).toEqual([0, 1, 2]);
  });

  it('leave no shard behind where one fails', async () => {
    await put([
      ['fine', float32([100], new Array(100).fill(1))],
      ['spoilt', float32([100], new Array(100).fill(1e6))],
    ]);
    await expect(convert({ maxShardBytes: 200, dtype: 'float16' })).rejects.toThrow('spoilt');
    expect(await written()).toEqual([]);
  });

  it('end when they are asked to', async () => {
    await put(SOME);
    await expect(convert({ signal: AbortSignal.abort() })).rejects.toThrow();
    expect(await written()).toEqual([]);
  });

  it('are not written to a file of another ending', async () => {
    await put(SOME);
    await expect(convert({ output: 'w.pth' })).rejects.toThrow(
      'w.pth: expected a file to write that ends in .safetensors',
    );
  });
});

describe('weights of a network', () => {
  it('get its names and counters; classes and channels are the file’s', async () => {
    const tensors = small((n) => `module.encoder.${n.replace('fc.', 'last_linear.')}`);
    await put(tensors);
    const result = await convert({ to: 'resnet14' });
    expect(result.network).toEqual({ name: 'resnet14', overrides: { classes: 4, inChannels: 1 } });
    const { tensors: ours, metadata } = await readWeights(nodeFiles, out);
    const state = stateOf(createModel('resnet14', { classes: 4, inChannels: 1 }));
    expect([...ours.keys()]).toEqual(state.map((s) => s.name));
    for (const spec of state) {
      const wanted = initialise(spec, 3);
      expect(
        ours.get(spec.name)!.data.every((v, i) => v === wanted.data[i]),
        spec.name,
      ).toBe(true);
    }
    expect(JSON.parse(metadata['farsight.network']!)).toEqual(result.network);
    expect(result.notes.join(' ')).toContain(`${tensors.length} got another name`);
    expect(result.notes.join(' ')).toContain('counters of batch norms');
  });

  it('may have no classifier', async () => {
    await put(small((n) => n).filter(([n]) => !n.startsWith('fc.')));
    expect((await convert({ to: 'resnet14' })).network?.overrides).toMatchObject({ classes: 0 });
  });

  it('are refused where tensors are left over, and written without them where that is asked for', async () => {
    await put([...small((n) => n), ['rpn.weight', float32([1], [1])]]);
    await expect(convert({ to: 'resnet14' })).rejects.toThrow(/1 unexpected \("rpn.weight"\)\. Convert with --partial/);
    const result = await convert({ to: 'resnet14', partial: true });
    expect(result).toMatchObject({ unused: ['rpn.weight'], missing: [] });
    expect([...(await readWeights(nodeFiles, out)).tensors.keys()]).not.toContain('rpn.weight');
  });

  it('of another network name it', async () => {
    await put(small((n) => n));
    await expect(convert({ to: 'resnet20' })).rejects.toThrow('looks like resnet14');
    await expect(convert({ to: 'resnet20' })).rejects.toThrow('use --to resnet14');
    await expect(convert({ to: 'resnet' })).rejects.toThrow('expected a known name');
  });
});

describe('a list of weights', () => {
  it('says names, dtypes, shapes and the network without reading a tensor', async () => {
    await put(
      small((n) => n),
      { epoch: '3' },
    );
    const listing = await inspectWeights({ input }, platform);
    expect(listing.entries[0]).toEqual({ name: 'conv1.weight', dtype: 'float32', stored: 'F32', shape: [16, 1, 3, 3] });
    expect(listing).toMatchObject({ format: 'safetensors', metadata: { epoch: '3' } });
    expect(listing.network).toEqual({ name: 'resnet14', overrides: {} });
  });

  it('of a file that is not there is a fault by name', async () => {
    await expect(inspectWeights({ input: `${root.path}/none.pth` }, platform)).rejects.toThrow(
      /none\.pth: expected a file of weights, got nothing of that name/,
    );
  });
});

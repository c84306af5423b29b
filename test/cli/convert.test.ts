import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { byteCount, convertCommand } from '../../src/cli/convert.ts';
import { float32 } from '../../src/core/tensor.ts';
import { nodeFiles } from '../../src/runtime/node/files.ts';
import { nodeOutput } from '../../src/runtime/node/output.ts';
import { temporaryFolder } from '../../src/runtime/node/temporary.ts';
import { readWeights } from '../../src/weights/open.ts';
import { writeSafetensors } from '../../src/weights/safetensors.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let input: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  input = `${folder.path}/in.safetensors`;
  const tensors = [0, 1].map((i) => [`t${i}`, float32([2, 2], [i, 1, 2, 3])] as const);
  await nodeOutput.write(input, [writeSafetensors(tensors, { epoch: '9' })]);
});
afterAll(() => folder.remove());
afterEach(() => vi.restoreAllMocks());

/** What the command writes to standard output. */
async function run(...args: readonly string[]): Promise<string> {
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const command = convertCommand()
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
  await command.parseAsync(args, { from: 'user' });
  return out;
}

describe('farsight convert', () => {
  it('writes what it says', async () => {
    const out = await run(input, `${folder.path}/half.safetensors`, '--dtype', 'float16');
    expect(out).toBe(`${folder.path}/half.safetensors: 2 tensors, 0.0 MB\n`);
    const { tensors } = await readWeights(nodeFiles, `${folder.path}/half.safetensors`);
    expect(tensors.get('t1')).toMatchObject({ dtype: 'float16', shape: [2, 2] });
  });

  it('splits into shards and tells it as JSON', async () => {
    const result = JSON.parse(await run(input, `${folder.path}/s.safetensors`, '--max-shard', '16B', '--json'));
    expect(result).toMatchObject({ path: `${folder.path}/s.safetensors.index.json`, tensors: 2, bytes: 32 });
  });

  it('lists names, dtypes, shapes and free text', async () => {
    expect(await run(input, '--list')).toBe(
      `tensor  dtype  shape\nt0      F32    [2, 2]\nt1      F32    [2, 2]\nepoch: 9\n${input}: safetensors, 2 tensors\n`,
    );
  });

  it('needs somewhere to write to', async () => {
    await expect(run(input)).rejects.toThrow('expected a file to write, or --list');
    await expect(run(input, 'x.safetensors', '--dtype', 'int8')).rejects.toThrow('Expected float32 or float16');
  });

  it('reads sizes in bytes', () => {
    expect([byteCount('500MB'), byteCount('1.5 GB'), byteCount('12'), byteCount('2kb')]).toEqual([
      5e8, 1.5e9, 12, 2000,
    ]);
    for (const wrong of ['', '0', 'MB', '-1', '5 TB']) expect(() => byteCount(wrong)).toThrow('Expected bytes');
  });
});

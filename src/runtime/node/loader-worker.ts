import { Tinypool } from 'tinypool';
import { type LoadResult, type LoadTask, loadImages } from '../../data/load.ts';
import { sharpDecoder } from './decode.ts';
import { threadFiles } from './loader-files.ts';

/** What a thread of {@link startImageWorkers} runs: one task; the pictures are handed over, not copied. */
export async function load(task: LoadTask): Promise<unknown> {
  const result: LoadResult = await loadImages(task, { files: threadFiles, decoder: sharpDecoder });
  const handed = { [Tinypool.transferableSymbol]: [result.images.buffer], [Tinypool.valueSymbol]: result };
  return Tinypool.move(handed as unknown as Parameters<typeof Tinypool.move>[0]);
}

import { messageOf } from '../core/fault.ts';
import { random } from '../core/random.ts';
import { resizeRgb } from '../core/resize.ts';
import { float32, type Tensor } from '../core/tensor.ts';
import { unitPlanes } from '../data/transform.ts';
import type { EvaluationTransform } from '../data/transform-config.ts';
import type { ClassifierFacts } from './classifier-facts.ts';
import { exportPictures, inBatches } from './export-pictures.ts';
import { FILES, folderAt } from './folder.ts';
import type { Platform } from './platform.ts';

/** What is shown to the network: x [N, 3, S, S], and what it is in words. */
export interface Shown {
  readonly x: Tensor;
  readonly words: string;
}

/** Held-out pictures of the run where it is at hand: only such lie within the ranges of eight bits. Else smooth noise. */
export async function verifyPictures(
  { run, batch = 2, signal }: { readonly run: string; readonly batch?: number; readonly signal?: AbortSignal },
  facts: ClassifierFacts,
  platform: Platform,
): Promise<Shown> {
  const { transform, classes } = facts;
  const home = /\.(onnx|safetensors)$/i.test(run) ? run.replace(/[^/\\]+$/, '') || '.' : run;
  const x = noise(transform, batch);
  if (!(await platform.output.exists(folderAt(home).at(FILES.config)))) return { x, words: 'smooth noise' };
  const workers = await platform.startWorkers(1);
  try {
    const { judged } = await exportPictures({ run: home, classes, calibration: 1, judged: batch }, platform);
    for await (const { images, labels } of inBatches(workers, judged, { transform, ...(signal && { signal }) })) {
      const shape = [labels.length, 3, transform.size, transform.size];
      return { x: float32(shape, images), words: `${labels.length} held-out pictures of ${home}` };
    }
    return { x, words: 'smooth noise, since no held-out picture can be read' };
  } catch (error) {
    signal?.throwIfAborted();
    return { x, words: `smooth noise, since the run's pictures are not here: ${messageOf(error)}` };
  } finally {
    await workers.close();
  }
}

/** Smooth pictures of coloured noise, prepared as real ones are: x [N, 3, S, S], within the range that pictures have. */
function noise({ size, mean, std }: EvaluationTransform, batch: number): Tensor {
  const data = new Float32Array(batch * 3 * size * size);
  for (let n = 0; n < batch; n++) {
    const draws = random(0, 'verify', n);
    const coarse = Uint8Array.from({ length: 8 * 8 * 3 }, () => Math.floor(draws.uniform() * 256));
    const smooth = resizeRgb({ width: 8, height: 8, data: coarse }, { width: size, height: size, kind: 'bicubic' });
    unitPlanes(smooth).data.forEach((value, i) => {
      const c = Math.floor(i / (size * size));
      data[n * 3 * size * size + i] = (value - mean[c]!) / std[c]!;
    });
  }
  return float32([batch, 3, size, size], data);
}

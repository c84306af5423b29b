import { random } from '../core/random.ts';
import { sizeOf } from '../core/shape.ts';
import { float32, int64, type Tensor } from '../core/tensor.ts';
import type { ImageBatch } from '../data/batch.ts';
import type { RandomSpec, Traced } from '../model/scope.ts';

/** Where in a run a batch is used: what is drawn for it is a function of these and of a path. */
export interface DrawKeys {
  readonly seed: number;
  readonly epoch: number;
  /** Number of the batch in its epoch, from 0. */
  readonly batch: number;
}

/** Uniform numbers in [0, 1), a function of seed, epoch, batch and the name of what they are drawn for. */
export function drawn({ name, shape }: RandomSpec, { seed, epoch, batch }: DrawKeys): Tensor {
  const draws = random(seed, epoch, batch, name);
  const data = new Float32Array(sizeOf(shape));
  // 24 bits are what a float32 below 1 can hold: 1 - 2^-32 would become 1.
  for (let i = 0; i < data.length; i++) data[i] = Math.floor(draws.uniform() * 2 ** 24) / 2 ** 24;
  return float32(shape, data);
}

/** What a training graph is fed of a batch: `x`, `labels` or `targets`, and what is drawn for it. */
export function batchFeeds(
  batch: ImageBatch,
  { inputs, randoms }: Pick<Traced, 'inputs' | 'randoms'>,
  keys: DrawKeys,
): Record<string, Tensor> {
  const n = batch.labels.length;
  const side = Math.sqrt(batch.images.length / n / 3);
  const feeds: Record<string, Tensor> = { x: float32([n, 3, side, side], batch.images) };
  const classes = inputs.get('targets')?.shape[1];
  if (typeof classes === 'number') feeds['targets'] = float32([n, classes], batch.targets ?? shares(batch, classes));
  else feeds['labels'] = int64([n], batch.labels);
  for (const spec of randoms) feeds[spec.name] = drawn(spec, keys);
  return feeds;
}

/** A one at each label, [N, K]. */
function shares({ labels }: ImageBatch, classes: number): Float32Array {
  const out = new Float32Array(labels.length * classes);
  labels.forEach((label, i) => {
    if (label >= 0) out[i * classes + label] = 1;
  });
  return out;
}

/** How many rows have their largest logit where their target is largest: at the label, or at what most of a mixture is. */
export function countCorrect(logits: Float32Array, { labels, targets }: ImageBatch): number {
  const classes = logits.length / labels.length;
  let correct = 0;
  labels.forEach((label, i) => {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    const best = row.indexOf(Math.max(...row));
    const own = targets?.subarray(i * classes, (i + 1) * classes);
    if (own ? own[best]! > 0 && own[best] === Math.max(...own) : best === label) correct++;
  });
  return correct;
}

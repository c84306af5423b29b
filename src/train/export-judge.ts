import { float32, floats } from '../core/tensor.ts';
import type { ImageBatch } from '../data/batch.ts';
import type { Runtime } from '../engine/runtime.ts';
import { classMeter } from '../result/classify.ts';
import { labelMeter } from '../result/labels.ts';
import { goOn, type WorkOptions } from './work.ts';

/** What a model of fewer bits lost on pictures that it was not calibrated on. */
export interface PrecisionLoss {
  /** What is compared: the share of right answers, or the mean average precision where pictures have several labels. */
  readonly metric: 'accuracy' | 'mean average precision';
  readonly pictures: number;
  /** The metric of the float32 model, 0 to 1. */
  readonly before: number;
  /** The metric of this model. */
  readonly after: number;
  /** before − after, in points of a hundred. */
  readonly points: number;
  /** Share of pictures whose likeliest class is that of the float32 model. */
  readonly agreement: number;
}

/** Two models, the exact one first, and what they are given. */
export interface Comparison {
  readonly exact: Uint8Array;
  readonly other: Uint8Array;
  /** The name of their input. */
  readonly input: string;
  readonly size: number;
  readonly classes: number;
  readonly pictures: AsyncIterable<ImageBatch>;
  /** How many pictures there are. */
  readonly total: number;
}

/** Scores two models on the same pictures. */
export async function compareModels(
  runtime: Runtime,
  { exact, other, input, size, classes, pictures, total }: Comparison,
  work: WorkOptions = {},
): Promise<PrecisionLoss> {
  const provider = runtime.providers[0] ?? 'cpu';
  const sessions = [await runtime.load(exact, { provider }), await runtime.load(other, { provider })] as const;
  const meters = [meterOf(classes), meterOf(classes)] as const;
  let [seen, agreed] = [0, 0];
  try {
    for await (const batch of pictures) {
      goOn(work, { what: 'judging', done: seen, total });
      const x = float32([batch.labels.length, 3, size, size], batch.images);
      const logits: Float32Array[] = [];
      for (const [i, session] of sessions.entries()) {
        logits[i] = floats((await session.run({ [input]: x }, { logits: null }))['logits']!);
        meters[i]!.add(logits[i]!, batch);
      }
      agreed += sameBest(logits[0]!, logits[1]!, classes);
      seen += batch.labels.length;
    }
  } finally {
    for (const session of sessions) await session.release();
  }
  const [before, after] = [meters[0].score(), meters[1].score()];
  const { metric } = before;
  const values = { before: before.value, after: after.value, points: 100 * (before.value - after.value) };
  return { metric, pictures: seen, ...values, agreement: agreed / seen };
}

interface Meter {
  add(logits: Float32Array, batch: ImageBatch): void;
  score(): { readonly metric: PrecisionLoss['metric']; readonly value: number };
}

/** Scores of pictures with one label or, where batches have targets, with several. */
function meterOf(classes: number): Meter {
  const one = classMeter({ classes, keep: 0 });
  const several = labelMeter({ classes, keep: 0 });
  let isSeveral = false;
  return {
    add: (logits, { labels, targets }) => {
      isSeveral = targets !== undefined;
      if (targets) several.add(logits, targets);
      else one.add(logits, labels);
    },
    score: () =>
      isSeveral
        ? { metric: 'mean average precision', value: several.result().meanAveragePrecision ?? 0 }
        : { metric: 'accuracy', value: one.result().accuracy },
  };
}

/** In how many rows the largest numbers stand at the same place. a, b [N, K] */
function sameBest(a: Float32Array, b: Float32Array, classes: number): number {
  let same = 0;
  for (let row = 0; row < a.length; row += classes) {
    if (best(a, row, classes) === best(b, row, classes)) same++;
  }
  return same;
}

function best(logits: Float32Array, row: number, classes: number): number {
  let at = 0;
  for (let k = 1; k < classes; k++) if (logits[row + k]! > logits[row + at]!) at = k;
  return at;
}

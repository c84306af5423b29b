import { float32, floats, type TensorMap } from '../core/tensor.ts';
import type { ImageBatch, ImageLoader } from '../data/batch.ts';
import type { Runtime } from '../engine/runtime.ts';
import { createSession } from '../engine/session.ts';
import type { Network } from '../model/scope.ts';
import { type ClassifyResult, classMeter, type Mistake } from '../result/classify.ts';
import { type Insight, type InsightMeter, insightMeter } from '../result/insight.ts';
import { type LabelResult, labelMeter } from '../result/labels.ts';
import type { Split } from '../result/report.ts';
import type { EngineConfig } from './config.ts';
import { engineOptions } from './engine-options.ts';
import { traceInference } from './network.ts';

/** A part of the held-out pictures that is scored by itself. */
export interface Part {
  readonly name: string;
  /** Which samples of the data set belong to it. */
  readonly indices: ReadonlySet<number>;
}

/** Scores of all held-out pictures and of their parts. */
export interface Evaluation {
  /**
   * Scores of the likeliest class. Of a picture with several labels it is right where it is one of them, and counts for
   * that one, else for the first; pictures without a label are left out.
   */
  readonly result: ClassifyResult;
  /** Scores of every class by itself, in data whose pictures may have several labels. */
  readonly labels?: LabelResult;
  readonly parts: readonly Split[];
  /** Curves by threshold, calibration and top losses, `index` being the sample's in the data set. */
  readonly insight: Insight;
  /** The worst mistakes, `index` being the sample's in the data set. */
  readonly mistakes: readonly Mistake[];
}

/** Scores weights on held-out pictures; every readable picture counts exactly once. */
export interface Judge {
  score(pictures: ImageLoader, weights: TensorMap, signal?: AbortSignal): Promise<Evaluation>;
  release(): Promise<void>;
}

/** What a {@link Judge} is made for. */
export interface JudgeOptions {
  readonly batch: number;
  readonly size: number;
  readonly classes: number;
  readonly parts: readonly Part[];
  readonly engine: EngineConfig;
  /** Weights that never change: the runtime then lays them out for speed, and `score` may be given no others. */
  readonly constants?: TensorMap;
  /** Writes the runtime's profile to a file with this prefix. */
  readonly profile?: string;
}

/**
 * Loads a network in inference, its weights being fed. A last batch that is not full is padded, and the padding's logits
 * dropped.
 */
export async function createJudge(runtime: Runtime, network: Network, options: JudgeOptions): Promise<Judge> {
  const { batch, size, engine, constants, profile } = options;
  const traced = traceInference(network, { batch, size, provider: engine.provider });
  const fixed = constants && new Map([...constants].filter(([name]) => traced.parameters.has(name)));
  const session = await createSession(runtime, new Map([['logits', traced.outputs.get('logits')!]]), {
    ...engineOptions(engine),
    ...(fixed && { constants: fixed }),
    ...(profile !== undefined && { profile }),
  });
  const logitsOf = async (images: Float32Array, weights: TensorMap): Promise<Float32Array> => {
    const x = float32([batch, 3, size, size], padded(images, batch * 3 * size * size));
    return floats((await session.run({ ...Object.fromEntries(weights), x }))['logits']!);
  };
  const release = async (): Promise<void> => {
    if (profile !== undefined) session.endProfiling();
    await session.release();
  };
  return { score: (pictures, weights, signal) => score({ pictures, weights, signal }, logitsOf, options), release };
}

/** What is scored: which pictures, with which weights. */
interface Task {
  readonly pictures: ImageLoader;
  readonly weights: TensorMap;
  readonly signal: AbortSignal | undefined;
}

type LogitsOf = (images: Float32Array, weights: TensorMap) => Promise<Float32Array>;

async function score(task: Task, logitsOf: LogitsOf, { classes, parts }: JudgeOptions): Promise<Evaluation> {
  const { pictures, weights, signal } = task;
  const whole = classMeter({ classes });
  const several = labelMeter({ classes });
  const meters = parts.map((part) => ({ ...part, meter: classMeter({ classes, keep: 0 }), size: 0 }));
  const order: number[] = [];
  const seen: number[] = [];
  let insight: InsightMeter | undefined;
  let multiLabel = false;
  for await (const batch of pictures.epoch(0, signal ? { signal } : {})) {
    const logits = (await logitsOf(batch.images, weights)).subarray(0, batch.labels.length * classes);
    insight ??= insightMeter({ classes, multiLabel: batch.targets !== undefined });
    insight.add(logits, batch);
    seen.push(...batch.indices);
    if (batch.targets) several.add(logits, batch.targets);
    multiLabel ||= batch.targets !== undefined;
    const { rows, labels, indices } = oneLabelEach(logits, batch, classes);
    if (labels.length > 0) whole.add(rows, labels);
    order.push(...indices);
    for (const part of meters) {
      indices.forEach((index, i) => {
        if (!part.indices.has(index)) return;
        part.meter.add(rows.subarray(i * classes, (i + 1) * classes), [labels[i]!]);
        part.size++;
      });
    }
  }
  const result = whole.result();
  const insights = insight!.result(); // without pictures there is no result either
  return {
    result,
    insight: { ...insights, topLosses: insights.topLosses.map((t) => ({ ...t, index: seen[t.index]! })) },
    ...(multiLabel && { labels: several.result() }),
    parts: meters.filter((p) => p.size > 0).map((p) => ({ name: p.name, result: p.meter.result() })),
    mistakes: result.mistakes.map((m) => ({ ...m, index: order[m.index]! })),
  };
}

/** Rows of logits with one label each: of several the likeliest class if it is one of them, else the first. */
interface Labelled {
  /** [M, K] */
  readonly rows: Float32Array;
  readonly labels: ArrayLike<number>;
  readonly indices: readonly number[];
}

function oneLabelEach(rows: Float32Array, { labels, targets, indices }: ImageBatch, classes: number): Labelled {
  if (!targets) return { rows, labels, indices: [...indices] };
  const kept = [...labels.keys()].filter((i) => labels[i]! >= 0);
  const out = new Float32Array(kept.length * classes);
  const chosen = kept.map((i, k) => {
    const row = rows.subarray(i * classes, (i + 1) * classes);
    out.set(row, k * classes);
    const best = row.indexOf(Math.max(...row));
    return targets[i * classes + best] === 1 ? best : labels[i]!;
  });
  return { rows: out, labels: chosen, indices: kept.map((i) => indices[i]!) };
}

function padded(data: Float32Array, length: number): Float32Array {
  if (data.length === length) return data;
  const out = new Float32Array(length);
  out.set(data);
  return out;
}

import { float32, floats, type TensorMap } from '../core/tensor.ts';
import type { ImageLoader } from '../data/batch.ts';
import type { Runtime } from '../engine/runtime.ts';
import { createSession } from '../engine/session.ts';
import type { Network } from '../model/scope.ts';
import { type ClassifyResult, classMeter, type Mistake } from '../result/classify.ts';
import { type Insight, insightMeter } from '../result/insight.ts';
import type { Split } from '../result/report.ts';
import type { EngineConfig } from './config.ts';
import { traceInference } from './network.ts';

/** A part of the held-out pictures that is scored by itself. */
export interface Part {
  readonly name: string;
  /** Which samples of the data set belong to it. */
  readonly indices: ReadonlySet<number>;
}

/** Scores of all held-out pictures and of their parts. */
export interface Evaluation {
  readonly result: ClassifyResult;
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
  const meters = parts.map((part) => ({ ...part, meter: classMeter({ classes, keep: 0 }), size: 0 }));
  const insight = insightMeter({ classes });
  const order: number[] = [];
  for await (const { images, labels, indices } of pictures.epoch(0, signal ? { signal } : {})) {
    const rows = (await logitsOf(images, weights)).subarray(0, labels.length * classes);
    whole.add(rows, labels);
    insight.add(rows, { labels });
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
  const insights = insight.result();
  return {
    result,
    insight: { ...insights, topLosses: insights.topLosses.map((t) => ({ ...t, index: order[t.index]! })) },
    parts: meters.filter((p) => p.size > 0).map((p) => ({ name: p.name, result: p.meter.result() })),
    mistakes: result.mistakes.map((m) => ({ ...m, index: order[m.index]! })),
  };
}

function padded(data: Float32Array, length: number): Float32Array {
  if (data.length === length) return data;
  const out = new Float32Array(length);
  out.set(data);
  return out;
}

/** What the engine is asked for a session of a run. */
export function engineOptions(engine: EngineConfig): {
  readonly provider: EngineConfig['provider'];
  readonly threads?: number;
} {
  return { provider: engine.provider, ...(engine.threads !== null && { threads: engine.threads }) };
}

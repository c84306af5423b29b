import { textBytes } from '../data/output.ts';
import type { ProgressState } from '../result/progress.ts';
import { type BatchesPicture, type LiveState, type MetricsRow, renderReport } from '../result/report.ts';
import type { Evaluation } from './evaluate.ts';
import { FILES } from './folder.ts';
import type { Platform } from './platform.ts';
import { type RunFactsParts, runFacts } from './report.ts';

/** What a report needs while its run goes on. */
export interface LiveParts extends Omit<RunFactsParts, 'platform' | 'epochs' | 'seconds'> {
  readonly platform: Pick<Platform, 'machine' | 'output'>;
  /** Time taken in sittings before this one. */
  readonly before: number;
  /** Least seconds between two versions. */
  readonly every: number;
}

/** What a new version of the page tells. */
export interface LiveNews {
  readonly metrics: readonly MetricsRow[];
  readonly progress: ProgressState | null;
  readonly evaluation: Evaluation | null;
  readonly firstBatches: BatchesPicture | null;
}

/** The report of a run that goes on: the same page as the last one, as far as it is known, which loads itself again. */
export class LiveReport {
  readonly #parts: LiveParts;
  readonly #began: number = performance.now();
  #written: number = Number.NEGATIVE_INFINITY;

  constructor(parts: LiveParts) {
    this.#parts = parts;
  }

  /** Whether so much time has passed that a new version is wanted. */
  get isDue(): boolean {
    return performance.now() - this.#written >= this.#parts.every * 1000;
  }

  /** Writes a version; the last one of a run that is ended before its time does not load itself again. */
  async write(news: LiveNews, isLast = false): Promise<void> {
    const { platform, before, folder } = this.#parts;
    this.#written = performance.now();
    const seconds = before + (this.#written - this.#began) / 1000;
    const { evaluation, metrics, firstBatches } = news;
    const page = renderReport({
      ...runFacts({ ...this.#parts, epochs: null, seconds }),
      live: { ...this.#state(news), ...(isLast && { refresh: null }) },
      heldOut: evaluation?.result ?? null,
      ...(evaluation?.labels && { labels: evaluation.labels }),
      ...(evaluation && { insight: evaluation.insight }),
      ...(firstBatches && { firstBatches }),
      splits: evaluation?.parts ?? [],
      references: [],
      metrics,
      mistakes: [],
      attention: [],
    });
    await platform.output.write(folder.at(FILES.report), [textBytes(page)]);
  }

  #state({ progress, metrics }: LiveNews): LiveState {
    const { config, every } = this.#parts;
    const written = `${new Date().toISOString().slice(0, 19).replace('T', ' ')} UTC`;
    const { epochs } = config;
    const last = metrics.at(-1);
    const nothing = { imagesPerSecond: null, loss: null, secondsLeft: null };
    if (!progress)
      return { ...nothing, epoch: last?.epoch ?? 0, epochs, step: last?.step ?? 0, steps: 0, written, refresh: every };
    const { epoch, step, steps, imagesPerSecond, loss, secondsLeft } = progress;
    return {
      ...{ epoch: epoch - 1 + step / steps, epochs, written, refresh: every },
      ...{ step: (epoch - 1) * steps + step, steps: epochs * steps },
      imagesPerSecond,
      loss,
      secondsLeft: Number.isFinite(secondsLeft) ? secondsLeft : null,
    };
  }
}

import { Fault } from '../core/fault.ts';
import { float32, floats, int64, type Tensor, type TensorMap } from '../core/tensor.ts';
import type { ImageBatch, ImageLoader } from '../data/batch.ts';
import type { Feeds } from '../engine/runtime.ts';
import { secondsLeft } from '../result/progress.ts';
import type { MetricsRow } from '../result/report.ts';
import type { RunConfig } from './config.ts';
import { emaDecay, emaUpdate } from './ema.ts';
import type { Evaluation } from './evaluate.ts';
import type { OnEvent } from './events.ts';
import { runLearningRate } from './rate.ts';
import { NOTHING_RUN, type Running, type Standing } from './standing.ts';
import type { Stepper } from './step.ts';

/** What the loop is made of. */
export interface LoopParts {
  readonly config: RunConfig;
  readonly stepper: Stepper;
  /** Average of the weights, written to; null where the run keeps none. */
  readonly average: Map<string, Tensor> | null;
  readonly pictures: ImageLoader;
  /** Scores weights on the held-out pictures. */
  readonly evaluate: (weights: TensorMap, signal?: AbortSignal) => Promise<Evaluation>;
  /** Where the first number that is not finite arises, given a batch and the state before its step. */
  readonly explain: (batch: Feeds, state: TensorMap) => Promise<string>;
  /** Keeps everything that is needed to go on. */
  readonly save: (standing: Standing) => Promise<void>;
  /** Keeps the weights of the best evaluation so far. */
  readonly saveBest: (weights: TensorMap) => Promise<void>;
  /** What the machine says of itself when a row of metrics is made. */
  readonly measure: () => Pick<MetricsRow, 'memory'>;
  /** Keeps a row of metrics. */
  readonly record: (row: MetricsRow) => Promise<void>;
  readonly onEvent: OnEvent;
  /** Ends the loop after the step under way, with a checkpoint. */
  readonly signal?: AbortSignal;
}

/** How a loop ended. */
export interface LoopResult {
  readonly standing: Standing;
  /** False where the signal ended it. */
  readonly finished: boolean;
  /** The last evaluation; null where none was made in this sitting. */
  readonly evaluation: Evaluation | null;
}

/** Steps over which speed and loss are averaged for the progress line. */
const LATELY = 20;

/** The weights that are judged and exported: the average where there is one, counters and frozen tensors as they are. */
export function judgedWeights(stepper: Stepper, average: TensorMap | null): TensorMap {
  return average ? new Map([...stepper.state, ...average]) : stepper.state;
}

/** Trains to the end of the last epoch, from wherever a run stands. */
export async function trainLoop(parts: LoopParts, from: Standing): Promise<LoopResult> {
  const sitting = new Sitting(parts, from);
  try {
    const evaluation = await sitting.run();
    return { standing: sitting.standing, finished: true, evaluation };
  } catch (error) {
    if (!parts.signal?.aborted || error !== parts.signal.reason) throw error;
    await sitting.save();
    return { standing: sitting.standing, finished: false, evaluation: null };
  }
}

/** One sitting of a run: what changes from step to step. */
class Sitting {
  standing: Standing;
  readonly #parts: LoopParts;
  readonly #began = performance.now();
  readonly #before: number;
  #saved = performance.now();
  #lately: { readonly time: number; readonly loss: number }[] = [];
  #steps = 0;
  #speed = 0;

  constructor(parts: LoopParts, from: Standing) {
    this.#parts = parts;
    this.#before = from.seconds;
    this.standing = from;
  }

  async run(): Promise<Evaluation | null> {
    const { config } = this.#parts;
    let evaluation: Evaluation | null = null;
    while (this.standing.epoch < config.epochs) {
      await this.#epoch();
      const epoch = this.standing.epoch + 1;
      const due = epoch % config.evaluateEvery === 0 || epoch === config.epochs;
      if (due) evaluation = await this.#evaluate(epoch);
      await this.#record(epoch, due ? evaluation : null);
      this.standing = { ...this.standing, epoch, batch: 0 };
      await this.save();
    }
    return evaluation;
  }

  async save(): Promise<void> {
    const seconds = this.#before + (performance.now() - this.#began) / 1000;
    this.standing = { ...this.standing, seconds };
    await this.#parts.save(this.standing);
    this.#saved = performance.now();
  }

  async #epoch(): Promise<void> {
    const { config, pictures, signal } = this.#parts;
    const { epoch, batch: from } = this.standing;
    if (from >= pictures.batches) return;
    this.#lately = [{ time: performance.now(), loss: Number.NaN }];
    for await (const batch of pictures.epoch(epoch, { from, ...(signal && { signal }) })) {
      await this.#step(batch);
      const { batch: done } = this.standing;
      const last = done === pictures.batches;
      if (done % config.logEvery === 0 && !last) await this.#record(epoch + done / pictures.batches, null);
      if (!last && this.#saveIsDue(done)) await this.save();
    }
  }

  async #step(batch: ImageBatch): Promise<void> {
    const { config, stepper, average } = this.#parts;
    const { size } = config.data;
    const n = batch.labels.length;
    const feeds = { x: float32([n, 3, size, size], batch.images), labels: int64([n], batch.labels) };
    const results = await stepper.run(feeds, this.#learningRate(stepper.step));
    const loss = floats(results['loss']!)[0]!;
    if (!Number.isFinite(loss)) throw await this.#notFinite(feeds, loss);
    if (average && config.ema) {
      const decay = emaDecay(config.ema, stepper.step);
      for (const [name, t] of average) emaUpdate(t, stepper.state.get(name)!, decay);
    }
    const { running, batch: done } = this.standing;
    const correct = running.correct + countCorrect(floats(results['logits']!), batch.labels);
    const sums: Running = {
      loss: running.loss + loss,
      steps: running.steps + 1,
      correct,
      samples: running.samples + n,
    };
    this.standing = { ...this.standing, batch: done + 1, running: sums };
    this.#progress(loss);
  }

  #saveIsDue(done: number): boolean {
    const { steps, seconds } = this.#parts.config.checkpointEvery;
    const byTime = seconds !== null && performance.now() - this.#saved >= seconds * 1000;
    return byTime || (steps !== null && done % steps === 0);
  }

  #learningRate(step: number): number {
    const { config, pictures } = this.#parts;
    const time = { step, stepsPerEpoch: pictures.batches, epochs: config.epochs };
    return runLearningRate(config.schedule, config.learningRate, time);
  }

  async #notFinite(feeds: Feeds, loss: number): Promise<Fault> {
    const { stepper, config } = this.#parts;
    const where = await this.#parts.explain(feeds, stepper.before);
    const step = stepper.step;
    const advice =
      config.clipNorm === null ? 'Lower learningRate or set clipNorm.' : 'Lower learningRate, clipNorm or both.';
    return new Fault(
      'engine',
      `step ${step} (epoch ${this.standing.epoch + 1}): expected a finite loss, got ${loss}. First of all in ${where}. ` +
        `The learning rate was ${this.#learningRate(step - 1)}. ${advice}`,
    );
  }

  #progress(loss: number): void {
    const { config, pictures, stepper, onEvent } = this.#parts;
    const { epoch, batch } = this.standing;
    const now = performance.now();
    this.#steps++;
    this.#lately = [...this.#lately.slice(-LATELY), { time: now, loss }];
    const losses = this.#lately.map((l) => l.loss).filter((l) => !Number.isNaN(l));
    const seconds = (now - this.#lately[0]!.time) / 1000;
    const left = config.epochs * pictures.batches - (epoch * pictures.batches + batch);
    const state = {
      epoch: epoch + 1,
      epochs: config.epochs,
      step: batch,
      steps: pictures.batches,
      imagesPerSecond: ((this.#lately.length - 1) * config.data.batchSize) / seconds,
      loss: losses.reduce((a, b) => a + b, 0) / losses.length,
      learningRate: this.#learningRate(stepper.step - 1),
      secondsLeft: secondsLeft(this.#steps, this.#steps + left, (now - this.#began) / 1000),
    };
    this.#speed = state.imagesPerSecond;
    onEvent({ kind: 'progress', state });
  }

  /** Adds a row of metrics and starts new sums. */
  async #record(epoch: number, evaluation: Evaluation | null): Promise<void> {
    const { stepper, record } = this.#parts;
    const { running } = this.standing;
    const row: MetricsRow = {
      epoch,
      step: stepper.step,
      ...(running.steps > 0 && {
        loss: running.loss / running.steps,
        accuracy: running.correct / running.samples,
        learningRate: this.#learningRate(stepper.step - 1),
        imagesPerSecond: Math.round(this.#speed * 10) / 10,
      }),
      ...this.#parts.measure(),
      ...(evaluation && {
        heldOutLoss: evaluation.result.loss,
        heldOutAccuracy: evaluation.result.accuracy,
        heldOutBalancedAccuracy: evaluation.result.balancedAccuracy,
      }),
    };
    this.standing = { ...this.standing, running: NOTHING_RUN, metrics: [...this.standing.metrics, row] };
    await record(row);
  }

  async #evaluate(epoch: number): Promise<Evaluation> {
    const { stepper, average, evaluate, saveBest, onEvent, signal } = this.#parts;
    const weights = judgedWeights(stepper, average);
    const evaluation = await evaluate(weights, signal);
    onEvent({ kind: 'evaluation', epoch, evaluation });
    const { balancedAccuracy } = evaluation.result;
    if (this.standing.best === null || balancedAccuracy > this.standing.best.balancedAccuracy) {
      await saveBest(weights);
      this.standing = { ...this.standing, best: { epoch, balancedAccuracy } };
    }
    return evaluation;
  }
}

/** How many rows have their largest logit at the label. */
function countCorrect(logits: Float32Array, labels: Int32Array): number {
  const classes = logits.length / labels.length;
  let correct = 0;
  labels.forEach((label, i) => {
    const row = logits.subarray(i * classes, (i + 1) * classes);
    if (row.every((v, k) => k === label || v < row[label]!)) correct++;
  });
  return correct;
}

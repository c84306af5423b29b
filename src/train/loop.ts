import { Fault } from '../core/fault.ts';
import { floats, type Tensor, type TensorMap } from '../core/tensor.ts';
import type { ImageBatch, ImageLoader } from '../data/batch.ts';
import type { Feeds } from '../engine/runtime.ts';
import type { Traced } from '../model/scope.ts';
import type { MetricsRow } from '../result/report.ts';
import type { RunConfig } from './config.ts';
import { emaDecay, emaUpdate } from './ema.ts';
import type { Evaluation } from './evaluate.ts';
import type { OnEvent } from './events.ts';
import { batchFeeds, countCorrect } from './feeds.ts';
import { afterEvaluation, improves, isOver, metricsRow, stoppedNote } from './judging.ts';
import { Pulse } from './pulse.ts';
import { runLearningRate } from './rate.ts';
import { addRunning, NOTHING_RUN, type Running, type Standing } from './standing.ts';
import type { StepPart, Stepper } from './step.ts';

/** What the loop is made of. */
export interface LoopParts {
  readonly config: RunConfig;
  readonly stepper: Stepper;
  /** What the step was made of: which inputs it has. */
  readonly traced: Pick<Traced, 'inputs' | 'randoms'>;
  /** Average of the weights, written to; null where the run keeps none. */
  readonly average: Map<string, Tensor> | null;
  readonly pictures: ImageLoader;
  /** The weights that are judged after so many epochs. */
  readonly judged: (epochs: number) => Promise<TensorMap>;
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
    parts.stepper.rollback();
    await sitting.save();
    return { standing: sitting.standing, finished: false, evaluation: null };
  }
}

/** One sitting of a run: what changes from step to step. */
class Sitting {
  standing: Standing;
  readonly #parts: LoopParts;
  readonly #pulse: Pulse = new Pulse();
  readonly #before: number;
  #saved = performance.now();
  /** What the batches of the step under way add up to. */
  #step: Running = NOTHING_RUN;

  constructor(parts: LoopParts, from: Standing) {
    this.#parts = parts;
    this.#before = from.seconds;
    this.standing = from;
  }

  async run(): Promise<Evaluation | null> {
    const { config, onEvent } = this.#parts;
    let evaluation: Evaluation | null = null;
    while (!isOver(this.standing, config)) {
      await this.#epoch();
      const epoch = this.standing.epoch + 1;
      const due = epoch % config.evaluateEvery === 0 || epoch === config.epochs;
      const used = this.#used; // an evaluation may change it for the steps that follow
      evaluation = due ? await this.#evaluate(epoch) : null;
      await this.#record(epoch, evaluation, used);
      this.standing = { ...this.standing, epoch, batch: 0 };
      await this.save();
    }
    if (this.standing.epoch < config.epochs) onEvent({ kind: 'note', text: stoppedNote(this.standing, config) });
    return evaluation;
  }

  async save(): Promise<void> {
    this.standing = { ...this.standing, seconds: this.#before + this.#pulse.seconds };
    await this.#parts.save(this.standing);
    this.#saved = performance.now();
  }

  async #epoch(): Promise<void> {
    const { config, pictures, signal } = this.#parts;
    const { epoch, batch: from } = this.standing;
    const { batches } = pictures;
    if (from >= batches) return;
    this.#pulse.begin();
    let number = from;
    for await (const batch of pictures.epoch(epoch, { from, ...(signal && { signal }) })) {
      // The last step of an epoch is made of what is left.
      const first = number - (number % config.accumulate);
      const count = Math.min(config.accumulate, batches - first);
      const part = { share: 1 / count, last: number === first + count - 1 };
      await this.#batch(batch, number++, part);
      pictures.release?.(batch);
      if (!part.last || number === batches) continue;
      const steps = number / config.accumulate;
      if (steps % config.logEvery === 0) await this.#record(epoch + number / batches, null, this.#used);
      if (this.#saveIsDue(steps)) await this.save();
    }
  }

  async #batch(batch: ImageBatch, number: number, part: StepPart): Promise<void> {
    const { config, stepper, average, traced } = this.#parts;
    const feeds = batchFeeds(batch, traced, { seed: config.seed, epoch: this.standing.epoch, batch: number });
    const results = await stepper.run(feeds, this.#learningRate(stepper.step), part);
    const loss = floats(results['loss']!)[0]!;
    if (!Number.isFinite(loss)) throw await this.#notFinite(feeds, loss, part);
    const norm = results['gradientNorm'];
    this.#step = {
      loss: this.#step.loss + loss * part.share,
      steps: 1,
      correct: this.#step.correct + countCorrect(floats(results['logits']!), batch),
      samples: this.#step.samples + batch.labels.length,
      gradientNorm: norm ? floats(norm)[0]! : null,
    };
    if (!part.last) return;
    if (average && config.ema) {
      const decay = emaDecay(config.ema, stepper.step);
      for (const [name, t] of average) emaUpdate(t, stepper.state.get(name)!, decay);
    }
    const step = this.#step;
    this.#step = NOTHING_RUN;
    this.standing = { ...this.standing, batch: number + 1, running: addRunning(this.standing.running, step) };
    this.#pulse.beat(step.loss, step.samples);
    this.#progress();
  }

  #saveIsDue(done: number): boolean {
    const { steps, seconds } = this.#parts.config.checkpointEvery;
    const byTime = seconds !== null && performance.now() - this.#saved >= seconds * 1000;
    return byTime || (steps !== null && done % steps === 0);
  }

  get #stepsPerEpoch(): number {
    return Math.ceil(this.#parts.pictures.batches / this.#parts.config.accumulate);
  }

  #learningRate(step: number): number {
    const { schedule, learningRate, epochs } = this.#parts.config;
    const { reductions } = this.standing.plateau;
    return runLearningRate(schedule, learningRate, { step, stepsPerEpoch: this.#stepsPerEpoch, epochs, reductions });
  }

  /** The learning rate of the last step. */
  get #used(): number {
    return this.#learningRate(this.#parts.stepper.step - 1);
  }

  async #notFinite(feeds: Feeds, loss: number, part: StepPart): Promise<Fault> {
    const { stepper, config } = this.#parts;
    const where = await this.#parts.explain(feeds, stepper.before);
    const step = part.last ? stepper.step : stepper.step + 1;
    const advice =
      config.clipNorm === null ? 'Lower learningRate or set clipNorm.' : 'Lower learningRate, clipNorm or both.';
    return new Fault(
      'engine',
      `step ${step} (epoch ${this.standing.epoch + 1}): expected a finite loss, got ${loss}. First of all in ${where}. ` +
        `The learning rate was ${this.#learningRate(step - 1)}. ${advice}`,
    );
  }

  #progress(): void {
    const { config, onEvent } = this.#parts;
    const { epoch, batch } = this.standing;
    const steps = this.#stepsPerEpoch;
    const step = Math.ceil(batch / config.accumulate);
    const { loss, imagesPerSecond } = this.#pulse;
    const secondsLeft = this.#pulse.left((config.epochs - epoch) * steps - step);
    const state = {
      epoch: epoch + 1,
      epochs: config.epochs,
      step,
      steps,
      imagesPerSecond,
      loss,
      learningRate: this.#used,
    };
    onEvent({ kind: 'progress', state: { ...state, secondsLeft } });
  }

  /** Adds a row of metrics and starts new sums. */
  async #record(epoch: number, evaluation: Evaluation | null, learningRate: number): Promise<void> {
    const { stepper, record, measure } = this.#parts;
    const { imagesPerSecond } = this.#pulse;
    const parts = { epoch, step: stepper.step, learningRate, imagesPerSecond, evaluation };
    const row = { ...metricsRow(this.standing, parts), ...measure() };
    this.standing = { ...this.standing, running: NOTHING_RUN, metrics: [...this.standing.metrics, row] };
    await record(row);
  }

  async #evaluate(epoch: number): Promise<Evaluation> {
    const { config, evaluate, judged, saveBest, onEvent, signal } = this.#parts;
    const weights = await judged(epoch);
    const evaluation = await evaluate(weights, signal);
    onEvent({ kind: 'evaluation', epoch, evaluation });
    if (improves(this.standing, evaluation, config)) await saveBest(weights);
    this.standing = afterEvaluation(this.standing, evaluation, config, epoch);
    return evaluation;
  }
}

import type { Tensor } from '../core/tensor.ts';
import { floats, type TensorMap } from '../core/tensor.ts';
import type { ImageBatch, ImageLoader } from '../data/batch.ts';
import { MAX_FILE_BYTES } from '../data/image.ts';
import type { Traced } from '../model/scope.ts';
import { parameterCount } from '../model/scope.ts';
import type { Picture } from '../result/attention.ts';
import { encodePng } from '../result/png.ts';
import type { ProgressState } from '../result/progress.ts';
import type { BatchesPicture, Fact, MetricsRow } from '../result/report.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { RunConfig } from './config.ts';
import type { Evaluation } from './evaluate.ts';
import { beginEvents, type EventFile, histogramsOf, scalarsOf } from './event-file.ts';
import type { TrainEvent } from './events.ts';
import { BATCHES, firstBatches, watchFirst } from './first-batches.ts';
import { beginFolder, FILES, type Folder, metricsLine } from './folder.ts';
import { LiveReport } from './live-report.ts';
import { figuresOf, writeOutcome } from './outcome.ts';
import type { RunPictures } from './pictures.ts';
import type { Platform } from './platform.ts';
import type { Standing } from './standing.ts';
import type { Stepper } from './step.ts';

/** What a sitting begins with. */
export interface Beginning {
  readonly pictures: RunPictures;
  readonly traced: Pick<Traced, 'state'>;
  readonly from: Checkpoint | null;
}

/** What a run ended with. */
export interface Ending {
  readonly evaluation: Evaluation;
  readonly standing: Standing;
  readonly steps: number;
  readonly baseline: number | null;
  readonly classes: readonly string[];
  readonly next: readonly Fact[];
}

/** Of which run. */
export interface RecordsOptions {
  readonly config: RunConfig;
  readonly platform: Platform;
  readonly folder: Folder;
}

/**
 * What a run writes down of itself while it goes on, besides checkpoints: configuration, metrics, event file, first
 * batches, and the report as far as it is known. Nothing is written before it begins.
 */
export class Records {
  readonly #options: RecordsOptions;
  #metrics: readonly MetricsRow[] = [];
  #progress: ProgressState | null = null;
  #evaluation: Evaluation | null = null;
  #firstBatches: BatchesPicture | null = null;
  #events: EventFile | null = null;
  #page: LiveReport | null = null;
  #training: ImageLoader | null = null;
  /** A page that is being written while the run goes on; a fault in it is thrown where it is awaited. */
  #writing: Promise<void> = Promise.resolve();

  constructor(options: RecordsOptions) {
    this.#options = options;
  }

  /** What the network saw first, as it is shown in a report; null where it was not drawn yet. */
  get firstBatches(): BatchesPicture | null {
    return this.#firstBatches;
  }

  /** Writes configuration and metrics so far, and begins all that is added to. */
  async begin({ pictures, traced, from }: Beginning): Promise<void> {
    const { config, platform, folder } = this.#options;
    this.#metrics = from?.standing.metrics ?? [];
    const step = from?.step ?? 0;
    await beginFolder(folder, platform.output, { config, metrics: this.#metrics });
    if (config.tensorboard) this.#events = await beginEvents(folder.path, platform, { step, metrics: this.#metrics });
    if (from && step > 0) await this.#findFirstBatches(pictures.classes);
    if (config.liveReport !== null) {
      const parameters = parameterCount(traced.state);
      const before = from?.standing.seconds ?? 0;
      this.#page = new LiveReport({ ...this.#options, pictures, parameters, before, every: config.liveReport });
    }
    await this.#writePage();
  }

  /** The same batches; the first ones are drawn as the network sees them. */
  watch(training: ImageLoader, classes: readonly string[]): ImageLoader {
    this.#training = training;
    return watchFirst(training, (batches) => this.#drawFirstBatches(batches, classes));
  }

  /** Adds a row of metrics. */
  async row(row: MetricsRow): Promise<void> {
    const { platform, folder } = this.#options;
    this.#metrics = [...this.#metrics, row];
    await platform.output.append(folder.at(FILES.metrics), metricsLine(row));
    await this.#events?.add(row.step, scalarsOf(row));
    await this.#writing;
    if (this.#page?.isDue) await this.#writePage();
  }

  /** Takes note of scores, and of the weights that were scored. */
  async evaluated(evaluation: Evaluation, stepper: Stepper): Promise<void> {
    this.#evaluation = evaluation;
    await this.#events?.add(stepper.step, [
      ...histogramsOf('weights', stepper.state),
      ...histogramsOf('updates', updatesOf(stepper)),
    ]);
    await this.#writePage();
  }

  /** Takes note of what a run says. */
  hear(event: TrainEvent): void {
    if (event.kind !== 'progress') return;
    this.#progress = event.state;
    if (!this.#page?.isDue) return;
    this.#writing = this.#writing.then(() => this.#page?.write(this.#news()));
    this.#writing.catch(() => undefined); // it is thrown where the next row awaits it
  }

  /** Writes down that the run has ended by itself. */
  async end({ evaluation, standing, steps, ...rest }: Ending): Promise<void> {
    const { platform, folder } = this.#options;
    const { epoch: epochs, seconds, best } = standing;
    const heldOut = figuresOf(evaluation);
    await writeOutcome(folder, platform, { ...rest, ...{ epochs, steps, seconds, best, heldOut } });
  }

  /** Says on the page that the run was ended before its time; nothing where it ended by itself, or never began. */
  async halt(): Promise<void> {
    await this.#writing.catch(() => undefined); // whatever ended the run is thrown, not this
    await this.#page?.write(this.#news(), true).catch(() => undefined);
    this.#page = null;
  }

  /** Ends the page that is written while the run goes on, before the last one takes its place. */
  async close(): Promise<void> {
    this.#page = null;
    await this.#writing;
  }

  #news() {
    const [metrics, progress, evaluation, drawn] = [
      this.#metrics,
      this.#progress,
      this.#evaluation,
      this.#firstBatches,
    ];
    return { metrics, progress, evaluation, firstBatches: drawn };
  }

  async #writePage(): Promise<void> {
    await this.#writing;
    await this.#page?.write(this.#news());
  }

  async #drawFirstBatches(batches: readonly ImageBatch[], classes: readonly string[]): Promise<void> {
    const { config, platform, folder } = this.#options;
    const picture = firstBatches(batches, { data: config.data, classes });
    const { width, height } = picture;
    const png = await encodePng(picture);
    await platform.output.write(folder.at(FILES.firstBatches), [png]);
    await this.#events?.add(0, [{ kind: 'image', tag: 'first batches', width, height, png }]);
    this.#firstBatches = await shown(picture, platform);
  }

  /** Takes the first batches from the file of an earlier sitting, or draws them now. */
  async #findFirstBatches(classes: readonly string[]): Promise<void> {
    const { platform, folder } = this.#options;
    this.#firstBatches = await shownBatches(folder, platform);
    if (this.#firstBatches) return;
    const batches: ImageBatch[] = [];
    for await (const batch of this.#training!.epoch(0)) {
      batches.push(batch);
      if (batches.length >= BATCHES) break;
    }
    await this.#drawFirstBatches(batches, classes);
  }
}

async function shown(
  { width, height, data }: Picture,
  { encodePicture }: Pick<Platform, 'encodePicture'>,
): Promise<BatchesPicture> {
  return { image: await encodePicture({ width, height, data }), width, height };
}

/** The first batches as an earlier sitting drew them; null where it did not. */
export async function shownBatches(folder: Folder, platform: Platform): Promise<BatchesPicture | null> {
  const path = folder.at(FILES.firstBatches);
  if (!(await platform.output.exists(path))) return null;
  return shown(await platform.decoder.decode(await platform.files.read(path, MAX_FILE_BYTES), path), platform);
}

/** What the last step changed of each parameter; nothing before the first step of a sitting. */
function updatesOf({ state, before }: Pick<Stepper, 'state' | 'before'>): TensorMap {
  const changes = new Map<string, Tensor>();
  for (const [name, now] of state) {
    const then = before.get(name);
    if (!then || then.data === now.data || now.dtype !== 'float32') continue;
    const old = floats(then);
    changes.set(name, { ...now, data: floats(now).map((v, i) => v - old[i]!) });
  }
  return changes;
}

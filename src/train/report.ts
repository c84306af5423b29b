import type { ImageWorkers } from '../data/load.ts';
import { parameterCount } from '../model/scope.ts';
import { formatCount, formatDuration } from '../result/format.ts';
import { type BatchesPicture, type Fact, type ReportData, renderReport } from '../result/report.ts';
import type { Classifier } from './classifier.ts';
import type { RunConfig } from './config.ts';
import type { Evaluation } from './evaluate.ts';
import { attentionExhibits, lossPictures, mistakePictures } from './exhibits.ts';
import { FILES, type Folder } from './folder.ts';
import { traceInference } from './network.ts';
import type { RunPictures } from './pictures.ts';
import type { Platform } from './platform.ts';
import type { Standing } from './standing.ts';

/** What a run's report is made of. */
export interface ReportParts {
  readonly folder: Folder;
  readonly config: RunConfig;
  readonly pictures: RunPictures;
  readonly classifier: Classifier;
  readonly evaluation: Evaluation;
  readonly standing: Standing;
  /** Balanced accuracy of logistic regression on pixels; null where it was not asked for. */
  readonly baseline: number | null;
  readonly workers: ImageWorkers;
  readonly platform: Platform;
  /** What the network saw first; null where it was not drawn. */
  readonly firstBatches: BatchesPicture | null;
}

/** What a report says of a run, finished or not. */
export interface RunFactsParts {
  readonly folder: Folder;
  readonly config: RunConfig;
  readonly pictures: RunPictures;
  readonly platform: Pick<Platform, 'machine'>;
  /** Parameters of the network. */
  readonly parameters: number;
  /** Epochs that were made; null while the run goes on. */
  readonly epochs: number | null;
  /** Time taken so far. */
  readonly seconds: number;
}

/** Pictures under attention maps. */
const EXHIBITS = 6;

/** The page that shows a finished run. */
export async function runReport(parts: ReportParts): Promise<string> {
  const { config, pictures, classifier, evaluation, standing, baseline, workers, platform, folder } = parts;
  const side = config.baseline;
  const { size } = config.data;
  const { state } = traceInference(classifier.network, { batch: 1, size, provider: config.engine.provider });
  const { epoch: epochs, seconds } = standing;
  const data: ReportData = {
    ...runFacts({ folder, config, pictures, platform, parameters: parameterCount(state), epochs, seconds }),
    heldOut: evaluation.result,
    splits: evaluation.parts,
    references:
      baseline === null
        ? []
        : [{ name: `logistic regression on ${side} x ${side} pixels`, balancedAccuracy: baseline }],
    metrics: standing.metrics,
    ...(evaluation.labels && { labels: evaluation.labels }),
    insight: evaluation.insight,
    ...(parts.firstBatches && { firstBatches: parts.firstBatches }),
    topLosses: await lossPictures(evaluation.insight.topLosses, pictures.test, platform),
    mistakes: await mistakePictures(evaluation.mistakes, pictures.test, platform),
    attention: await attentionExhibits({
      classifier,
      test: pictures.test,
      indices: oneOfEach(pictures, EXHIBITS),
      workers,
      engine: config.engine,
      platform,
    }),
  };
  return renderReport(data);
}

/** What is known of a run from its beginning. */
export function runFacts(
  parts: RunFactsParts,
): Pick<ReportData, 'title' | 'summary' | 'classes' | 'configuration' | 'machine' | 'files' | 'next'> {
  const { folder, config, pictures, epochs } = parts;
  return {
    title: folder.name,
    summary: summaryOf(parts),
    classes: pictures.classes,
    configuration: config as unknown as Readonly<Record<string, unknown>>,
    machine: machineFacts(parts),
    files: fileFacts(config),
    next: epochs === null ? [] : nextCommands(folder.path, pictures),
  };
}

function summaryOf({ config, pictures, parameters, epochs }: RunFactsParts): string {
  const counts = `${formatCount(pictures.train.samples.length)} pictures, judged on ${formatCount(pictures.test.samples.length)}`;
  const trained = epochs === null ? `being trained for ${config.epochs} epochs` : `trained for ${epochs} epochs`;
  return `${config.model.name} with ${formatCount(parameters)} parameters, ${trained} on ${counts} (${pictures.source}).`;
}

/** The first test picture of as many classes as wanted, spread evenly over the classes. */
function oneOfEach({ classes, test }: RunPictures, wanted: number): readonly number[] {
  const count = Math.min(wanted, classes.length);
  return Array.from({ length: count }, (_, i) => Math.floor((i * classes.length) / count)).flatMap((label) => {
    const at = test.samples.findIndex((s) => s.label === label);
    return at < 0 ? [] : [at];
  });
}

function machineFacts({ platform, config, seconds }: RunFactsParts): readonly Fact[] {
  return [
    ...platform.machine,
    { name: 'provider and threads', value: `${config.engine.provider}, ${config.engine.threads}` },
    { name: 'seed', value: String(config.seed) },
    { name: 'time taken', value: formatDuration(seconds) },
  ];
}

function fileFacts({ tensorboard }: RunConfig): readonly Fact[] {
  return [
    { name: FILES.weights, value: 'weights by the names of the network’s reference, with classes and transform' },
    { name: FILES.onnx, value: 'the network for any ONNX runtime, batch free, checked against our own forward' },
    { name: FILES.metrics, value: 'one row of measurements a line' },
    { name: FILES.config, value: 'the resolved configuration; train --config takes it' },
    { name: FILES.outcome, value: 'scores of the finished run as JSON' },
    { name: FILES.firstBatches, value: 'the first training pictures as the network sees them' },
    ...(tensorboard ? [{ name: 'events.out.tfevents.*', value: 'for tensorboard --logdir' }] : []),
    { name: FILES.last, value: 'everything needed to go on; train --resume takes this folder' },
  ];
}

/** Two commands to try next: on a picture, and on all that is held out. */
export function nextCommands(folder: string, { test }: Pick<RunPictures, 'test'>): readonly Fact[] {
  const quote = (text: string): string => (/^[\w@%+=:,./\\-]+$/.test(text) ? text : JSON.stringify(text));
  return [
    { name: `npx farsight predict ${quote(folder)} ${quote(test.samples[0]!.path)}`, value: 'classify pictures' },
    { name: `npx farsight eval ${quote(folder)}`, value: 'score the weights on the held-out pictures again' },
  ];
}

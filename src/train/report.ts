import type { ImageWorkers } from '../data/load.ts';
import { parameterCount } from '../model/scope.ts';
import { formatCount, formatDuration } from '../result/format.ts';
import { type Fact, type ReportData, renderReport } from '../result/report.ts';
import type { Classifier } from './classifier.ts';
import type { RunConfig } from './config.ts';
import type { Evaluation } from './evaluate.ts';
import { attentionExhibits, mistakePictures } from './exhibits.ts';
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
}

/** Pictures under attention maps. */
const EXHIBITS = 6;

/** The page that shows a finished run. */
export async function runReport(parts: ReportParts): Promise<string> {
  const { config, pictures, classifier, evaluation, standing, baseline, workers, platform, folder } = parts;
  const side = config.baseline;
  const data: ReportData = {
    title: folder.name,
    summary: summaryOf(parts),
    classes: pictures.classes,
    heldOut: evaluation.result,
    splits: evaluation.parts,
    references:
      baseline === null
        ? []
        : [{ name: `logistic regression on ${side} x ${side} pixels`, balancedAccuracy: baseline }],
    metrics: standing.metrics,
    mistakes: await mistakePictures(evaluation.mistakes, pictures.test, platform),
    attention: await attentionExhibits({
      classifier,
      test: pictures.test,
      indices: oneOfEach(pictures, EXHIBITS),
      workers,
      engine: config.engine,
      platform,
    }),
    configuration: config as unknown as Readonly<Record<string, unknown>>,
    machine: machineFacts(parts),
    files: fileFacts(),
    next: nextCommands(folder.path, pictures),
  };
  return renderReport(data);
}

function summaryOf({ config, pictures, classifier }: ReportParts): string {
  const { size } = config.data;
  const { state } = traceInference(classifier.network, { batch: 1, size, provider: config.engine.provider });
  const parameters = formatCount(parameterCount(state));
  const counts = `${formatCount(pictures.train.samples.length)} pictures, judged on ${formatCount(pictures.test.samples.length)}`;
  return `${config.model.name} with ${parameters} parameters, trained for ${config.epochs} epochs on ${counts} (${pictures.source}).`;
}

/** The first test picture of as many classes as wanted, spread evenly over the classes. */
function oneOfEach({ classes, test }: RunPictures, wanted: number): readonly number[] {
  const count = Math.min(wanted, classes.length);
  return Array.from({ length: count }, (_, i) => Math.floor((i * classes.length) / count)).flatMap((label) => {
    const at = test.samples.findIndex((s) => s.label === label);
    return at < 0 ? [] : [at];
  });
}

function machineFacts({ platform, config, standing }: ReportParts): readonly Fact[] {
  return [
    ...platform.machine,
    { name: 'provider and threads', value: `${config.engine.provider}, ${config.engine.threads}` },
    { name: 'seed', value: String(config.seed) },
    { name: 'time taken', value: formatDuration(standing.seconds) },
  ];
}

function fileFacts(): readonly Fact[] {
  return [
    { name: FILES.weights, value: 'weights by the names of the network’s reference, with classes and transform' },
    { name: FILES.onnx, value: 'the network for any ONNX runtime, batch free, checked against our own forward' },
    { name: FILES.metrics, value: 'one row of measurements a line' },
    { name: FILES.config, value: 'the resolved configuration; train --config takes it' },
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

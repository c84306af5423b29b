import { Fault } from '../core/fault.ts';
import { type Files, joinPath } from '../data/files.ts';
import { type Output, textBytes } from '../data/output.ts';
import type { MetricsRow } from '../result/report.ts';
import type { RunConfig } from './config.ts';
import { readRunConfig } from './read-config.ts';

/** Files of a run's folder. */
export const FILES = {
  config: 'config.json',
  metrics: 'metrics.jsonl',
  weights: 'weights.safetensors',
  onnx: 'model.onnx',
  report: 'report.html',
  outcome: 'result.json',
  firstBatches: 'first-batches.png',
  last: 'checkpoints/last.safetensors',
  best: 'checkpoints/best.safetensors',
} as const;

/** The folder of a run. */
export interface Folder {
  readonly path: string;
  /** Its last part, the run's name. */
  readonly name: string;
  /** Path of one of its files. */
  at(file: (typeof FILES)[keyof typeof FILES]): string;
}

/** What a run's folder is read and written with. */
export interface FolderAccess {
  readonly files: Files;
  readonly output: Output;
}

/** The folder of a run at a path. */
export function folderAt(path: string): Folder {
  const trimmed = path.replace(/[/\\]+$/, '');
  return { path: trimmed, name: trimmed.split(/[/\\]/).at(-1)!, at: (file) => joinPath(trimmed, file) };
}

/** Refuses a folder in which a run lies already. */
export async function refuseTaken(folder: Folder, output: Output): Promise<void> {
  if (await output.exists(folder.at(FILES.config))) {
    throw new Fault(
      'config',
      `${folder.path}: expected a folder without a run, got one with ${FILES.config}. Choose another --name, or go on with --resume.`,
    );
  }
}

/** Makes the folder of a new run. */
export async function makeFolder(folder: Folder, output: Output): Promise<void> {
  await output.makeFolder(joinPath(folder.path, 'checkpoints'));
}

/** What a file is called until it is whole. */
const PART = /\.\d+\.part$/;

/** Removes what was being written when a process was ended. */
export async function cleanFolder(folder: Folder, { files, output }: FolderAccess): Promise<void> {
  for (const place of [folder.path, joinPath(folder.path, 'checkpoints')]) {
    for (const { name, kind } of await files.list(place)) {
      if (kind === 'file' && PART.test(name)) await output.remove(joinPath(place, name));
    }
  }
}

/** Writes the resolved configuration and the metrics so far. */
export async function beginFolder(
  folder: Folder,
  output: Output,
  { config, metrics }: { readonly config: RunConfig; readonly metrics: readonly MetricsRow[] },
): Promise<void> {
  await output.write(folder.at(FILES.config), [textBytes(`${JSON.stringify(config, null, 2)}\n`)]);
  await output.write(folder.at(FILES.metrics), [textBytes(metrics.map(metricsLine).join(''))]);
}

/** The configuration with which the run in a folder was begun. */
export async function readBegun(folder: Folder, { files, output }: FolderAccess): Promise<RunConfig> {
  const path = folder.at(FILES.config);
  if (await output.exists(path)) return readRunConfig(await readJson(files, path), path);
  await files.list(folder.path); // says so where there is no folder at all
  throw new Fault(
    'data',
    `${folder.path}: expected the folder of a run, got one without ${FILES.config}. ` +
      'Nothing was trained there yet: begin the run again with its first command.',
  );
}

/** A row of `metrics.jsonl`. */
export function metricsLine(row: MetricsRow): string {
  return `${JSON.stringify(row)}\n`;
}

/** The rows of `metrics.jsonl`. */
export async function readMetrics(
  folder: Folder,
  { files }: Pick<FolderAccess, 'files'>,
): Promise<readonly MetricsRow[]> {
  const path = folder.at(FILES.metrics);
  const text = new TextDecoder().decode(await files.read(path, 2 ** 28));
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, i) => {
      let row: unknown;
      try {
        row = JSON.parse(line);
      } catch (cause) {
        throw new Fault('data', `${path}, line ${i + 1}: expected a row of metrics, got something else.`, { cause });
      }
      const { epoch, step } = (row ?? {}) as Partial<MetricsRow>;
      if (typeof epoch === 'number' && typeof step === 'number') return row as MetricsRow;
      throw new Fault('data', `${path}, line ${i + 1}: expected a row with epoch and step, got ${line.slice(0, 60)}.`);
    });
}

/** Reads a JSON file of at most a MiB. */
export async function readJson(files: Files, path: string): Promise<unknown> {
  const text = new TextDecoder().decode(await files.read(path, 1024 ** 2));
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Fault('data', `${path}: expected JSON, got something else.`, { cause });
  }
}

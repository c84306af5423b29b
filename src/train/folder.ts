import { Fault } from '../core/fault.ts';
import { type Files, joinPath } from '../data/files.ts';
import { type Output, textBytes } from '../data/output.ts';
import type { MetricsRow } from '../result/report.ts';
import type { RunConfig } from './config.ts';

/** Files of a run's folder. */
export const FILES = {
  config: 'config.json',
  metrics: 'metrics.jsonl',
  weights: 'weights.safetensors',
  onnx: 'model.onnx',
  report: 'report.html',
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

/** Writes the resolved configuration and the metrics so far. */
export async function beginFolder(
  folder: Folder,
  output: Output,
  { config, metrics }: { readonly config: RunConfig; readonly metrics: readonly MetricsRow[] },
): Promise<void> {
  await output.write(folder.at(FILES.config), [textBytes(`${JSON.stringify(config, null, 2)}\n`)]);
  await output.write(folder.at(FILES.metrics), [textBytes(metrics.map(metricsLine).join(''))]);
}

/** A row of `metrics.jsonl`. */
export function metricsLine(row: MetricsRow): string {
  return `${JSON.stringify(row)}\n`;
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

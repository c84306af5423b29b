import { Fault, messageOf } from '../core/fault.ts';
import type { Files } from '../data/files.ts';
import { joinPath } from '../data/files.ts';
import type { Output } from '../data/output.ts';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { FILES, type Folder } from './folder.ts';

/** Where checkpoints are kept. */
export interface HistoryPlace {
  readonly files: Files;
  readonly output: Output;
  readonly folder: Folder;
}

/** The checkpoints of a run: the last one and a few before it. */
export interface History {
  /** Adds a checkpoint, and removes those that are too old. */
  save(checkpoint: Checkpoint): Promise<void>;
  /** Removes those that are too old, where a process was ended before it came to that. */
  tidy(): Promise<void>;
}

/** What a run can go on from. */
export interface Found {
  readonly checkpoint: Checkpoint;
  /** Whether it is `last.safetensors`, and not one before it. */
  readonly isLast: boolean;
  /** One sentence for each newer checkpoint that could not be used. */
  readonly damaged: readonly string[];
}

const OLDER = /^step-(\d{8,12})\.safetensors$/;

function olderName(step: number): string {
  return `step-${String(step).padStart(8, '0')}.safetensors`;
}

const folderOf = (folder: Folder): string => joinPath(folder.path, 'checkpoints');

/** Steps of the older checkpoints, the newest first. */
async function olderSteps({ files, output, folder }: HistoryPlace): Promise<readonly number[]> {
  if (!(await output.exists(folderOf(folder)))) return [];
  const entries = await files.list(folderOf(folder));
  const steps = entries.flatMap(({ name, kind }) => {
    const step = OLDER.exec(name)?.[1];
    return kind === 'file' && step !== undefined ? [Number(step)] : [];
  });
  return steps.sort((a, b) => b - a);
}

/**
 * Keeps `keep` checkpoints. The last one gets the name of its step before that of a later step is written, so at any
 * moment there is a whole one. `from` is the step of the `last.safetensors` that lies there; null where none does, or a damaged one.
 */
export function openHistory(place: HistoryPlace, keep: number, from: number | null): History {
  const { output, folder } = place;
  const last = folder.at(FILES.last);
  let before = from;
  const tidy = async (): Promise<void> => {
    const newest = before;
    if (newest === null) return;
    const older = await olderSteps(place);
    // One of a later step is left over from a checkpoint that was damaged.
    const kept = older.filter((step) => step <= newest).slice(0, keep - 1);
    for (const step of older) {
      if (!kept.includes(step)) await output.remove(joinPath(folderOf(folder), olderName(step)));
    }
  };
  return {
    tidy,
    save: async (checkpoint) => {
      const isNext = before !== null && before !== checkpoint.step;
      if (isNext && keep > 1) await output.rename(last, joinPath(folderOf(folder), olderName(before!)));
      await writeCheckpoint(output, last, checkpoint);
      before = checkpoint.step;
      await tidy();
    },
  };
}

/**
 * Reads the newest checkpoint that is whole; null where none was written yet. A fault where some were, and none is whole.
 */
export async function newestCheckpoint(place: HistoryPlace): Promise<Found | null> {
  const { files, output, folder } = place;
  const last = folder.at(FILES.last);
  const older = (await olderSteps(place)).map((step) => joinPath(folderOf(folder), olderName(step)));
  const paths = [...((await output.exists(last)) ? [last] : []), ...older];
  const damaged: string[] = [];
  for (const path of paths) {
    try {
      return { checkpoint: await readCheckpoint(files, path), isLast: path === last, damaged };
    } catch (error) {
      if (!(error instanceof Fault) || (error.code !== 'data' && error.code !== 'shape')) throw error;
      damaged.push(messageOf(error));
    }
  }
  if (paths.length === 0) return null;
  const advice = `No other checkpoint can take its place. Remove ${folderOf(folder)} to begin the run again.`;
  throw new Fault('data', `${damaged.join(' ')} ${advice}`);
}

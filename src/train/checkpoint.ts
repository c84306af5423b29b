import * as z from 'zod';
import { crc32c } from '../core/crc.ts';
import { Fault } from '../core/fault.ts';
import { bytesOf, type Tensor, type TensorMap } from '../core/tensor.ts';
import type { Files } from '../data/files.ts';
import { type Output, textBytes } from '../data/output.ts';
import { openSafetensors, safetensorsPieces } from '../weights/safetensors.ts';
import type { RunConfig } from './config.ts';
import { readRunConfig } from './read-config.ts';
import type { Standing } from './standing.ts';

z.config({ jitless: true }); // asks for no `eval`

/** What belongs to a run and is not a tensor. */
export interface CheckpointFacts {
  /** Resolved: seed, provider and threads are in it. */
  readonly config: RunConfig;
  readonly standing: Standing;
  /** Steps made. */
  readonly step: number;
  readonly classes: readonly string[];
  /** A hash of the training pictures' paths and labels. */
  readonly data: number;
}

/** Everything that a run needs to go on as if it had never stopped. */
export interface Checkpoint extends CheckpointFacts {
  /** Parameters, buffers and counters by name. */
  readonly state: TensorMap;
  /** Optimizer slots, `SLOT/PARAMETER`. */
  readonly slots: TensorMap;
  /** The average of the weights, where the run keeps one. */
  readonly average: TensorMap | null;
}

const KEY = 'farsight.checkpoint';
const CHECKSUM = 'farsight.checksum';
const FORMAT = 2;

const number = z.number().nullable();
const FACTS = z.object({
  format: z.literal(FORMAT),
  config: z.unknown(),
  step: z.int().min(0),
  classes: z.array(z.string()).min(1),
  data: z.int(),
  standing: z.looseObject({
    epoch: z.int().min(0),
    batch: z.int().min(0),
    running: z.object({
      ...{ loss: z.number(), steps: z.number(), correct: z.number(), samples: z.number() },
      gradientNorm: number,
    }),
    metrics: z.array(z.object({ epoch: z.number(), step: z.number() }).catchall(z.number().nullable())),
    best: z.looseObject({ epoch: z.number(), value: z.number() }).nullable(),
    plateau: z.object({ best: number, bad: z.number(), cooldown: z.number(), reductions: z.number() }),
    stop: z.object({ best: number, bad: z.number() }),
    seconds: z.number(),
  }),
});

/**
 * Sum over all that a checkpoint holds: its facts as they are written, then each tensor's name, type, shape and bytes.
 */
function checksumOf(facts: string, tensors: Iterable<readonly [string, Tensor]>): string {
  let sum = crc32c(textBytes(facts));
  for (const [name, t] of tensors) {
    sum = crc32c(textBytes(`${name} ${t.dtype} ${t.shape.join()}\n`), sum);
    sum = crc32c(bytesOf(t), sum);
  }
  return `crc32c:${sum.toString(16).padStart(8, '0')}`;
}

/** Writes a checkpoint, whole or not at all: safetensors, `state/`, `slot/` and `average/` before the names. */
export async function writeCheckpoint(output: Output, path: string, checkpoint: Checkpoint): Promise<void> {
  const { state, slots, average, ...facts } = checkpoint;
  const tensors = [...prefixed('state/', state), ...prefixed('slot/', slots), ...prefixed('average/', average ?? [])];
  const text = JSON.stringify({ format: FORMAT, ...facts });
  await output.write(path, safetensorsPieces(tensors, { [KEY]: text, [CHECKSUM]: checksumOf(text, tensors) }));
}

function prefixed(prefix: string, tensors: Iterable<readonly [string, Tensor]>): (readonly [string, Tensor])[] {
  return [...tensors].map(([name, t]) => [prefix + name, t] as const);
}

/** Reads a checkpoint, whose checksum must be right; each tensor has memory of its own, which may be written to. */
export async function readCheckpoint(files: Files, path: string): Promise<Checkpoint> {
  const { tensors, metadata } = await readAll(files, path);
  const facts = readFacts(path, metadata[KEY]);
  const [wanted, got] = [metadata[CHECKSUM], checksumOf(metadata[KEY]!, tensors)];
  if (got !== wanted) {
    throw new Fault('data', `${path}: expected a checkpoint of ${wanted ?? 'a checksum'}, got ${got}. It was damaged.`);
  }
  const below = (prefix: string): Map<string, Tensor> =>
    new Map(
      [...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, t]) => [name.slice(prefix.length), t]),
    );
  const average = below('average/');
  return { ...facts, state: below('state/'), slots: below('slot/'), average: average.size > 0 ? average : null };
}

/** The tensors one by one, so that a checkpoint may be larger than what can be read at once. */
async function readAll(
  files: Files,
  path: string,
): Promise<{ readonly tensors: TensorMap; readonly metadata: Readonly<Record<string, string>> }> {
  const file = await files.open(path);
  try {
    const { entries, metadata, readTensor } = await openSafetensors(file, path);
    const tensors = new Map<string, Tensor>();
    for (const name of entries.keys()) tensors.set(name, await readTensor(name));
    return { tensors, metadata };
  } finally {
    await file.close();
  }
}

function readFacts(path: string, text: string | undefined): CheckpointFacts {
  const refuse = (got: string, cause?: unknown): never => {
    const advice = 'Choose the folder of a run that farsight train made.';
    throw new Fault('data', `${path}: expected a checkpoint of a run, got ${got}. ${advice}`, { cause });
  };
  if (text === undefined) return refuse('other tensors');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    return refuse('metadata that is not JSON', cause);
  }
  const parsed = FACTS.safeParse(json);
  if (!parsed.success) return refuse(`metadata of another form (${parsed.error.issues[0]?.path.join('.')})`);
  const { format: _, config, ...facts } = parsed.data;
  return { ...(facts as Omit<CheckpointFacts, 'config'>), config: readRunConfig(config, `${path}: config`) };
}

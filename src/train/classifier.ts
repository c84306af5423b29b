import * as z from 'zod';
import { Fault } from '../core/fault.ts';
import type { TensorMap } from '../core/tensor.ts';
import type { Files } from '../data/files.ts';
import type { Output } from '../data/output.ts';
import { type EvaluationTransform, readTransform } from '../data/transform-config.ts';
import type { Network } from '../model/scope.ts';
import { loadTensors } from '../weights/load.ts';
import { readSafetensors, safetensorsPieces } from '../weights/safetensors.ts';
import type { ModelConfig } from './config.ts';
import { classifier, traceInference } from './network.ts';

/** What a trained classifier is, beside its weights; plain JSON. */
export interface ClassifierFacts {
  readonly model: Pick<ModelConfig, 'name' | 'overrides'>;
  readonly classes: readonly string[];
  /** What is done to a picture before the network sees it. */
  readonly transform: EvaluationTransform;
  /** Whether a picture may have several labels: each class then has a probability of its own. */
  readonly multiLabel?: boolean;
  /** Licence of the weights, where it is known. */
  readonly licence: string | null;
  /** Version of this library that wrote it. */
  readonly version: string;
}

/** A trained classifier. */
export interface Classifier {
  readonly facts: ClassifierFacts;
  readonly network: Network;
  readonly weights: TensorMap;
}

const KEY = 'farsight.classifier';
const MAX_BYTES = 2 ** 31 - 1;

const FACTS = z.object({
  model: z.object({ name: z.string(), overrides: z.record(z.string(), z.unknown()) }),
  classes: z.array(z.string()).min(2),
  transform: z.unknown(),
  multiLabel: z.boolean().optional(),
  licence: z.string().nullable(),
  version: z.string(),
});

/** Checks facts that come from a file. */
export function readClassifierFacts(text: string | undefined, where: string): ClassifierFacts {
  const refuse = (got: string, cause?: unknown): never => {
    const advice = 'Choose the folder of a run, or its weights.safetensors or model.onnx.';
    throw new Fault('data', `${where}: expected a classifier of farsight, got ${got}. ${advice}`, { cause });
  };
  if (text === undefined) return refuse('a file that does not say its classes');
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    return refuse('metadata that is not JSON', cause);
  }
  const parsed = FACTS.safeParse(json);
  if (!parsed.success) return refuse(`metadata of another form (${parsed.error.issues[0]?.path.join('.')})`);
  const transform = readTransform(parsed.data.transform, `${where}: transform`);
  if (transform.kind !== 'evaluation') return refuse('a transform for training');
  const { multiLabel, ...facts } = parsed.data;
  return { ...facts, ...(multiLabel && { multiLabel }), transform };
}

/** Writes weights by the network's own names, with all that is needed to use them. */
export async function writeClassifier(
  output: Output,
  path: string,
  facts: ClassifierFacts,
  weights: TensorMap,
): Promise<void> {
  await output.write(path, safetensorsPieces(weights, { [KEY]: JSON.stringify(facts) }));
}

/** Reads what {@link writeClassifier} wrote; every tensor must be there and fit. */
export async function readClassifier(files: Files, path: string): Promise<Classifier> {
  const { tensors, metadata } = readSafetensors(await files.read(path, MAX_BYTES), path);
  const facts = readClassifierFacts(metadata[KEY], path);
  const { network } = classifier(facts.model, facts.classes.length);
  const { state } = traceInference(network, { batch: 1, size: facts.transform.size, provider: 'cpu' });
  return { facts, network, weights: loadTensors(state, tensors, { where: path }).tensors };
}

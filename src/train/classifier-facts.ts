import { Fault } from '../core/fault.ts';
import { type EvaluationTransform, readTransform } from '../data/transform-config.ts';
import type { ModelConfig } from './config.ts';

/** Key of an ONNX file's metadata and of a safetensors file's that holds the facts, as JSON. */
export const CLASSIFIER_FACTS = 'farsight.classifier';

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
  // Checked by hand: prediction in a page needs no more of a checker than this.
  const { model, classes, transform, multiLabel, licence, version } = record(json);
  const { name, overrides } = record(model);
  if (typeof name !== 'string' || typeof overrides !== 'object' || overrides === null) return refuse(other('model'));
  if (!Array.isArray(classes) || classes.length < 2 || !classes.every(isText)) return refuse(other('classes'));
  if (licence !== null && !isText(licence)) return refuse(other('licence'));
  if (!isText(version)) return refuse(other('version'));
  if (multiLabel !== undefined && typeof multiLabel !== 'boolean') return refuse(other('multiLabel'));
  const read = readTransform(transform, `${where}: transform`);
  if (read.kind !== 'evaluation') return refuse('a transform for training');
  return {
    ...{ model: { name, overrides: record(overrides) }, classes, transform: read, licence, version },
    ...(multiLabel && { multiLabel }),
  };
}

function other(key: string): string {
  return `metadata of another form (${key})`;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** The members of a JSON object; none of anything else. */
function record(json: unknown): Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? { ...json } : {};
}

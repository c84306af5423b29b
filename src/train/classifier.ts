import type { TensorMap } from '../core/tensor.ts';
import type { Files } from '../data/files.ts';
import type { Output } from '../data/output.ts';
import type { Network } from '../model/scope.ts';
import { loadTensors } from '../weights/load.ts';
import { readSafetensors, safetensorsPieces } from '../weights/safetensors.ts';
import { CLASSIFIER_FACTS, type ClassifierFacts, readClassifierFacts } from './classifier-facts.ts';
import { classifier, traceInference } from './network.ts';

/** A trained classifier. */
export interface Classifier {
  readonly facts: ClassifierFacts;
  readonly network: Network;
  readonly weights: TensorMap;
}

const MAX_BYTES = 2 ** 31 - 1;

/** Writes weights by the network's own names, with all that is needed to use them. */
export async function writeClassifier(
  output: Output,
  path: string,
  facts: ClassifierFacts,
  weights: TensorMap,
): Promise<void> {
  await output.write(path, classifierPieces({ facts, weights }));
}

/** What {@link writeClassifier} writes, in pieces: a page makes a `Blob` of them. */
export function classifierPieces({ facts, weights }: Pick<Classifier, 'facts' | 'weights'>): readonly Uint8Array[] {
  return safetensorsPieces(weights, { [CLASSIFIER_FACTS]: JSON.stringify(facts) });
}

/** Reads what {@link writeClassifier} wrote; every tensor must be there and fit. */
export async function readClassifier(files: Files, path: string): Promise<Classifier> {
  return parseClassifier(await files.read(path, MAX_BYTES), path);
}

/** A classifier from the bytes of its file; `where` (its name) begins every message. */
export function parseClassifier(bytes: Uint8Array, where: string): Classifier {
  const { tensors, metadata } = readSafetensors(bytes, where);
  const facts = readClassifierFacts(metadata[CLASSIFIER_FACTS], where);
  const { network } = classifier(facts.model, facts.classes.length);
  const { state } = traceInference(network, { batch: 1, size: facts.transform.size, provider: 'cpu' });
  return { facts, network, weights: loadTensors(state, tensors, { where }).tensors };
}

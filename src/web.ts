/** What runs in a browser: all of the index, and ONNX Runtime, pictures and addresses as a page or worker has them. */
export * from './index.ts';
export { webDecoder } from './runtime/web/decode.ts';
export { type WebDownload, webDownload } from './runtime/web/download.ts';
export { type Drawable, drawablePixels } from './runtime/web/pixels.ts';
export * from './web-predict.ts';

import { Fault } from './core/fault.ts';
import { type AttentionReader, attentionReader } from './train/attention.ts';
import { type Classifier, classifierPieces, parseClassifier } from './train/classifier.ts';
import { createTuner, type Tuner, type TunerOptions } from './train/tuner.ts';
import type { WorkOptions } from './train/work.ts';
import { engineOf, isSafetensors, type ModelSource, readSource, sourceName, type WebEngine } from './web-models.ts';

/** Reads a classifier with its network and weights, from a run's `weights.safetensors`: to look into or to train on. */
export async function loadClassifier(source: ModelSource, options: WorkOptions = {}): Promise<Classifier> {
  const where = sourceName(source);
  const bytes = await readSource(source, options);
  if (isSafetensors(bytes)) return parseClassifier(bytes, where);
  const advice = 'An exported ONNX model can predict, and nothing else.';
  throw new Fault('data', `${where}: expected a run's weights.safetensors, got something else. ${advice}`);
}

/** Loads a classifier so that its affinities can be read; null where it has none over positions. */
export function openAttention(classifier: Classifier, options: WebEngine = {}): Promise<AttentionReader | null> {
  const { runtime, engine } = engineOf(options);
  return attentionReader(runtime, classifier, engine);
}

/** Loads a classifier to go on learning, in a page or worker. */
export function openTuner(classifier: Classifier, options: TunerOptions & WebEngine = {}): Promise<Tuner> {
  const { provider: _p, runtime: _r, threads: _t, locateFile: _l, ...tuning } = options;
  const { runtime, engine } = engineOf(options);
  return createTuner(runtime, classifier, { ...tuning, engine });
}

/** A classifier as the file that a run writes, `weights.safetensors`: to save, to send, to load again. */
export function classifierBlob(classifier: Classifier): Blob {
  return new Blob([...classifierPieces(classifier)] as BlobPart[]);
}

import { Fault, messageOf } from '../core/fault.ts';
import { float32, floats, type Tensor } from '../core/tensor.ts';
import { joinPath } from '../data/files.ts';
import { MAX_FILE_BYTES } from '../data/image.ts';
import { preprocess } from '../data/transform.ts';
import { readModelFacts } from '../engine/read-model.ts';
import { createSession } from '../engine/session.ts';
import { topClasses } from '../result/classify.ts';
import { type ClassifierFacts, readClassifier, readClassifierFacts } from './classifier.ts';
import type { EngineConfig } from './config.ts';
import { engineOptions } from './evaluate.ts';
import { ONNX_FACTS } from './export.ts';
import { FILES, folderAt } from './folder.ts';
import { traceInference } from './network.ts';
import type { Platform } from './platform.ts';

/** What a network says of one picture. */
export interface Prediction {
  readonly path: string;
  /** The likeliest classes, likeliest first; empty where the picture cannot be read. */
  readonly classes: readonly { readonly name: string; readonly probability: number }[];
  /** Why the picture cannot be read. */
  readonly reason?: string;
}

/** A trained classifier, loaded. */
export interface Predictor {
  readonly facts: ClassifierFacts;
  /** The `top` likeliest classes of each picture; a bad one is reported, the others are unharmed. */
  predict(paths: readonly string[], top?: number): Promise<readonly Prediction[]>;
  /** Logits [1, K] of a prepared picture x [1, 3, S, S]. */
  run(x: Tensor): Promise<Tensor>;
  release(): Promise<void>;
}

/** The file of weights that a path means: a run's folder has its own. */
export async function classifierFile(path: string, { output }: Pick<Platform, 'output'>): Promise<string> {
  if (/\.(onnx|safetensors)$/i.test(path)) return path;
  const file = folderAt(path).at(FILES.weights);
  if (await output.exists(file)) return file;
  const resumable = await output.exists(folderAt(path).at(FILES.last));
  const [got, advice] = resumable
    ? ['a run that did not end', `Go on with it: farsight train --resume ${path}.`]
    : ['none there', 'Check the path.'];
  throw new Fault('data', `${joinPath(path, FILES.weights)}: expected weights, got ${got}. ${advice}`);
}

/** Loads a classifier from a run's folder, its weights or its ONNX model. */
export async function openPredictor(
  path: string,
  platform: Platform,
  engine: EngineConfig = { provider: 'cpu', threads: null },
): Promise<Predictor> {
  const file = await classifierFile(path, platform);
  const loaded = /\.onnx$/i.test(file)
    ? await openOnnx(file, platform, engine)
    : await openWeights(file, platform, engine);
  const predictor = {
    ...loaded,
    predict: (paths: readonly string[], top = 5) => predict(loaded, platform, paths, top),
  };
  return predictor;
}

type Loaded = Pick<Predictor, 'facts' | 'run' | 'release'>;

async function openWeights(file: string, { files, runtime }: Platform, engine: EngineConfig): Promise<Loaded> {
  const { facts, network, weights } = await readClassifier(files, file);
  const traced = traceInference(network, { batch: 1, size: facts.transform.size, provider: engine.provider });
  const session = await createSession(runtime, new Map([['logits', traced.outputs.get('logits')!]]), {
    ...engineOptions(engine),
    constants: new Map([...weights].filter(([name]) => traced.parameters.has(name))),
  });
  return { facts, run: async (x) => (await session.run({ x }))['logits']!, release: () => session.release() };
}

async function openOnnx(file: string, { files, runtime }: Platform, engine: EngineConfig): Promise<Loaded> {
  const bytes = await files.read(file, 2 ** 31 - 1);
  const facts = readClassifierFacts(readModelFacts(bytes, file).metadata[ONNX_FACTS], file);
  const session = await runtime.load(bytes, engineOptions(engine));
  return {
    facts,
    run: async (x) => (await session.run({ x }, { logits: null }))['logits']!,
    release: () => session.release(),
  };
}

async function predict(
  { facts, run }: Loaded,
  { files, decoder }: Pick<Platform, 'files' | 'decoder'>,
  paths: readonly string[],
  top: number,
): Promise<readonly Prediction[]> {
  const { size } = facts.transform;
  const predictions: Prediction[] = [];
  for (const path of paths) {
    let data: Float32Array;
    try {
      data = preprocess(await decoder.decode(await files.read(path, MAX_FILE_BYTES), path), facts.transform);
    } catch (error) {
      predictions.push({ path, classes: [], reason: messageOf(error) });
      continue;
    }
    const best = topClasses(floats(await run(float32([1, 3, size, size], data))), top);
    const classes = best.map(({ label, probability }) => ({ name: facts.classes[label]!, probability }));
    predictions.push({ path, classes });
  }
  return predictions;
}

import type { Runtime } from '../engine/runtime.ts';
import { createSession } from '../engine/session.ts';
import { symbol } from '../graph/dimension.ts';
import { type Classifier, parseClassifier } from './classifier.ts';
import type { EngineConfig } from './config.ts';
import { engineOptions } from './engine-options.ts';
import { traceInference } from './network.ts';
import type { LoadedModel } from './predictor.ts';

const CPU: EngineConfig = { provider: 'cpu', threads: null };

/** Loads a classifier whose weights were read. */
export async function modelFromWeights(
  runtime: Runtime,
  { facts, network, weights }: Classifier,
  engine: EngineConfig = CPU,
): Promise<LoadedModel> {
  const { provider } = engine;
  const traced = traceInference(network, { batch: symbol('batch'), size: facts.transform.size, provider });
  const session = await createSession(runtime, new Map([['logits', traced.outputs.get('logits')!]]), {
    ...engineOptions(engine),
    constants: new Map([...weights].filter(([name]) => traced.parameters.has(name))),
  });
  return { facts, run: async (x) => (await session.run({ x }))['logits']!, release: () => session.release() };
}

/** The same, of a classifier's file; `where` (its name) begins every message. */
export function modelFromFile(
  runtime: Runtime,
  bytes: Uint8Array,
  where: string,
  engine: EngineConfig,
): Promise<LoadedModel> {
  return modelFromWeights(runtime, parseClassifier(bytes, where), engine);
}

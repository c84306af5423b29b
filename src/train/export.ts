import { Fault } from '../core/fault.ts';
import { random } from '../core/random.ts';
import { float32, floats, type Tensor, type TensorMap } from '../core/tensor.ts';
import { encode } from '../engine/encode.ts';
import type { Runtime } from '../engine/runtime.ts';
import { createSession } from '../engine/session.ts';
import { symbol } from '../graph/dimension.ts';
import { legalise, portable, simplify } from '../graph/simplify.ts';
import type { Classifier, ClassifierFacts } from './classifier.ts';
import { traceInference } from './network.ts';

/** The name under which an ONNX file keeps {@link ClassifierFacts}. */
export const ONNX_FACTS = 'farsight.classifier';

/**
 * Writes a classifier as an ONNX model in ONNX's own operators: `x` [batch, 3, S, S] → `logits` [batch, K], batch being
 * free. The weights are constants; the metadata say classes, preparation of pictures and licence.
 */
export function encodeClassifier({ facts, network, weights }: Classifier): Uint8Array {
  const { size } = facts.transform;
  const traced = traceInference(network, { batch: symbol('batch'), size, provider: 'portable' });
  const logits = new Map([['logits', traced.outputs.get('logits')!]]);
  const ready = portable(simplify(legalise(simplify(logits))));
  const constants = new Map([...weights].filter(([name]) => traced.parameters.has(name)));
  return encode(ready, { name: facts.model.name, constants, metadata: metadataOf(facts), version: facts.version });
}

/** Keys for people and other programs, and all of it once more for ourselves. */
function metadataOf(facts: ClassifierFacts): Record<string, string> {
  const { classes, transform, licence } = facts;
  const { size, resize, interpolation, mean, std } = transform;
  return {
    task: 'image-classification',
    classes: JSON.stringify(classes),
    input: `RGB in 0..1, shorter side resized to ${resize} (${interpolation}, antialiased), centre crop ${size}, minus mean, over std`,
    size: String(size),
    mean: JSON.stringify(mean),
    std: JSON.stringify(std),
    licence: licence ?? 'not said',
    [ONNX_FACTS]: JSON.stringify(facts),
  };
}

/** Largest difference of logits, relative to the largest logit, that an exported file may show. */
const TOLERANCE = 1e-4;

/**
 * Runs an exported model beside our own forward on batches of one and three pictures of noise; a fault if they differ.
 * Gives the largest difference relative to the largest logit.
 */
export async function checkExport(runtime: Runtime, model: Uint8Array, classifier: Classifier): Promise<number> {
  const { network, weights, facts } = classifier;
  const { size } = facts.transform;
  const exported = await runtime.load(model, { provider: 'cpu' });
  let worst = 0;
  try {
    for (const batch of [1, 3]) {
      const x = noise([batch, 3, size, size]);
      const { logits: theirs } = await exported.run({ x }, { logits: null });
      worst = Math.max(worst, difference(await forward(runtime, { network, weights, x }), theirs!));
    }
  } finally {
    await exported.release();
  }
  if (worst <= TOLERANCE) return worst;
  throw new Fault(
    'engine',
    `export: expected the logits of our own forward within ${TOLERANCE}, got a difference of ${worst}. Please report this network.`,
  );
}

async function forward(
  runtime: Runtime,
  { network, weights, x }: Pick<Classifier, 'network' | 'weights'> & { readonly x: Tensor },
): Promise<Tensor> {
  const [batch, , size] = x.shape as readonly [number, number, number];
  const traced = traceInference(network, { batch, size, provider: 'cpu' });
  const session = await createSession(runtime, new Map([['logits', traced.outputs.get('logits')!]]));
  try {
    return (await session.run({ ...fed(weights), x }))['logits']!;
  } finally {
    await session.release();
  }
}

function fed(weights: TensorMap): Record<string, Tensor> {
  return Object.fromEntries(weights);
}

function noise(shape: readonly number[]): Tensor {
  const draws = random(0, 'export', shape.join());
  return float32(
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => draws.normal()),
  );
}

/** max |a − b| / max |a| */
function difference(a: Tensor, b: Tensor): number {
  const [x, y] = [floats(a), floats(b)];
  let worst = x.length === y.length ? 0 : Number.POSITIVE_INFINITY;
  let largest = 1e-6;
  x.forEach((v, i) => {
    const d = Math.abs(v - y[i]!);
    worst = Number.isNaN(d) ? Number.POSITIVE_INFINITY : Math.max(worst, d);
    largest = Math.max(largest, Math.abs(v));
  });
  return worst / largest;
}

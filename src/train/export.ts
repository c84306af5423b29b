import { Fault } from '../core/fault.ts';
import { random } from '../core/random.ts';
import { sizeOf } from '../core/shape.ts';
import { float32, floats, type Tensor, type TensorMap } from '../core/tensor.ts';
import { encode } from '../engine/encode.ts';
import type { Frozen } from '../engine/frozen.ts';
import type { Runtime } from '../engine/runtime.ts';
import { createSession } from '../engine/session.ts';
import { traceNetwork } from '../model/scope.ts';
import type { Classifier } from './classifier.ts';
import { CLASSIFIER_FACTS, type ClassifierFacts } from './classifier-facts.ts';
import { type FreezeOptions, freezeClassifier } from './freeze.ts';
import { lowerTraced } from './network.ts';

/** The name under which it keeps a fingerprint of the weights that it was made from. */
export const ONNX_WEIGHTS = 'farsight.weights';
/** The name under which it says what its numbers are, and what was lost by that. */
export const ONNX_PRECISION = 'farsight.precision';

/**
 * Writes a classifier as an ONNX model in ONNX's own operators: `x` [batch, 3, S, S] → `logits` [batch, K], batch being
 * free. The weights are constants; the metadata say classes, preparation of pictures and licence.
 */
export async function encodeClassifier(
  runtime: Runtime,
  classifier: Classifier,
  options: FreezeOptions = {},
): Promise<Uint8Array> {
  return encodeFrozen(await freezeClassifier(runtime, classifier, options), classifier);
}

/** A frozen classifier as the bytes of an ONNX model, `more` being further metadata. */
export function encodeFrozen(
  { outputs, modules, constants }: Frozen,
  { facts, weights }: Classifier,
  more: Readonly<Record<string, string>> = {},
): Uint8Array {
  const metadata = { ...metadataOf(facts), [ONNX_WEIGHTS]: fingerprintOf(weights), ...more };
  return encode(outputs, { name: facts.model.name, constants, modules, metadata, version: facts.version });
}

/** Keys for people and other programs, and all of it once more for ourselves. */
function metadataOf(facts: ClassifierFacts): Record<string, string> {
  const { classes, transform, licence } = facts;
  const { size, resize, interpolation, mean, std } = transform;
  return {
    task: facts.multiLabel ? 'multi-label-image-classification' : 'image-classification',
    classes: JSON.stringify(classes),
    input: `RGB in 0..1, shorter side resized to ${resize} (${interpolation}, antialiased), centre crop ${size}, minus mean, over std`,
    size: String(size),
    mean: JSON.stringify(mean),
    std: JSON.stringify(std),
    licence: licence ?? 'not said',
    [CLASSIFIER_FACTS]: JSON.stringify(facts),
  };
}

/** A fingerprint of weights, whatever their order: FNV-1a over names and numbers, as eight hexadecimal digits. */
export function fingerprintOf(weights: TensorMap): string {
  let sum = 0;
  for (const [name, { data, shape }] of weights) {
    let hash = 0x811c9dc5;
    const add = (word: number): void => {
      hash = Math.imul(hash ^ word, 0x01000193);
    };
    for (const letter of `${name} ${shape.join()}`) add(letter.codePointAt(0)!);
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let i = 0; i < bytes.length; i++) add(bytes[i]!);
    sum = (sum + hash) >>> 0;
  }
  return sum.toString(16).padStart(8, '0');
}

/** Largest difference of logits, relative to the largest logit, that an exported file may show. */
const TOLERANCE = 1e-4;

/**
 * Runs an exported model beside our own forward on pictures of noise, in batches of one and three and, where its size is
 * open, of other sizes too; a fault if they differ by more than `tolerance`. Gives the largest difference relative to
 * the largest logit.
 */
export async function checkExport(
  runtime: Runtime,
  model: Uint8Array,
  classifier: Classifier,
  { input = 'x', dynamicSize = false, tolerance = TOLERANCE }: FreezeOptions & { readonly tolerance?: number } = {},
): Promise<number> {
  const { size } = classifier.facts.transform;
  const shapes = [
    [1, 3, size, size],
    [3, 3, size, size],
    ...(dynamicSize ? [[2, 3, Math.ceil(size * 1.25), Math.ceil(size * 1.5)]] : []),
  ];
  const exported = await runtime.load(model, { provider: runtime.providers[0] ?? 'cpu' });
  let worst = 0;
  try {
    for (const shape of shapes) {
      const x = noise(shape);
      const { logits: theirs } = await exported.run({ [input]: x }, { logits: null });
      worst = Math.max(worst, difference(await ownForward(runtime, classifier, x), theirs!));
    }
  } finally {
    await exported.release();
  }
  if (worst <= tolerance) return worst;
  throw new Fault(
    'engine',
    `export: expected the logits of our own forward within ${tolerance}, got a difference of ${worst}. Please report this network.`,
  );
}

/** Logits [N, K] of our own forward, made for just these pictures x [N, 3, H, W]. */
export async function ownForward(
  runtime: Runtime,
  { network, weights }: Pick<Classifier, 'network' | 'weights'>,
  x: Tensor,
): Promise<Tensor> {
  const provider = runtime.providers[0] ?? 'cpu';
  const traced = lowerTraced(traceNetwork(network, { inputs: { x: { shape: x.shape } }, mode: 'inference' }), {
    provider,
    training: false,
  });
  const logits = new Map([['logits', traced.outputs.get('logits')!]]);
  const constants = new Map([...weights].filter(([name]) => traced.parameters.has(name)));
  const session = await createSession(runtime, logits, { provider, constants });
  try {
    return (await session.run({ x }))['logits']!;
  } finally {
    await session.release();
  }
}

/** Pictures of noise, always the same for a shape. */
export function noise(shape: readonly number[]): Tensor {
  const draws = random(0, 'export', shape.join());
  return float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => draws.normal()),
  );
}

/** max |a − b| / max |a| */
export function difference(a: Tensor, b: Tensor): number {
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

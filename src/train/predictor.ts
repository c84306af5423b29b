import { Fault, messageOf } from '../core/fault.ts';
import type { RgbImage } from '../core/resize.ts';
import { float32, floats, type Tensor } from '../core/tensor.ts';
import { MAX_PIXELS } from '../data/image.ts';
import { preprocess } from '../data/transform.ts';
import { readModelFacts } from '../engine/read-model.ts';
import type { Runtime } from '../engine/runtime.ts';
import { topClasses } from '../result/classify.ts';
import { CLASSIFIER_FACTS, type ClassifierFacts, readClassifierFacts } from './classifier-facts.ts';
import type { EngineConfig } from './config.ts';
import { engineOptions } from './engine-options.ts';
import { goOn, type WorkOptions } from './work.ts';

/** What a network says of one picture. */
export interface Prediction {
  /** The picture's path, address, or place among those given. */
  readonly path: string;
  /**
   * The likeliest classes, likeliest first; empty where the picture cannot be read. Where a picture may have several
   * labels each probability stands by itself.
   */
  readonly classes: readonly { readonly name: string; readonly probability: number }[];
  /** Why the picture cannot be read. */
  readonly reason?: string;
}

/** A classifier that is loaded and ready to run; made by a runtime, in Node or in a page. */
export interface LoadedModel {
  readonly facts: ClassifierFacts;
  /** Logits [N, K] of prepared pictures x [N, 3, S, S]. */
  run(x: Tensor): Promise<Tensor>;
  release(): Promise<void>;
}

/** A loaded model that is asked about pictures of kind `P`. */
export interface PredictorOf<P> extends LoadedModel {
  /**
   * The likeliest classes of each picture (`options` may be how many); a bad picture is reported, the others are
   * unharmed. A folder or a pattern gives as many predictions as it has pictures.
   */
  predict(pictures: P | readonly P[], options?: number | PredictOptions): Promise<readonly Prediction[]>;
  /** The same, each prediction as soon as it is there. */
  stream(pictures: P | readonly P[], options?: PredictOptions): AsyncGenerator<Prediction, void, undefined>;
}

/** How a platform finds and decodes the pictures that it is given. */
export interface PictureSource<P> {
  /** What is meant by them: folders and patterns as the pictures in them, all else as it is. */
  spread?(picture: P): Promise<readonly P[]>;
  /** What predictions call the picture at this place of all that are meant, from 0. */
  nameOf(picture: P, place: number): string;
  decode(picture: P, name: string, signal: AbortSignal | undefined): Promise<RgbImage>;
}

/** Makes a loaded model ask a platform for its pictures. No `P` may be an array. */
export function predictorOf<P>(model: LoadedModel, source: PictureSource<P>): PredictorOf<P> {
  const isMany = (pictures: P | readonly P[]): pictures is readonly P[] => Array.isArray(pictures);
  const stream: PredictorOf<P>['stream'] = async function* (pictures, options = {}) {
    const given = isMany(pictures) ? pictures : [pictures];
    const { spread = async (picture: P) => [picture] } = source;
    const found = (await Promise.all(given.map(spread))).flat();
    yield* predictPictures(model, decoded(found, source, options.signal), { ...options, total: found.length });
  };
  return {
    ...model,
    stream,
    predict: async (pictures, options = {}) => {
      const predictions: Prediction[] = [];
      const asked = typeof options === 'number' ? { top: options } : options;
      for await (const prediction of stream(pictures, asked)) predictions.push(prediction);
      return predictions;
    },
  };
}

/** Each picture decoded when its turn comes. */
async function* decoded<P>(
  pictures: readonly P[],
  { nameOf, decode }: PictureSource<P>,
  signal: AbortSignal | undefined,
): AsyncGenerator<NamedPicture, void, undefined> {
  for (const [i, picture] of pictures.entries()) {
    const path = nameOf(picture, i);
    try {
      yield { path, image: await decode(picture, path, signal) };
    } catch (error) {
      signal?.throwIfAborted();
      yield { path, reason: messageOf(error) };
    }
  }
}

/** Pixels as a canvas gives them (`ImageData`): [height, width, 4], red, green, blue, alpha in 0..255. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** A picture that was decoded, or why it could not be. */
export type NamedPicture =
  | { readonly path: string; readonly image: RgbImage }
  | { readonly path: string; readonly reason: string };

/** How to predict. */
export interface PredictOptions extends WorkOptions {
  /** How many classes to name; 5. */
  readonly top?: number;
  /** Pictures that run at once; 8. */
  readonly batch?: number;
}

const CPU: EngineConfig = { provider: 'cpu', threads: null };

/** Loads an ONNX model that farsight exported; `where` (its name) begins every message. */
export async function modelFromOnnx(
  runtime: Runtime,
  bytes: Uint8Array,
  where: string,
  engine: EngineConfig = CPU,
): Promise<LoadedModel> {
  const { metadata, inputs } = readModelFacts(bytes, where);
  const facts = readClassifierFacts(metadata[CLASSIFIER_FACTS], where);
  const [input = 'x'] = inputs;
  const session = await runtime.load(bytes, engineOptions(engine));
  return {
    facts,
    run: async (x) => (await session.run({ [input]: x }, { logits: null }))['logits']!,
    release: () => session.release(),
  };
}

/** Predicts pictures as they come, in batches; one that could not be decoded is passed on in its place. */
export async function* predictPictures(
  model: LoadedModel,
  pictures: Iterable<NamedPicture> | AsyncIterable<NamedPicture>,
  { top = 5, batch = 8, ...work }: PredictOptions & { readonly total?: number } = {},
): AsyncGenerator<Prediction, void, undefined> {
  if (!Number.isInteger(top) || top < 1) throw refused('top', top);
  if (!Number.isInteger(batch) || batch < 1) throw refused('batch', batch);
  const total = work.total ?? null;
  let done = 0;
  let waiting: NamedPicture[] = [];
  // While one batch runs the next is decoded.
  let running: Promise<readonly Prediction[]> = Promise.resolve([]);
  const finished = async (): Promise<readonly Prediction[]> => {
    const predictions = await running;
    done += predictions.length;
    goOn(work, { what: 'predicting', done, total });
    return predictions;
  };
  const begin = (): void => {
    running = predictBatch(model, waiting, top);
    running.catch(() => undefined); // it is awaited in its turn, or nobody wants it any more
    waiting = [];
  };
  for await (const picture of pictures) {
    work.signal?.throwIfAborted();
    waiting.push(picture);
    if (waiting.length < batch) continue;
    yield* await finished();
    begin();
  }
  yield* await finished();
  begin();
  yield* await finished();
}

function refused(name: string, got: number): Fault {
  return new Fault('config', `predict.${name}: expected a whole number of at least 1, got ${got}.`);
}

async function predictBatch(
  { facts, run }: LoadedModel,
  pictures: readonly NamedPicture[],
  top: number,
): Promise<readonly Prediction[]> {
  const { classes, transform, multiLabel } = facts;
  const { size } = transform;
  const readable = pictures.filter((p) => 'image' in p);
  const data = new Float32Array(readable.length * 3 * size * size);
  readable.forEach(({ image }, i) => {
    data.set(preprocess(image, transform), i * 3 * size * size);
  });
  const k = classes.length;
  const logits = readable.length === 0 ? null : floats(await run(float32([readable.length, 3, size, size], data)));
  let row = 0;
  return pictures.map((picture) => {
    if (!('image' in picture)) return { path: picture.path, classes: [], reason: picture.reason };
    const own = logits!.subarray(row * k, ++row * k);
    const best = multiLabel ? likeliest(own, top) : topClasses(own, top);
    const named = best.map(({ label, probability }) => ({ name: classes[label]!, probability }));
    return { path: picture.path, classes: named };
  });
}

/** The likeliest of classes of which each may hold or not. logits [K] */
function likeliest(logits: Float32Array, top: number): ReturnType<typeof topClasses> {
  return Array.from(logits, (logit, label) => ({ label, probability: 1 / (1 + Math.exp(-logit)) }))
    .sort((a, b) => b.probability - a.probability || a.label - b.label)
    .slice(0, top);
}

/** Pixels of a canvas, or RGB bytes, as RGB; alpha is dropped, as decoders here do. `where` begins the message. */
export function rgbOf({ width, height, data }: RgbaImage, where: string): RgbImage {
  const whole = [width, height].every((n) => Number.isInteger(n) && n > 0);
  const pixels = width * height;
  if (!whole || pixels > MAX_PIXELS || (data.length !== pixels * 4 && data.length !== pixels * 3)) {
    const got = `${width} x ${height} and ${data.length} bytes`;
    throw new Fault('data', `${where}: expected width, height and 3 or 4 bytes for each pixel, got ${got}.`);
  }
  if (data.length === pixels * 3)
    return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0, o = 0; o < rgb.length; i += 4, o += 3) {
    rgb[o] = data[i]!;
    rgb[o + 1] = data[i + 1]!;
    rgb[o + 2] = data[i + 2]!;
  }
  return { width, height, data: rgb };
}

import { Fault, messageOf } from '../core/fault.ts';
import type { Tensor } from '../core/tensor.ts';
import { joinPath } from '../data/files.ts';
import { findPictures } from '../data/find-pictures.ts';
import { MAX_FILE_BYTES } from '../data/image.ts';
import { type ClassifierFacts, readClassifier } from './classifier.ts';
import type { EngineConfig } from './config.ts';
import { FILES, folderAt } from './folder.ts';
import type { Platform } from './platform.ts';
import {
  modelFromOnnx,
  modelFromWeights,
  type NamedPicture,
  type Prediction,
  type PredictOptions,
  predictPictures,
  type RgbaImage,
  rgbOf,
} from './predictor.ts';

/**
 * What may be predicted: a path of a picture, a folder or a pattern such as `photos/*.jpg`; a web address; the bytes of
 * a picture's file; pixels, as `ImageData` has them.
 */
export type GivenPicture = string | URL | Uint8Array | ArrayBuffer | NamedBytes | RgbaImage;

/** The bytes of a picture's file, and what to call them. */
export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A trained classifier, loaded. */
export interface Predictor {
  readonly facts: ClassifierFacts;
  /**
   * The likeliest classes of each picture (`options` may be how many); a bad picture is reported, the others are
   * unharmed. A folder or a pattern gives as many predictions as it has pictures.
   */
  predict(
    pictures: GivenPicture | readonly GivenPicture[],
    options?: number | PredictOptions,
  ): Promise<readonly Prediction[]>;
  /** The same, each prediction as soon as it is there. */
  stream(
    pictures: GivenPicture | readonly GivenPicture[],
    options?: PredictOptions,
  ): AsyncGenerator<Prediction, void, undefined>;
  /** Logits [N, K] of prepared pictures x [N, 3, S, S]. */
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

/** The largest ONNX file that is read. */
const MAX_MODEL_BYTES = 2 ** 31 - 1;

/** Loads a classifier from a run's folder, its weights or its ONNX model. */
export async function openPredictor(path: string, platform: Platform, engine?: EngineConfig): Promise<Predictor> {
  const { files, runtime } = platform;
  const file = await classifierFile(path, platform);
  const model = /\.onnx$/i.test(file)
    ? await modelFromOnnx(runtime, await files.read(file, MAX_MODEL_BYTES), file, engine)
    : await modelFromWeights(runtime, await readClassifier(files, file), engine);
  const stream: Predictor['stream'] = async function* (pictures, options = {}) {
    const given = isMany(pictures) ? pictures : [pictures];
    const found = (await Promise.all(given.map((p) => spread(p, platform)))).flat();
    yield* predictPictures(model, decoded(found, platform, options.signal), { ...options, total: found.length });
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

function isMany(pictures: GivenPicture | readonly GivenPicture[]): pictures is readonly GivenPicture[] {
  return Array.isArray(pictures);
}

/** Folders and patterns as the pictures in them; all else as it is. */
async function spread(picture: GivenPicture, { files }: Pick<Platform, 'files'>): Promise<readonly GivenPicture[]> {
  return typeof picture === 'string' && !isAddress(picture) ? findPictures(files, picture) : [picture];
}

function isAddress(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

type Source = Pick<Platform, 'files' | 'decoder' | 'download'>;

/** Each picture decoded when its turn comes. */
async function* decoded(
  pictures: readonly GivenPicture[],
  source: Source,
  signal: AbortSignal | undefined,
): AsyncGenerator<NamedPicture, void, undefined> {
  for (const [i, picture] of pictures.entries()) {
    const path = nameOf(picture, i);
    try {
      yield { path, image: await decode(picture, path, { source, signal }) };
    } catch (error) {
      signal?.throwIfAborted();
      yield { path, reason: messageOf(error) };
    }
  }
}

function nameOf(picture: GivenPicture, place: number): string {
  if (typeof picture === 'string' || picture instanceof URL) return String(picture);
  return 'name' in picture ? picture.name : `picture ${place + 1}`;
}

async function decode(
  picture: GivenPicture,
  path: string,
  { source, signal }: { readonly source: Source; readonly signal: AbortSignal | undefined },
): ReturnType<Source['decoder']['decode']> {
  const { files, decoder, download } = source;
  if (typeof picture === 'object' && 'width' in picture) return rgbOf(picture, path);
  if (typeof picture === 'object' && 'bytes' in picture) return decoder.decode(picture.bytes, path);
  if (picture instanceof ArrayBuffer) return decoder.decode(new Uint8Array(picture), path);
  if (picture instanceof Uint8Array) return decoder.decode(picture, path);
  if (typeof picture === 'string' && !isAddress(picture)) {
    return decoder.decode(await files.read(picture, MAX_FILE_BYTES), path);
  }
  if (!download) throw new Fault('data', `${path}: expected a file, got an address, which this platform cannot load.`);
  return decoder.decode(await download(path, { maxBytes: MAX_FILE_BYTES, ...(signal && { signal }) }), path);
}
